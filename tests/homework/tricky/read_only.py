"""Inputs that refuse to be written to."""

import numpy as np


def product_inputs(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, 3)), rng.normal(size=(2, 3))
    a.flags.writeable = False
    b.flags.writeable = False
    return a, b


def product_forward(a, b):
    return a * b, (a, b)


def product_backward(dout, cache):
    a, b = cache
    return dout * b, dout * a


def broadcast_inputs(seed):
    row = np.random.default_rng([seed, 1]).normal(size=3)
    return (np.broadcast_to(row, (2, 3)),)


def broadcast_forward(x):
    return np.exp(x)


def broadcast_backward(dout, x):
    return dout * np.exp(x)
