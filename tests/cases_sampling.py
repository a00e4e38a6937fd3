"""Rows of the ops that draw random numbers and are differentiable: ops/random.py.

Read next: cases_row.py (the words used here).
"""

import numpy as np
from cases_row import case, run

from minigen import ops
from minigen.ops.random import Generator


def our_dropout(x, p=0.5, training=True):
    return ops.dropout(x, p, training, rng=Generator(4, x.device))


def dropout(x, p=0.5, training=True):
    """The same elements kept as those of ones: which, is chance; how many, test_ops counts."""
    if not training:
        return x
    kept = our_dropout(ops.ones(x.shape), p).numpy() != 0
    return np.where(kept, x / (1 - p) if p < 1 else 0, 0)


SAMPLING = [
    case(
        "dropout", our_dropout, dropout,
        [
            run((4, 3)),
            run((2, 3), p=0.2),
            run((6,), p=0.5, training=False),
            run((6,), p=1.0),
            run((3,), p=0),
            run(()),
            run((0, 2)),
        ],
        linear=(0,),
    ),
]

