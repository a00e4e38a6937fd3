"""Functions with gradients written by hand, and wrong ones, for test_numeric.py."""

import numpy as np

from minigen.gradcheck import check, upstream_like


def rng(seed=0):
    return np.random.default_rng([2024, seed])


def verdicts(f, inputs, backward, seed=0, **options):
    """Verdicts on backward(*inputs, upstream), one per gradient."""
    upstream = upstream_like(f(*inputs), seed)
    results = check(f, inputs, backward(*inputs, upstream), upstream, seed=seed, **options)
    return [r.verdict for r in results]


# Functions with their gradients -----------------------------------------------------------------


def elementwise(function, slope):
    return function, lambda x, v: (v * slope(x),)


def batch_norm(x, weight, bias):
    centred = x - x.mean(0)
    return centred / np.sqrt((centred * centred).mean(0) + 1e-5) * weight + bias


def batch_norm_backward(x, weight, bias, v, variance_term=1.0):
    centred = x - x.mean(0)
    inverse = 1 / np.sqrt((centred * centred).mean(0) + 1e-5)
    unit, g = centred * inverse, v * weight
    dx = (g - g.mean(0) - variance_term * unit * (g * unit).mean(0)) * inverse
    return dx, (v * unit).sum(0), v.sum(0)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def softmax_backward(x, v):
    y = softmax(x)
    return (y * (v - (v * y).sum(-1, keepdims=True)),)


def matmul_backward(x, w, v):
    return v @ w.T, x.T @ v


def two_layers(x, w, u):
    return np.maximum(x @ w, 0) @ u


def two_layers_backward(x, w, u, v):
    h = x @ w
    g = (v @ u.T) * (h > 0)
    return g @ w.T, x.T @ g, np.maximum(h, 0).T @ v


def max_backward(x, v):
    """Ties share the gradient."""
    ties = x == x.max(1, keepdims=True)
    return (v[:, None] * ties / ties.sum(1, keepdims=True, dtype=v.dtype),)


def logistic(x):
    return 0.5 + 0.5 * np.tanh(0.5 * x)


TANH = elementwise(np.tanh, lambda x: 1 - np.tanh(x) ** 2)
RELU = elementwise(lambda x: np.maximum(x, 0), lambda x: x > 0)

# name -> function, backward, draw(rng) of the inputs
CASES = {
    "tanh": (*TANH, lambda r: [r.normal(size=(3, 4))]),
    "tanh with zeros": (*TANH, lambda r: [r.normal(size=(3, 4)) * r.integers(0, 2, (3, 4))]),
    "tanh with 1e-17": (*TANH, lambda r: [np.where(r.random((3, 4)) < 0.5, 1e-17, 1.0)]),
    "exp over 1e±130": (*elementwise(np.exp, np.exp), lambda r: [r.uniform(-300, 300, (3, 4))]),
    "sin at 1e4": (*elementwise(np.sin, np.cos), lambda r: [1e4 * r.normal(size=(3, 4))]),
    "sin + 1e4": (*elementwise(lambda x: np.sin(x) + 1e4, np.cos), lambda r: [r.normal(size=4)]),
    "x² at 0": (*elementwise(np.square, lambda x: 2 * x), lambda r: [np.array([0.0, 1.0, -2.0])]),
    "transposed, strided": (
        lambda x: np.tanh(x).T,
        lambda x, v: (v.T * (1 - np.tanh(x) ** 2),),
        lambda r: [r.normal(size=(8, 6))[::2, ::-1].T],
    ),
    "log near 0": (
        *elementwise(np.log, lambda x: 1 / x),
        lambda r: [10 ** r.uniform(-12, 3, (3, 4))],
    ),
    "log of 1e-12 among 1": (
        *elementwise(np.log, lambda x: 1 / x),
        lambda r: [np.where(r.random((3, 4)) < 0.4, 1e-12, 1.0 + r.random((3, 4)))],
    ),
    "sqrt at tiny x": (
        *elementwise(np.sqrt, lambda x: 0.5 / np.sqrt(x)),
        lambda r: [10 ** r.uniform(-290, 0, (3, 4))],
    ),
    "arcsin near 1": (
        *elementwise(np.arcsin, lambda x: 1 / np.sqrt((1 - x) * (1 + x))),
        lambda r: [1 - 10 ** r.uniform(-8, 0, (3, 4))],
    ),
    "x^2.5 at the edge": (
        *elementwise(lambda x: x**2.5, lambda x: 2.5 * x**1.5),
        lambda r: [np.abs(r.normal(size=6)) * [0, 1, 0, 1, 1, 1]],
    ),
    "matmul": (
        np.matmul,
        matmul_backward,
        lambda r: [r.normal(size=(4, 3)), r.normal(size=(3, 5))],
    ),
    "matmul of zeros": (
        np.matmul,
        matmul_backward,
        lambda r: [np.zeros((4, 3)), r.normal(size=(3, 5))],
    ),
    "softmax": (softmax, softmax_backward, lambda r: [r.normal(size=(3, 5))]),
    "saturated softmax": (softmax, softmax_backward, lambda r: [10 * r.normal(size=(3, 5))]),
    "variance at 1e4": (
        lambda x: x.var(-1),
        lambda x, v: (v[:, None] * 2 / 5 * (x - x.mean(-1, keepdims=True)),),
        lambda r: [1e4 + r.normal(size=(3, 5))],
    ),
    "two outputs, 1e6 and 1e-9": (
        lambda x: (1e6 * np.exp(x[:3]), 1e-9 * np.sin(x[3:])),
        lambda x, v: (np.append(v[0] * 1e6 * np.exp(x[:3]), v[1] * 1e-9 * np.cos(x[3:])),),
        lambda r: [r.normal(size=6)],
    ),
    "1e-9 beside a constant 1e6": (
        lambda x: np.stack([1e6 + 0 * x, 1e-9 * np.sin(x)]),
        lambda x, v: (v[1] * 1e-9 * np.cos(x),),
        lambda r: [r.normal(size=4)],
    ),
    "0-d": (*elementwise(np.sin, np.cos), lambda r: [np.asarray(r.normal())]),
    "scalar loss": (
        lambda x: np.sin(x).sum(),
        lambda x, v: (v * np.cos(x),),
        lambda r: [r.normal(size=(2, 3))],
    ),
}
for k in (-8, -4, 4, 8):
    CASES[f"tanh(x / 1e{k})"] = (
        lambda x, s=10.0**k: np.tanh(x / s),
        lambda x, v, s=10.0**k: (v * (1 - np.tanh(x / s) ** 2) / s,),
        lambda r, s=10.0**k: [s * r.normal(size=(3, 4))],
    )
    CASES[f"1e{k} exp(x)"] = (
        *elementwise(lambda x, s=10.0**k: s * np.exp(x), lambda x, s=10.0**k: s * np.exp(x)),
        lambda r: [r.normal(size=(3, 4))],
    )

