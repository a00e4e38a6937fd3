"""Rows of ops/functions.py.

Numbers at ties and edges are those of PyTorch 2, looked up by hand.

Read next: cases_row.py (the words used here).
"""

import math

import numpy as np
from cases_row import at, elementwise, normal, positive

from minigen import ops

inf, nan = math.inf, math.nan
erf = np.vectorize(math.erf, otypes="d")
erfc = np.vectorize(math.erfc, otypes="d")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def inside(rng, shape, k):
    """Sines and cosines: from -0.9 to 0.9."""
    return rng.uniform(-0.9, 0.9, shape)


FUNCTIONS = [
    elementwise(
        "exp", ops.exp, np.exp, gives="float", kinks=[at([-inf, -1e4], y=[0, 0], grads=([0, 0],))]
    ),
    elementwise(
        "log", ops.log, np.log, positive, gives="float",
        kinks=[at([0.0, inf], y=[-inf, inf], grads=([inf, 0],))],
    ),
    elementwise(
        "expm1", ops.expm1, lambda x: 2 * np.exp(x / 2) * np.sinh(x / 2), gives="float",
        kinks=[
            at([-inf, 0.0, 1e-20, -1e-30], y=[-1, 0, 1e-20, -1e-30], grads=([0, 1, 1, 1],),
               second=[0, 1, 1, 1]),
        ],
    ),
    elementwise(
        "log1p", ops.log1p, lambda x: 2 * np.arctanh(x / (2 + x)), positive, gives="float",
        kinks=[
            at([-1.0, inf, -2.0], y=[-inf, inf, nan], grads=([inf, 0, -1],), second=[-inf, 0, -1]),
            at([1e-20, -1e-30], y=[1e-20, -1e-30], grads=([1, 1],), second=[-1, -1]),
        ],
    ),
    elementwise(
        "log2", ops.log2, lambda x: np.log(x) / math.log(2), positive, gives="float",
        kinks=[at([0.0, inf, 8.0], y=[-inf, inf, 3], grads=([inf, 0, 0.125 / math.log(2)],))],
    ),
    elementwise(
        "logaddexp", ops.logaddexp, lambda a, b: np.log(np.exp(a) + np.exp(b)), inputs=2,
        gives="float",
        kinks=[
            at([1e4, -1e4, 0.0], [-1e4, -1e4, 0.0], y=[1e4, math.log(2) - 1e4, math.log(2)],
               grads=([1, 0.5, 0.5], [0, 0.5, 0.5]), second=[0, 0.25, 0.25]),
            at([inf, -inf, 0.0, nan], [-inf, 0.0, inf, 0.0], y=[inf, 0, inf, nan],
               grads=([1, 0, 0, nan], [0, 1, 1, nan])),
            # of equal infinities each has half (PyTorch: nan)
            at([inf, -inf], [inf, -inf], y=[inf, -inf], grads=([0.5, 0.5], [0.5, 0.5])),
        ],
    ),
    elementwise(
        "logaddexp", lambda x: ops.logaddexp(x, 0.7), lambda x: np.log(np.exp(x) + np.exp(0.7)),
        gives="float",
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
    elementwise("tan", ops.tan, lambda x: np.sin(x) / np.cos(x), inside, gives="float"),
    elementwise(
        "asin", ops.asin, np.arcsin, inside, gives="float",
        kinks=[
            at([1.0, -1.0, 2.0], y=[math.pi / 2, -math.pi / 2, nan], grads=([inf, inf, nan],),
               second=[inf, -inf, nan]),
        ],
    ),
    elementwise(
        "acos", ops.acos, np.arccos, inside, gives="float",
        kinks=[
            at([1.0, -1.0, 2.0], y=[0, math.pi, nan], grads=([-inf, -inf, nan],),
               second=[-inf, inf, nan]),
        ],
    ),
    elementwise(
        "atan", ops.atan, np.arctan, gives="float",
        kinks=[at([inf, -inf, 1e20], y=[math.pi / 2, -math.pi / 2, math.pi / 2],
                  grads=([0, 0, 0],))],
    ),
    elementwise(
        "atan2", ops.atan2, lambda a, b: np.angle(b + 1j * a), positive, normal, gives="float",
        kinks=[
            at([0.0, 0.0, 1.0, -0.0, -1.0], [0.0, -1.0, 0.0, -1.0, 0.0],
               y=[0, math.pi, math.pi / 2, -math.pi, -math.pi / 2],
               grads=([0, -1, 0, -1, 0], [0, 0, -1, 0, 1]), second=[0, 0, 0, 0, 0]),
            at([1e8, 1e-8], [1e8, -1e-8], y=[math.pi / 4, 3 * math.pi / 4],
               grads=([5e-9, -5e7], [-5e-9, -5e7])),
        ],
    ),
    elementwise("atan2", lambda x: ops.atan2(x, 2.5), lambda x: np.arctan(x / 2.5), gives="float"),
    elementwise("sinh", ops.sinh, lambda x: (np.exp(x) - np.exp(-x)) / 2, gives="float"),
    elementwise("cosh", ops.cosh, lambda x: (np.exp(x) + np.exp(-x)) / 2, gives="float"),
    elementwise("erf", ops.erf, erf, gives="float"),
    elementwise(
        "erfc", ops.erfc, erfc, gives="float",
        kinks=[
            at([-30.0, 0.0, 30.0], y=[2, 1, 0], grads=([0, -2 / math.sqrt(math.pi), 0],),
               second=[0, 0, 0]),
        ],
    ),
    elementwise(
        "tanh", ops.tanh, np.tanh, gives="float",
        kinks=[at([1e4, -1e4], y=[1, -1], grads=([0, 0],))],
    ),
    elementwise(
        "sigmoid", ops.sigmoid, sigmoid, gives="float",
        kinks=[at([1e4, -1e4, 0.0], y=[1, 0, 0.5], grads=([0, 0, 0.25],), second=[0, 0, 0])],
    ),
]

