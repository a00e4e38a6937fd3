"""The arrays' side of ops that have kernels: one file a family, as in minigen/backend itself.

Idea: a function here has the name and the arguments of the NumPy function that it stands in for,
brings its arrays into the shapes that a kernel knows, and launches. The NumPy side asks
`kernels.active(x)` in its first line and hands over; nobody else does.
Read next: ../kernels.py (launch), softmax.py.
"""


def three(sizes, fill=1):
    """One to three numbers, one for each dimension, as three: the first ones missing are `fill`."""
    return (fill,) * (3 - len(sizes)) + tuple(sizes)
