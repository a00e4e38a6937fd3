"""Rows of the reductions, the matrix products and the losses: ops/reduce.py, linalg.py, loss.py.

Read next: cases_row.py (the words used here).
"""

import math

import numpy as np
from cases_row import apart, at, below, case, normal, run, unit

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
ALONG = [run(shape, dim=0) for shape in [(2, 3), (), (1,), (3, 0)]] + [run((2, 3, 2), dim=-1)]


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


def logsumexp(x, dim=None, keepdim=False):
    return np.log(reduced(np.sum)(np.exp(x), dim, keepdim))


def softmax(x, dim):
    return np.exp(x) / reduced(np.sum)(np.exp(x), dim, True)


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
    case(
        "logsumexp", ops.logsumexp, logsumexp, DIMS, gives="float",
        kinks=[
            at([1e4, -1e4], dim=0, y=1e4, grads=([1, 0],), second=[0, 0]),
            at([-inf, 0.0], dim=0, y=0, grads=([0, 1],), second=[0, 0]),
            at([-inf, -inf], dim=0, y=-inf, grads=([nan, nan],)),
        ],
    ),
    case(
        "softmax", ops.softmax, softmax, ALONG, gives="float",
        kinks=[
            at([80.0, -80.0], dim=0, y=[1, math.exp(-160)], grads=([0, 0],)),
            at([1e4, -1e4], dim=0, y=[1, 0], grads=([0, 0],), second=[0, 0]),
            at([-inf, 0.0], dim=0, y=[0, 1], grads=([0, 0],)),
        ],
    ),
    case(
        "log_softmax", ops.log_softmax, lambda x, dim: np.log(softmax(x, dim)), ALONG,
        gives="float",
        kinks=[
            at([80.0, -80.0], dim=0, y=[0, -160], grads=([-1, 1],), second=[0, 0]),
            at([1e4, -1e4], dim=0, y=[0, -2e4], grads=([-1, 1],), second=[0, 0]),
            at([-inf, 0.0], dim=0, y=[-inf, 0], grads=([1, -1],)),
        ],
    ),
]

PRODUCTS = [
    case(
        "matmul", ops.matmul, np.matmul,
        [
            run((2, 3), (3, 2)),
            run((3,), (3,)),
            run((2, 3), (3,)),
            run((2,), (2, 3)),
            run((2, 2, 3), (3, 2)),
            run((2, 3), (2, 3, 1)),
            run((2, 1, 2, 2), (3, 2, 1)),
            run((3,), (2, 3, 2)),
            run((2, 2, 3), (3,)),
            run((1, 1), (1, 1)),
            run((2, 0), (0, 3)),
            run((0, 2), (2, 3)),
            run((0, 2, 3), (3, 2)),
        ],
        linear=(0, 1),
    ),
    case(
        "linear", ops.linear, lambda x, w, b=0: x @ w.T + b,
        [
            run((2, 3), (2, 3), (2,)),
            run((2, 3), (4, 3)),
            run((3,), (2, 3), (2,)),
            run((2, 2, 3), (1, 3), (1,)),
            run((0, 3), (2, 3), (2,)),
        ],
        linear=(0, 1, 2),
    ),
]

REDUCTIONS = {"mean": np.mean, "sum": np.sum, "none": lambda x: x}
EACH = [run((2, 3), (2, 3), reduction=r) for r in REDUCTIONS]
EACH += [run((2, 3), (2, 3)), run((), ()), run((0, 3), (0, 3), reduction="sum")]
CLASSES = [run((3, 4), (3,), reduction=r) for r in REDUCTIONS]
CLASSES += [run((2, 3, 2), (2, 2)), run((2, 4, 1, 2), (2, 1, 2), reduction="sum")]
CLASSES += [run((0, 3), (0,), reduction="none")]


def loss(each):
    """Reduced as asked, from its value for each element."""
    return lambda x, target, reduction="mean": REDUCTIONS[reduction](each(x, target))


def negative_log_likelihood(x, target):
    """By a loop over the targets: x (N, C, ...), target (N, ...)."""
    p = softmax(x, 1)
    y = np.empty(target.shape)
    for place, c in np.ndenumerate(target):
        y[place] = -np.log(p[(place[0], c, *place[1:])])
    return y


def bernoulli(x, target):
    return -(target * np.log(x) + (1 - target) * np.log(1 - x))


LOSSES = [
    case(
        "mse_loss", ops.mse_loss, loss(lambda x, t: (x - t) ** 2), EACH, gives="float",
        kinks=[
            at([1.0], [1.0], y=0, grads=([0], [0]), second=[2]),
            at(np.ones((0, 2)), np.ones((0, 2)), y=nan, grads=(np.ones((0, 2)),) * 2),
        ],
    ),
    case(
        "l1_loss", ops.l1_loss, loss(lambda x, t: np.abs(x - t)), EACH, apart, apart,
        gives="float",
        kinks=[at([1.0, 2.0], [1.0, 0.0], y=1, grads=([0, 0.5], [0, -0.5]), second=[0, 0])],
    ),
    case(
        "cross_entropy", ops.cross_entropy, loss(negative_log_likelihood), CLASSES,
        normal, below(3),
        kinks=[
            at([[1e4, -1e4], [80.0, -80.0]], [0, 1], reduction="none", y=[0, 160],
               grads=([[0, 0], [1, -1]],)),
            at([[5.0]], [0], y=0, grads=([[0]],), second=[[0]]),
            at(np.ones((0, 3)), np.ones(0, int), y=nan, grads=(np.ones((0, 3)),)),
        ],
    ),
    case(
        "binary_cross_entropy", ops.binary_cross_entropy, loss(bernoulli), EACH, unit, unit,
        # logs are kept above -100, also in the target's gradient (PyTorch's is infinite there)
        kinks=[
            at([0.0, 1.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0], reduction="none", y=[0, 0, 100, 100],
               grads=([0, 0, -1e12, 1e12], [100, -100, 100, -100])),
        ],
    ),
    case(
        "binary_cross_entropy_with_logits", ops.binary_cross_entropy_with_logits,
        loss(lambda x, t: bernoulli(1 / (1 + np.exp(-x)), t)), EACH, normal, unit,
        kinks=[
            at([1e4, -1e4, 1e4, 80.0], [0.0, 1.0, 1.0, 1.0], reduction="none", y=[1e4, 1e4, 0, 0],
               grads=([1, -1, 0, 0], [-1e4, 1e4, -1e4, -80]), second=[0, 0, 0, 0]),
        ],
    ),
]
