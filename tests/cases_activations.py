"""Rows of ops/activations.py.

Numbers at ties and edges are those of PyTorch 2, looked up by hand.

Read next: cases_row.py (the words used here).
"""

import math

import numpy as np
from cases_functions import erf, sigmoid
from cases_row import apart, at, elementwise

from minigen import ops


def gelu(x, approximate="none"):
    if approximate == "tanh":
        return x / 2 * (1 + np.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x**3)))
    return x / 2 * (1 + erf(x / 2**0.5))


ACTIVATIONS = [
    elementwise(
        "relu", ops.relu, lambda x: np.maximum(x, 0), apart,
        kinks=[at([0.0, -0.0], y=[0, 0], grads=([0, 0],), second=[0, 0])],
    ),
    elementwise(
        "leaky_relu", ops.leaky_relu,
        lambda x, negative_slope=0.01: np.where(x > 0, x, negative_slope * x), apart, gives="float",
        options=[{}, dict(negative_slope=0.2), dict(negative_slope=-1)],
        kinks=[at([0.0], negative_slope=0.2, y=[0], grads=([0.2],), second=[0])],
    ),
    elementwise(
        "softplus", ops.softplus,
        lambda x, beta=1.0, threshold=20.0: np.log1p(np.exp(beta * x)) / beta, gives="float",
        options=[{}, dict(beta=3.0), dict(beta=0.5, threshold=50)],
        kinks=[
            at([1e4, -1e4, 0.0], y=[1e4, 0, math.log(2)], grads=([1, 0, 0.5],),
               second=[0, 0, 0.25]),
            at([1.0, 1.5], threshold=1.0, y=[math.log1p(math.e), 1.5],
               grads=([1 / (1 + math.exp(-1)), 1],)),
        ],
    ),
    elementwise(
        "silu", ops.silu, lambda x: x * sigmoid(x), gives="float",
        kinks=[at([1e4, -1e4, 0.0], y=[1e4, 0, 0], grads=([1, 0, 0.5],), second=[0, 0, 0.5])],
    ),
    elementwise(
        "gelu", ops.gelu, gelu, gives="float", options=[{}, dict(approximate="tanh")],
        kinks=[
            at([30.0, -30.0, 0.0], y=[30, 0, 0], grads=([1, 0, 0.5],)),
            at([30.0, -30.0, 0.0], approximate="tanh", y=[30, 0, 0], grads=([1, 0, 0.5],)),
        ],
    ),
]

