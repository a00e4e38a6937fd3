"""Rows of ops/functions.py.

Numbers at ties and edges are those of PyTorch 2, looked up by hand.

Read next: cases_row.py (the words used here).
"""

import math

import numpy as np
from cases_row import at, elementwise, positive

from minigen import ops

inf, nan = math.inf, math.nan
erf = np.vectorize(math.erf, otypes="d")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


FUNCTIONS = [
    elementwise(
        "exp", ops.exp, np.exp, gives="float", kinks=[at([-inf, -1e4], y=[0, 0], grads=([0, 0],))]
    ),
    elementwise(
        "log", ops.log, np.log, positive, gives="float",
        kinks=[at([0.0, inf], y=[-inf, inf], grads=([inf, 0],))],
    ),
    elementwise(
        "sqrt", ops.sqrt, np.sqrt, positive, gives="float",
        kinks=[at([0.0], y=[0], grads=([inf],))],
    ),
    elementwise(
        "rsqrt", ops.rsqrt, lambda x: x**-0.5, positive, gives="float",
        kinks=[at([0.0], y=[inf], grads=([-inf],))],
    ),
    elementwise("sin", ops.sin, np.sin, gives="float"),
    elementwise("cos", ops.cos, np.cos, gives="float"),
    elementwise("erf", ops.erf, erf, gives="float"),
    elementwise(
        "tanh", ops.tanh, np.tanh, gives="float",
        kinks=[at([1e4, -1e4], y=[1, -1], grads=([0, 0],))],
    ),
    elementwise(
        "sigmoid", ops.sigmoid, sigmoid, gives="float",
        kinks=[at([1e4, -1e4, 0.0], y=[1, 0, 0.5], grads=([0, 0, 0.25],), second=[0, 0, 0])],
    ),
]

