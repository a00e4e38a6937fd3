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
    case("max", ops.max, np.maximum, [run((2, 3), (3,))], apart, apart),
    case("min", ops.min, np.minimum, [run((2, 3), (3,))], apart, apart),
]
