"""Rows of ops/norm.py.

Read next: cases_row.py (the words used here).
"""

import numpy as np
from cases_row import case, normal, positive, run

from minigen import ops


def batch_norm(x, w=1.0, b=0.0, mean=None, var=None, training=True, eps=1e-5):
    axes = (0, *range(2, x.ndim))
    mean = x.mean(axes) if training else mean
    var = x.var(axes) if training else var
    by_channel = [np.reshape(v, (-1,) + (1,) * (x.ndim - 2)) for v in (mean, var, w, b)]
    mean, var, w, b = by_channel
    return (x - mean) / np.sqrt(var + eps) * w + b


def our_batch_norm(x, w=None, b=None, mean=None, var=None, **options):
    mean, var = (v if v is None else ops.tensor(v, x.dtype, x.device) for v in (mean, var))
    return ops.batch_norm(x, mean, var, w, b, **options)


STATISTICS = dict(mean=[0.5, -1.0], var=[2.0, 0.3])


NORMALISATION = [
    case(
        "batch_norm", our_batch_norm, batch_norm,
        [
            run((3, 2), (2,), (2,), training=True),
            run((2, 2, 2), training=True, eps=0.1),
            run((2, 2, 1, 2), (2,), training=True),
            run((3, 2), (2,), (2,), **STATISTICS, training=False),
            run((2, 2, 2), **STATISTICS, training=False, eps=0.1),
            run((1, 2, 1, 1), (2,), **STATISTICS, training=False),
            run((0, 2, 3), (2,), (2,), **STATISTICS, training=False),
        ],
        normal, positive, normal, gives="float",
    ),
]