MUTANTS = {
    "sign": lambda g: -g,
    "factor 2": lambda g: 2 * g,
    "factor 1 + 1e-4": lambda g: (1 + 1e-4) * g,
    "relative 1e-7": lambda g: (1 + 1e-7) * g,
    "one entry": lambda g: g + np.eye(1, g.size, g.size // 2).reshape(g.shape) * np.abs(g).max(),
    "a constant": lambda g: g + 1e-3 * np.abs(g).max(),
}


# Layers to compose ------------------------------------------------------------------------------

# function, and its vjp (x, y, g) -> gradient with respect to x; smooth, bounded for bounded x
LAYERS = {
    "tanh": (np.tanh, lambda x, y, g: g * (1 - y * y)),
    "sin": (np.sin, lambda x, y, g: g * np.cos(x)),
    "logistic": (logistic, lambda x, y, g: g * y * (1 - y)),
    "softplus": (lambda x: np.logaddexp(0, x), lambda x, y, g: g * logistic(x)),
    "log(1 + x²)": (lambda x: np.log1p(x * x), lambda x, y, g: g * 2 * x / (1 + x * x)),
    "exp(sin)": (lambda x: np.exp(np.sin(x)), lambda x, y, g: g * y * np.cos(x)),
    "x²/2": (lambda x: x * x / 2, lambda x, y, g: g * x),
    "softmax": (softmax, lambda x, y, g: y * (g - (g * y).sum(-1, keepdims=True))),
    "centre": (
        lambda x: x - x.mean(0),
        lambda x, y, g: g - g.mean(0),
    ),
    "unit length": (
        lambda x: x / np.sqrt(1 + (x * x).sum(-1, keepdims=True)),
        lambda x, y, g: (g - y * (g * y).sum(-1, keepdims=True))
        / np.sqrt(1 + (x * x).sum(-1, keepdims=True)),
    ),
    "product of neighbours": (
        lambda x: x * np.roll(x, 1, -1),
        lambda x, y, g: g * np.roll(x, 1, -1) + np.roll(g * x, -1, -1),
    ),
}


def composition(names, scale, mixing):
    """layers(x / scale @ mixing), and the gradient of <v, .> by the chain rule."""

    def forward(x):
        values = [x / scale @ mixing]
        for name in names:
            values.append(LAYERS[name][0](values[-1]))
        return values

    def backward(x, v):
        values = forward(x)
        for name, before, after in zip(names[::-1], values[-2::-1], values[:0:-1], strict=True):
            v = LAYERS[name][1](before, after, v)
        return (v @ mixing.T / scale,)

    return lambda x: forward(x)[-1], backward
