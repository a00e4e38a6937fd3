"""Softmax on a device; see ../rows.py for what the functions mean, and kernels/softmax.cu.

Idea: the kernels know x as (outer, columns, inner). Any dimension, or several neighbours, of memory
in C order is so without a copy.
Read next: ../rows.py.
"""

import math

from numpy.lib.array_utils import normalize_axis_index

from minigen.backend.kernels import launch
from minigen.kernels.softmax import team_for

_MANY = 1 << 14  # threads that fill a GPU
_SHORT = 256  # columns up to which fewer threads do


def _dims(x, axis):
    """axis, a number, a tuple or None for all, as a sorted list; [] for a 0-d x.

    AxisError for an axis that x has not, ValueError for one named twice: as NumPy's reductions.
    """
    if axis is None or (x.ndim == 0 and axis in (0, -1)):
        return list(range(x.ndim))
    axes = axis if isinstance(axis, tuple) else (axis,)
    axes = sorted(normalize_axis_index(a, x.ndim) for a in axes)
    if len({*axes}) < len(axes):
        raise ValueError("duplicate value in 'axis'")
    return axes


def _laid(x, axis):
    """(x as (outer, columns, inner), team for a row, function that gives a result x's shape)."""
    axes = _dims(x, axis)
    first, last = (axes[0], axes[-1] + 1) if axes else (0, 0)
    sizes = (math.prod(x.shape[:first]), math.prod(x.shape[first:last]), math.prod(x.shape[last:]))
    outer, columns, inner = sizes
    fills = inner == 1 or columns <= _SHORT or outer * inner >= _MANY
    if fills and len(axes) == last - first:
        return x.reshape(sizes), team_for(columns, inner), lambda y: y.reshape(x.shape)
    order = (*(a for a in range(x.ndim) if a not in axes), *axes)
    moved = x.transpose(order)
    columns = math.prod(x.shape[a] for a in axes)
    back = tuple(order.index(a) for a in range(x.ndim))
    return (
        moved.reshape(x.size // max(columns, 1), columns, 1),
        team_for(columns, 1),
        lambda y: y.reshape(moved.shape).transpose(back),
    )


def softmax(x, axis, log=False):
    """rows.softmax, or rows.log_softmax."""
    rows, team, back = _laid(x, axis)
    return back(launch("softmax_forward", rows, log=log, team=team))


def logsumexp(x, axis):
    """rows.logsumexp."""
    rows, team, _ = _laid(x, axis)
    y, axes = launch("logsumexp", rows, team=team), _dims(x, axis)
    return y.reshape([1 if a in axes else n for a, n in enumerate(x.shape)])


def softmax_backward(g, y, axis, log=False):
    """rows.softmax_backward, or rows.log_softmax_backward; g and y of one dtype."""
    rows, team, back = _laid(y, axis)
    return back(launch("softmax_backward", _laid(g, axis)[0], rows, log=log, team=team))
