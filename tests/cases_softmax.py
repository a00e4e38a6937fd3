"""Rows of ops/softmax.py.

Read next: cases_row.py (the words used here).
"""

import math

import numpy as np
from cases_reduce import DIMS, reduced
from cases_row import at, case, run

from minigen import ops

inf, nan = math.inf, math.nan



ALONG = [run(shape, dim=0) for shape in [(2, 3), (), (1,), (3, 0)]] + [run((2, 3, 2), dim=-1)]


def logsumexp(x, dim=None, keepdim=False):
    return np.log(reduced(np.sum)(np.exp(x), dim, keepdim))


def softmax(x, dim):
    return np.exp(x) / reduced(np.sum)(np.exp(x), dim, True)


SOFTMAX = [
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

