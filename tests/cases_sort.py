"""Rows of what sorts, ranks and counts: ops/sort.py.

Read next: cases_row.py (the words used here).
"""

import math

import numpy as np
from cases_row import apart, at, below, case, normal, run

from minigen import ops
from minigen.tensor import Tensor

inf, nan = math.inf, math.nan

DIMS = [run((2, 3)), run((4, 2), dim=0), run((2, 3, 2), dim=1), run((5,)), run((1,)), run(())]


def order(x, dim=-1, descending=False, stable=False):
    x = x if descending is False else -x
    return np.argsort(x.reshape(x.shape or 1), dim, kind="stable").reshape(x.shape)


def in_order(x, dim=-1, descending=False, stable=False):
    index = order(x, dim, descending)
    return (np.take_along_axis(x, index, dim) if x.ndim else x), index


def top(x, k, dim=-1, largest=True):
    if not x.ndim:
        return x, np.zeros((), int)
    return tuple(np.take(v, range(k), dim) for v in in_order(x, dim, largest))


def quantiles(q):
    """At several fractions, as a tensor where x lives."""
    return lambda x, **options: ops.quantile(x, Tensor(np.array(q)).to(x.device), **options)


QUANTILES = [
    run((2, 3)),
    run((5, 2), dim=0),
    run((2, 3, 2), dim=1, keepdim=True),
    run((2, 3), dim=None, keepdim=True),
    *[
        run((4, 2), dim=0, interpolation=how)
        for how in ("linear", "lower", "higher", "midpoint", "nearest")
    ],
    run(()),
    run((3, 0), dim=0),
]


def quantile_at(q):
    def function(x, dim=None, keepdim=False, interpolation="linear"):
        return np.quantile(x, q, axis=dim, keepdims=keepdim, method=interpolation)

    return function


def increasing(rng, shape, k):
    """A sorted sequence with repeats, then values around it."""
    return np.sort(rng.integers(0, 6, shape), -1) if k == 0 else rng.integers(-1, 7, shape)


def places(rows, values, right=False, side=None):
    """By counting what is smaller."""
    rows, values = rows[..., None, :] if rows.ndim > 1 else rows, values[..., None]
    smaller = rows <= values if right or side == "right" else rows < values
    return smaller.sum(-1)


def counted(x, weights=None, minlength=0):
    many = max(int(x.max(initial=-1)) + 1, minlength)
    weights = np.ones(len(x), int) if weights is None else weights
    return np.array([weights[x == v].sum() for v in range(many)], weights.dtype)


SORTING = [
    case(
        "sort", ops.sort, in_order,
        [*DIMS, run((2, 4), descending=True), run((0, 2), dim=0), run((3, 0), descending=True)],
        apart,
        kinks=[
            at([2.0, nan, inf, -inf], y=([-inf, 2, inf, nan], [3, 0, 2, 1])),
            at([2.0, nan, inf, -inf], descending=True, y=([nan, inf, 2, -inf], [1, 2, 0, 3])),
            at([1.0, 0.0, 1.0, 0.0], stable=True, y=([0, 0, 1, 1], [1, 3, 0, 2]),
               grads=([1, 1, 1, 1],)),
            at([1.0, 0.0, 1.0, 0.0], stable=True, descending=True,
               y=([1, 1, 0, 0], [0, 2, 1, 3])),
        ],
    ),
    case(
        "argsort", ops.argsort, order,
        [*DIMS, run((2, 4), descending=True), run((0, 2), dim=0)], apart, gives="int",
        kinks=[at([3, 1, 3, 1], stable=True, descending=True, y=[0, 2, 1, 3])],
    ),
    case(
        "topk", ops.topk, top,
        [
            run((2, 4), k=2),
            run((2, 4), k=1, largest=False),
            run((5, 2), k=3, dim=0),
            run((2, 3, 2), k=2, dim=1, largest=False),
            run((3,), k=3),
            run((3,), k=0),
            run((), k=1),
            run((0, 3), k=2),
        ],
        apart,
        kinks=[
            at([2.0, nan, inf, 3.0], k=2, y=([nan, inf], [1, 2])),
            at([2.0, nan, inf, 3.0], k=2, largest=False, y=([2, 3], [0, 3])),
        ],
    ),
    case(
        "quantile", lambda x, **o: ops.quantile(x, 0.4, **o), quantile_at(0.4), QUANTILES, apart,
        gives="float",
        kinks=[
            at([[nan, 1.0], [5.0, 2.0]], dim=0, y=[nan, 1.4], grads=([[1, 0.6], [0, 0.4]],)),
            at([-inf, 1.0, 2.0, 3.0, 4.0, inf], y=2, grads=([0, 0, 1, 0, 0, 0],)),
            # the even rank, half-way
            at([1.0, 2.0, 3.0, 4.0], interpolation="midpoint", y=2.5, grads=([0, 0.5, 0.5, 0],)),
        ],
    ),
    case(
        "quantile", quantiles([0.0, 0.35, 1.0]), quantile_at([0.0, 0.35, 1.0]),
        [run((2, 3)), run((5, 2), dim=0), run((2, 3), dim=1, keepdim=True)], apart, gives="float",
    ),
    case(
        "bincount", ops.bincount, counted,
        [run((6,)), run((6,), minlength=7), run((0,)), run((0,), minlength=2)], below(4),
        gives="int",
    ),
    case(
        "bincount", ops.bincount, counted, [run((6,), (6,)), run((6,), (6,), minlength=7)],
        below(4), normal, gives="int",
    ),
    case(
        "searchsorted", ops.searchsorted, places,
        [
            run((5,), (2, 3)),
            run((5,), (2, 3), right=True),
            run((5,), (), side="right"),
            run((2, 5), (2, 3)),
            run((2, 3, 4), (2, 3, 2), side="right"),
            run((2, 1), (2, 3), side="left"),
            run((0,), (3,)),
            run((2, 0), (2, 3)),
            run((2, 5), (2, 0)),
        ],
        increasing, gives="int",
        kinks=[at([1.0, 2.0, 2.0, 4.0], [2.0, nan], y=[1, 4]),
               at([[1.0, 2.0, 2.0, 4.0]], [[2.0, nan]], right=True, y=[[3, 4]])],
    ),
]
