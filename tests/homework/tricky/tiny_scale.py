"""Inputs of 1e-8 and outputs of 1e-16."""

import numpy as np


def square_inputs(seed):
    return 1e-8 * np.random.default_rng(seed).normal(size=(3, 4))


def square_forward(x):
    return x**2, x


def square_backward(dout, x):
    return 2 * x * dout


def linear_inputs(seed):
    rng = np.random.default_rng([seed, 1])
    return 1e-8 * rng.normal(size=(2, 3)), 1e8 * rng.normal(size=(3, 2))


def linear_forward(x, w):
    return np.tanh(x @ w), (x, w, np.tanh(x @ w))


def linear_backward(dout, cache):
    x, w, out = cache
    da = dout * (1 - out**2)
    return da @ w.T, x.T @ da
