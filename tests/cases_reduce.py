"""Rows of the reductions: ops/reduce.py.

Read next: cases_row.py (the words used here).
"""

import math

import numpy as np
from cases_row import apart, at, case, run

from minigen import ops

inf, nan = math.inf, math.nan

DIMS = [
    run((2, 3)),
    run((2, 3), dim=0),
    run((2, 3), dim=-1, keepdim=True),
    run((2, 1, 3), dim=(0, -1)),
    run((2, 3, 2), dim=(2, 1), keepdim=True),
    run((2, 3), dim=np.int64(1)),
    run((2, 3), dim=()),
    run((2, 3), dim=None, keepdim=True),
    run(()),
    run((), dim=0),
    run((1,), dim=0),
    run((3, 0), dim=0),
]
OVER_NOTHING = [run((0, 3), dim=0), run((2, 0)), run((2, 0, 3), dim=(1, 2), keepdim=True)]
ONE_DIM = [r for r in DIMS if isinstance(r.options.get("dim"), int)]


def reduced(numpy):
    """A reduction of NumPy under PyTorch's names; a number has the one dimension 0."""

    def function(x, dim=None, keepdim=False, **options):
        axis = (tuple(dim) or None) if isinstance(dim, (tuple, list)) else dim
        return numpy(x, axis=axis if x.ndim else None, keepdims=keepdim, **options)

    return function


def spread(root=lambda v: v):
    def function(x, dim=None, keepdim=False, correction=1):
        return root(reduced(np.var)(x, dim, keepdim, ddof=correction))

    return function


def extreme(values, places):
    def function(x, dim=None, keepdim=False):
        if dim is None:
            return values(x)
        return reduced(values)(x, dim, keepdim), reduced(places)(x, dim, keepdim)

    return function


SPREADS = [
    *[run((2, 3), **o) for o in (dict(), dict(dim=1), dict(dim=1, correction=0, keepdim=True))],
    run((2, 3, 2), dim=(0, 2)),
    run((2, 3), dim=(0, 1), correction=2),
    run((2, 3), dim=()),
    run((2,), dim=0),
    run((3, 0), dim=0),
]

NORMS = [
    *[run((2, 3), p=p, dim=1) for p in (2, 1, 3, 1.5, 0.5, -1, inf, -inf, 0)],
    run((2, 3)),
    run((2, 1, 3), dim=(0, -1), keepdim=True),
    run((2, 3), p=3.0, dim=0, keepdim=True),
    run((), p=3),
    run((3, 0), dim=0),
]


def vector_norm(x, p="fro", dim=None, keepdim=False):
    """By the definition: the extremes, the count and the power mean."""
    size = np.abs(x)
    if p in (inf, -inf):
        return reduced(np.max if p > 0 else np.min)(size, dim, keepdim)
    if p == 0:
        return reduced(np.sum)(size > 0, dim, keepdim).astype(x.dtype)
    p = 2 if p == "fro" else p
    return reduced(np.sum)(size**p, dim, keepdim) ** (1 / p)


def zeros_and_ones(rng, shape, k):
    return rng.integers(0, 2, shape).astype("float64")


