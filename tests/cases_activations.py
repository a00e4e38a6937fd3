"""Rows of ops/activations.py.

Numbers at ties and edges are those of PyTorch 2, looked up by hand.

Read next: cases_row.py (the words used here).
"""

import math

import numpy as np
from cases_functions import erf, sigmoid
from cases_row import apart, at, case, elementwise, normal, run

from minigen import ops

inf, nan = math.inf, math.nan


def gelu(x, approximate="none"):
    if approximate == "tanh":
        return x / 2 * (1 + np.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x**3)))
    return x / 2 * (1 + erf(x / 2**0.5))


def elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * (np.exp(np.minimum(x, 0)) - 1))


def celu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * (np.exp(np.minimum(x, 0) / alpha) - 1))


def selu(x):
    return 1.0507009873554804934193349852946 * elu(x, 1.6732632423543772848170429916717)


def glu(x, dim=-1):
    a, b = np.split(x, 2, dim)
    return a * sigmoid(b)


def prelu(x, weight):
    y = np.empty_like(x)
    for position in np.ndindex(x.shape):
        channel = position[1] if x.ndim > 1 and weight.size > 1 else 0
        factor = 1 if x[position] > 0 else weight.reshape(-1)[channel]
        y[position] = factor * x[position]
    return y


def wide(rng, shape, k):
    """None near a whole number or 0.5, where hardtanh has its limits."""
    return 1.1 * apart(rng, shape, k)


BIG = [1e4, -1e4, 0.0]

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
    elementwise(
        "logsigmoid", ops.logsigmoid, lambda x: np.log(sigmoid(x)), gives="float",
        kinks=[
            at(BIG, y=[0, -1e4, -math.log(2)], grads=([0, 1, 0.5],), second=[0, 0, -0.25]),
            at([inf, -inf, nan], y=[0, -inf, nan], grads=([0, 1, nan],), second=[0, 0, nan]),
        ],
    ),
    elementwise(
        "mish", ops.mish, lambda x: x * np.tanh(np.log(1 + np.exp(x))), gives="float",
        kinks=[at(BIG, y=[1e4, 0, 0], grads=([1, 0, 0.6],), second=[0, 0, 0.64])],
    ),
    elementwise(
        "softsign", ops.softsign, lambda x: x / (1 + np.abs(x)), apart, gives="float",
        kinks=[
            at([0.0, 1.0, -1.0], y=[0, 0.5, -0.5], grads=([1, 0.25, 0.25],),
               second=[0, -0.25, 0.25]),
            at([1e20, -1e20], y=[1, -1], grads=([0, 0],), second=[0, 0]),
        ],
    ),
    elementwise(
        "elu", ops.elu, elu, apart, gives="float",
        options=[{}, dict(alpha=2.0), dict(alpha=-0.5)],
        kinks=[
            at(BIG, y=[1e4, -1, 0], grads=([1, 0, 1],), second=[0, 0, 0]),
            at([0.0, -1.0, inf, -inf], alpha=2.0, y=[0, 2 / math.e - 2, inf, -2],
               grads=([2, 2 / math.e, 1, 0],), second=[0, 2 / math.e, 0, 0]),
        ],
    ),
    elementwise(
        "celu", ops.celu, celu, apart, gives="float",
        options=[{}, dict(alpha=2.0), dict(alpha=-2.0)],
        kinks=[
            at(BIG, alpha=2.0, y=[1e4, -2, 0], grads=([1, 0, 1],), second=[0, 0, 0]),
            at([-1.0], alpha=2.0, y=[2 * math.exp(-0.5) - 2],
               grads=([math.exp(-0.5)],), second=[math.exp(-0.5) / 2]),
            at([inf, -inf, nan], y=[inf, -1, nan]),
        ],
    ),
    elementwise(
        "selu", ops.selu, selu, apart, gives="float",
        kinks=[
            at(BIG, y=[10507.009873554805, -1.7580993408473766, 0],
               grads=([1.0507009873554805, 0, 1.7580993408473766],), second=[0, 0, 0]),
        ],
    ),
    elementwise(
        "hardtanh", ops.hardtanh, lambda x, min_val=-1.0, max_val=1.0: np.clip(x, min_val, max_val),
        wide, gives="float",
        options=[{}, dict(min_val=-2.0, max_val=0.5), dict(min_val=0, max_val=6)],
        kinks=[
            # the limits belong to the flat part, unlike those of clamp
            at([-2.0, -1.0, 0.0, 1.0, 2.0], y=[-1, -1, 0, 1, 1], grads=([0, 0, 1, 0, 0],),
               second=[0, 0, 0, 0, 0]),
            at([0.0, 1.0, nan], min_val=1.0, max_val=1.0, y=[1, 1, nan], grads=([0, 0, 1],)),
        ],
    ),
    case(
        "prelu", ops.prelu, prelu,
        [
            run((2, 3), (3,)), run((2, 3), (1,)), run((2, 3), ()), run((2, 3, 2), (3,)),
            run((2, 1, 2, 2), (1,)), run((3,), (1,)), run((), ()), run((0, 3), (3,)),
        ],
        apart, normal,
        kinks=[
            at([[0.0, -1.0, 2.0, -0.0]], [0.25], y=[[0, -0.25, 2, 0]],
               grads=([[0.25, 0.25, 1, 0.25]], [-1]), second=[[0, 0, 0, 0]]),
        ],
    ),
    case(
        "glu", ops.glu, glu,
        [
            run((2, 4)), run((4, 3), dim=0), run((2, 4, 3), dim=-2), run((2,)), run((2, 0)),
            run((0, 4)),
        ],
        gives="float",
        kinks=[
            at([3.0, 3.0, 1e4, -1e4], y=[3, 0], grads=([1, 0, 0, 0],), second=[0, 0, 0, 0]),
        ],
    ),
]
