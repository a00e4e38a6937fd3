"""ReLU and two of its kin."""

import numpy as np


def make_inputs(seed):
    return (np.random.default_rng(seed).normal(size=(4, 6)),)


def relu_forward(x):
    out = np.maximum(0, x)
    return out, x


def relu_backward(dout, cache):
    x = cache
    dx = dout * (x > 0)
    return dx


def leaky_relu_forward(x, slope=0.1):
    return np.where(x > 0, x, slope * x)


def leaky_relu_backward(dout, x, slope=0.1):
    return dout * np.where(x > 0, 1.0, slope)


def relu6_forward(x):
    return np.minimum(np.maximum(3 * x, 0), 6)


def relu6_backward(dout, x):
    inside = (3 * x > 0) & (3 * x < 6)
    return 3 * dout * inside
