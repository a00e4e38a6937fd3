"""Softmax on a device; see ../rows.py for what the functions mean, and kernels/softmax.cu.

Read next: ../rows.py.
"""

from minigen.backend import array_module
from minigen.backend.kernels import launch


def rows_of(x, axis):
    """(x as rows along axis, function that brings such rows back to the shape of x).

    axis: a number, a tuple, or None for all. A copy, unless axis is last and x in C order.
    """
    xp = array_module(x)
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(a % x.ndim for a in axes) if x.ndim else ()  # 0-d: one row of one
    order = (*(a for a in range(x.ndim) if a not in axes), *axes)
    moved = x.transpose(order)
    length = 1
    for a in axes:
        length *= x.shape[a]
    back = tuple(order.index(a) for a in range(x.ndim))
    rows = xp.ascontiguousarray(moved).reshape(x.size // max(length, 1), length)
    return rows, lambda y: y.reshape(moved.shape).transpose(back)


def softmax(x, axis):
    """rows.softmax."""
    rows, back = rows_of(x, axis)
    return back(launch("softmax_forward", rows))


def softmax_backward(g, p, axis):
    """rows.softmax_backward."""
    rows, back = rows_of(p, axis)
    return back(launch("softmax_backward", rows_of(g.astype(p.dtype, copy=False), axis)[0], rows))