REDUCE = [
    case("sum", ops.sum, reduced(np.sum), [*DIMS, *OVER_NOTHING], linear=(0,)),
    case(
        "mean", ops.mean, reduced(np.mean), DIMS, linear=(0,), gives="float",
        kinks=[at(np.ones((2, 0)), dim=1, y=[nan, nan], grads=(np.ones((2, 0)),))],
    ),
    case(
        "var", ops.var, spread(), SPREADS, gives="float",
        kinks=[
            at([2.0, 2.0, 2.0], y=0, grads=([0, 0, 0],), second=[0, 0, 0]),
            at([2.0], y=nan, grads=([nan],)),
            at([2.0], correction=0, y=0, grads=([0],)),
        ],
    ),
    case(
        "std", ops.std, spread(np.sqrt), SPREADS, gives="float",
        # the gradient where the root is 0 is taken as 0
        kinks=[
            at([2.0, 2.0, 2.0], y=0, grads=([0, 0, 0],), second=[0, 0, 0]),
            at([2.0], y=nan, grads=([nan],)),
        ],
    ),
    *[
        case(
            name, fn, reduced(numpy), DIMS, apart,
            # ties share the gradient equally
            kinks=[
                at([[2.0 * sign, 0.0, 2.0 * sign], [2.0 * sign] * 3], dim=1, y=[2 * sign] * 2,
                   grads=([[1 / 2, 0, 1 / 2], [1 / 3] * 3],), second=np.zeros((2, 3))),
            ],
        )
        for name, fn, numpy, sign in [("amax", ops.amax, np.max, 1), ("amin", ops.amin, np.min, -1)]
    ],
    *[
        case(
            name, fn, reduced(numpy),
            [*ONE_DIM, run((2, 3)), run((2, 3), dim=None, keepdim=True)], apart,
            gives="int", kinks=[at([1.0, 1.0, 1.0], y=0), at([[0.0, 0.0]], dim=-1, y=[0])],
        )
        for name, fn, numpy in [
            ("argmax", ops.argmax, np.argmax), ("argmin", ops.argmin, np.argmin)
        ]
    ],
    *[
        case(
            name, fn, extreme(values, places), [*ONE_DIM, run((2, 3))], apart,
            # over all elements ties share; along a dim the first one takes all
            kinks=[
                at([2.0, 2.0, 2.0, 2.0], y=2, grads=([0.25] * 4,)),
                at([[3.0, 3.0, 3.0]], dim=1, y=([3], [0]), grads=([[1, 0, 0]],)),
            ],
        )
        for name, fn, values, places in [
            ("max", ops.max, np.max, np.argmax), ("min", ops.min, np.min, np.argmin)
        ]
    ],
    case(
        "prod", ops.prod, reduced(np.prod), [*DIMS, *OVER_NOTHING],
        # PyTorch's: gradient and second gradient at one zero, two, three
        kinks=[
            at([2.0, 0.0, 3.0], y=0, grads=([0, 6, 0],), second=[3, 5, 2]),
            at([2.0, 0.0, 0.0], dim=0, y=0, grads=([0, 0, 0],), second=[0, 2, 2]),
            at([[0.0, 0.0, 0.0], [1.0, 2.0, 0.0]], dim=-1, y=[0, 0],
               grads=([[0, 0, 0], [0, 0, 2]],), second=[[0, 0, 0], [2, 1, 3]]),
            at([1e20, 1e-20], y=1, grads=([1e-20, 1e20],)),
        ],
    ),
    *[
        case(name, fn, reduced(numpy), [*DIMS, *OVER_NOTHING], zeros_and_ones, gives="bool",
             kinks=[at([0.0, nan], y=some), at([[0, 2], [3, 1]], dim=1, y=[some, True])])
        for name, fn, numpy, some in [
            ("any", ops.any, np.any, True), ("all", ops.all, np.all, False)
        ]
    ],
    case(
        "norm", ops.norm, vector_norm, NORMS, apart, gives="float",
        kinks=[
            at([[3.0, -4.0], [0.0, 0.0]], dim=1, y=[5, 0], grads=([[0.6, -0.8], [0, 0]],),
               second=[[28 / 125, 21 / 125], [0, 0]]),
            at([3.0, -4.0], p=2, y=5, grads=([0.6, -0.8],)),
            at([3e15, -4e15, 0.0], y=5e15, grads=([0.6, -0.8, 0],)),
            at([3e30, -4e30, 0.0], y=5e30, grads=([0.6, -0.8, 0],)),
            at([3e-30, -4e-30], y=5e-30, grads=([0.6, -0.8],)),
            at([1e30, 1e30], p=3, y=2 ** (1 / 3) * 1e30, grads=([2 ** (-2 / 3)] * 2,)),
            at([0.0, 0.0], p=3, y=0, grads=([0, 0],), second=[0, 0]),
            at([0.0, 4.0, -1.0], p=0.5, y=9, grads=([0, 1.5, -3],)),
            at([0.0, -2.0], p=1.0, y=2, grads=([0, -1],), second=[0, 0]),
            at([0.0, -2.0, 2.0], p=0, y=2, grads=([0, 0, 0],)),
            at([0.0, -2.0], p=-1.0, y=0, grads=([0, 0],)),
            at([1.0, -2.0, 2.0], p=inf, y=2, grads=([0, -0.5, 0.5],)),
            at([1.0, -1.0, 2.0], p=-inf, y=1, grads=([0.5, -0.5, 0],)),
            at([0.0, 0.0], p=inf, y=0, grads=([0, 0],)),
            at([inf, 1.0], y=inf), at([nan, 1.0], y=nan), at([nan, 1.0], p=3, y=nan),
            at(np.ones((2, 0)), dim=1, y=[0, 0], grads=(np.ones((2, 0)),)),
        ],
    ),
    case("max", ops.max, np.maximum, [run((2, 3), (3,))], apart, apart),
    case("min", ops.min, np.minimum, [run((2, 3), (3,))], apart, apart),
]
