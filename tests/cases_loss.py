"""Rows of ops/loss.py.

Read next: cases_row.py (the words used here).
"""

import numpy as np
from cases_row import apart, at, below, case, normal, run, unit
from cases_softmax import softmax

from minigen import ops

nan = np.nan


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

