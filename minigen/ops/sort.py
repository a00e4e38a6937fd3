"""Order and counting: sort, topk, quantile, bincount, searchsorted.

Idea: which element goes where is a question without a derivative: `_order` and `_top` answer it
with indices and are never recorded. The values are then read by `gather`, which is linear in x, and
brings the gradient back to where each value came from.

nan counts as larger than every number, as in NumPy and PyTorch.
Read next: gather.py.
"""

import builtins
import math
import numbers
from typing import NamedTuple

import numpy

from minigen.backend import array_module, to_numpy
from minigen.errors import check_dim
from minigen.ops._define import composite, primitive
from minigen.ops.elementwise import cast, logical_and, logical_or, where
from minigen.ops.functions import _difference
from minigen.ops.gather import gather
from minigen.ops.index import _index
from minigen.ops.reduce import _axes, _count
from minigen.ops.shape import permute, reshape
from minigen.tensor import Tensor


class Sorted(NamedTuple):
    """What sort and topk return."""

    values: Tensor
    indices: Tensor


# ---- sorting


@primitive()
def _order(x, dim, descending, stable):
    """The indices that sort x along dim."""
    xp, kind = array_module(x), "stable" if stable else None
    if not x.ndim:
        return xp.zeros((), "int64")
    if not descending:
        return xp.argsort(x, dim, kind)
    # sorted backwards, then turned: the largest, nan too, come first, and equals keep their order
    turn = (*[slice(None)] * dim, slice(None, None, -1))
    return (x.shape[dim] - 1 - xp.argsort(x[turn], dim, kind))[turn]


@composite
def argsort(x, dim=-1, descending=False, stable=False):
    """The indices that sort x along dim: gather(x, dim, argsort(x, dim)) is sorted.

    stable=True keeps the order of equal elements; without it, it is not defined.
    """
    return _order(x, check_dim("argsort", dim, x.ndim), descending, stable)


@composite
def sort(x, dim=-1, descending=False, stable=False):
    """The elements in increasing order along dim: (values, indices), values[i] = x[indices[i]].

    nan is the largest. stable=True keeps the order of equal elements. The gradient of a value goes
    to the element that it is.
    """
    dim = check_dim("sort", dim, x.ndim)
    order = _order(x, dim, descending, stable)
    return Sorted(gather(x, dim, order), order)


@primitive()
def _top(x, k, dim, largest, in_order):
    """The indices of the k largest or smallest along dim."""
    xp, n = array_module(x), x.shape[dim]
    head = (*[slice(None)] * dim, slice(k))
    if not 0 < 2 * k < n or n <= 64:  # sorting all is as fast
        return _order.op.forward(x, dim, largest, False)[head]
    tail = (*[slice(None)] * dim, slice(n - k, None))
    found = xp.argpartition(x, n - k if largest else k, dim)[tail if largest else head]
    if not in_order:
        return found
    order = _order.op.forward(xp.take_along_axis(x, found, dim), dim, largest, False)
    return xp.take_along_axis(found, order, dim)


@composite
def topk(x, k, dim=-1, largest=True, sorted=True):
    """The k largest elements along dim (largest=False: smallest), best first: (values, indices).

    nan is the largest. sorted=False: in no order. Which of equal elements are taken is not defined.
    The gradient of a value goes to the element that it is. ValueError for k out of range.
    """
    dim = check_dim("topk", dim, x.ndim)
    size = x.shape[dim] if x.ndim else 1
    if not isinstance(k, numbers.Integral):
        raise TypeError(f"topk: k must be a whole number, not {k!r}")
    if not 0 <= k <= size:
        raise ValueError(
            f"topk: k = {k} of {size} elements in dim {dim} of {tuple(x.shape)}; k must lie in "
            f"[0, {size}]"
        )
    if not x.ndim:
        one = topk(reshape(x, (1,)), k, 0, largest, sorted)
        return Sorted(*[reshape(v, ()) if k else v for v in one])
    found = _top(x, k, dim, largest, sorted)
    return Sorted(gather(x, dim, found), found)


