"""The arrays' side of ops that have kernels: one file a family, as in minigen/backend itself.

Idea: a function here has the name and the arguments of the NumPy function that it stands in for,
brings its arrays into the shapes that a kernel knows, and launches. The NumPy side asks
`kernels.active(x)` in its first line and hands over; nobody else does.
Read next: ../kernels.py (launch), softmax.py.
"""

import functools

from minigen.backend import array_module, device_of


def constant(x, rows):
    """Whole numbers, a tuple of tuples, as an int32 array where x lives; made once."""
    return _constant(array_module(x), device_of(x), rows)


@functools.lru_cache(1024)
def _constant(xp, device, rows):
    return xp.asarray(rows, dtype="int32")