# ---- quantiles


@primitive()
def _ranked(x, ranks):
    """The indices of the elements of given ranks along the last dim; of the nan, if one is there.

    x (..., n), ranks (k,) -> (..., k)
    """
    xp = array_module(x)
    order = xp.argsort(x, -1)
    last = order[..., -1:]
    spoilt = xp.isnan(xp.take_along_axis(x, last, -1))
    return xp.where(spoilt, last, order[..., ranks])


_INTERPOLATION = {  # rank -> (the ranks read, below and above; how far from one to the other)
    "linear": lambda r: (numpy.floor(r), numpy.ceil(r), r - numpy.floor(r)),
    "lower": lambda r: (numpy.floor(r), numpy.floor(r), r * 0),
    "higher": lambda r: (numpy.ceil(r), numpy.ceil(r), r * 0),
    "midpoint": lambda r: (numpy.floor(r), numpy.ceil(r), r * 0 + 0.5),
    "nearest": lambda r: (numpy.rint(r), numpy.rint(r), r * 0),
}


def _checked_q(q):
    q = q._data if isinstance(q, Tensor) else q
    if not isinstance(q, numbers.Real) and not hasattr(q, "dtype"):
        raise TypeError(f"quantile: q must be a number or a tensor, not {type(q).__name__}")
    q = to_numpy(q)
    q = q if q.dtype.kind == "f" else q.astype("float64")
    if q.ndim > 1:
        raise ValueError(f"quantile: q {q.shape} must be a number or have one dimension")
    if not ((q >= 0) & (q <= 1)).all():
        raise ValueError(f"quantile: q is a fraction, {q.tolist()} is not in [0, 1]")
    return q


@composite
def quantile(x, q, dim=None, keepdim=False, *, interpolation="linear"):
    """The value below which a fraction q of the elements lies; q = 0.5: the median.

    q: a number, or a tensor (k,), whose dimension then comes first in the result. Between two
    elements of ranks i < q·(n - 1) < i + 1: "linear", "lower", "higher", "midpoint" or "nearest"
    (the even rank, half-way). nan where there is one. The gradient goes to the elements read; q has
    none. ValueError for q outside of [0, 1], over nothing, and for other words.
    """
    q, shape = _checked_q(q), tuple(x.shape)
    if interpolation not in _INTERPOLATION:
        raise ValueError(
            f"quantile: interpolation must be one of {', '.join(_INTERPOLATION)}, not "
            f"{interpolation!r}"
        )
    if dim is not None:
        dim = check_dim("quantile", dim, x.ndim)
    axes, n = _axes(dim, x.ndim), _count(shape, dim)
    if not n:
        raise ValueError(f"quantile: shape {shape} has nothing to choose from in dim {dim}")
    x = x if x.dtype.kind in "fV" else cast(x, "float32")
    order = builtins.sorted(range(x.ndim), key=lambda i: i in axes)
    kept = [shape[i] for i in order if i not in axes]
    flat = reshape(permute(x, order), (*kept, n))
    rank = q.reshape(-1) * q.dtype.type(n - 1)  # as precise as q: 0.7 · 10 is 7 in float32 too
    below, above, weight = _INTERPOLATION[interpolation](rank.astype("float64"))
    count = len(weight)
    ranks = numpy.concatenate([below, above]).astype("int64")
    read = gather(flat, -1, _ranked(flat, ranks))
    low, high = (_index(read, (..., s)) for s in (slice(count), slice(count, None)))
    weight = cast(_like(weight, flat), x.dtype)
    y = _between(low, high, weight)  # (*kept, k)
    y = permute(y, (y.ndim - 1, *range(y.ndim - 1)))
    if keepdim:
        kept = [1 if i in axes else size for i, size in enumerate(shape)]
    return reshape(y, (*q.shape, *kept))


def _between(low, high, weight):
    """low + weight·(high - low): from the end that is finite, or from the nearer one."""
    way = _difference(high, low)
    from_low = low + where(weight == 0, 0.0, way * weight)
    near_low = logical_and(low != -math.inf, logical_or(weight < 0.5, high == math.inf))
    return where(logical_or(weight == 0, near_low), from_low, high - way * (1 - weight))


def _like(values, x):
    """NumPy's values where x lives."""
    data = x._data if isinstance(x, Tensor) else x
    return array_module(data).asarray(values)


# ---- counting and searching: never recorded


@primitive()
def _bincount(x, weights, minlength):
    xp = array_module(x)
    if not x.size:  # CuPy would look for the largest
        return xp.zeros(minlength, "int64" if weights is None else weights.dtype)
    if int(x.min()) < 0:
        raise ValueError(f"bincount: counts whole numbers from 0 up, but there is a {int(x.min())}")
    return xp.bincount(x, weights, minlength)


@composite
def bincount(x, weights=None, minlength=0):
    """How often each whole number from 0 up occurs in x: y[v] = Σ_i [x_i = v], times weights_i.

    x (n,) integers >= 0; weights (n,) -> (max(max x + 1, minlength),), int64, or floats with
    weights. No gradient (scatter_add has one). ValueError for other shapes and negative numbers.
    """
    if x.ndim != 1:
        raise ValueError(f"bincount: x {tuple(x.shape)} must have one dimension; use flatten()")
    if x.dtype.kind not in "iu":
        raise TypeError(f"bincount: x must hold whole numbers, not {x.dtype}; use .long()")
    if weights is not None and tuple(weights.shape) != tuple(x.shape):
        raise ValueError(
            f"bincount: weights {tuple(weights.shape)} must have the shape of x, {tuple(x.shape)}"
        )
    if not isinstance(minlength, numbers.Integral) or minlength < 0:
        raise ValueError(f"bincount: minlength must be a whole number >= 0, not {minlength!r}")
    return _bincount(x, weights, minlength)


@primitive()
def _searchsorted(rows, values, right):
    xp = array_module(rows)
    if rows.ndim == 1:
        return xp.searchsorted(rows, xp.asarray(values), "right" if right else "left")
    # all rows at once: halve [low, high) until it is empty; beyond the end is larger than anything
    n = rows.shape[-1]
    low, high = xp.zeros(values.shape, "int64"), xp.full(values.shape, n, "int64")
    for _ in range(n.bit_length()):
        middle = (low + high) // 2
        at = xp.take_along_axis(rows, xp.minimum(middle, n - 1), -1)
        beyond = xp.logical_and(low < high, ~(at > values if right else at >= values))
        low, high = xp.where(beyond, middle + 1, low), xp.where(beyond, high, middle)
    return low


@composite
def searchsorted(sorted_sequence, values, *, right=False, side=None):
    """Where to insert values so that the sequence stays sorted, in increasing order.

        right=False, side="left":    sequence[i - 1] <  value <= sequence[i]
        right=True,  side="right":   sequence[i - 1] <= value <  sequence[i]

    sorted_sequence (n,) and values of any shape, or (..., n) and (..., m), a row for a row; not
    checked for order -> int64, shape of values. A number among values is fine for (n,). No
    gradient. ValueError if the shapes before the last dimension differ, or right contradicts side.
    """
    if side not in (None, "left", "right"):
        raise ValueError(f'searchsorted: side must be "left" or "right", not {side!r}')
    if side == "left" and right:
        raise ValueError('searchsorted: side="left" contradicts right=True; give one of them')
    if values is None or isinstance(values, str):
        raise TypeError(f"searchsorted: values must be numbers, not {values!r}")
    shape, wanted = tuple(sorted_sequence.shape), numpy.shape(values)
    if len(shape) != 1 and (not shape or shape[:-1] != wanted[:-1] or len(shape) != len(wanted)):
        raise ValueError(
            f"searchsorted: sorted_sequence {shape} and values {wanted} must agree in all "
            "dimensions but the last, or the sequence must have one dimension"
        )
    return _searchsorted(sorted_sequence, values, right or side == "right")
