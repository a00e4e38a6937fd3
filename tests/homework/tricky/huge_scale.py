"""Inputs of 1e8, and outputs of 1e8 beside some of 1e-8."""

import numpy as np


def norm_inputs(seed):
    return 1e8 * np.random.default_rng(seed).normal(size=(3, 4))


def norm_forward(x):
    n = np.sqrt((x**2).sum(axis=1, keepdims=True))
    return x / n, (x / n, n)


def norm_backward(dout, cache):
    y, n = cache
    return (dout - y * (dout * y).sum(axis=1, keepdims=True)) / n


def mixed_inputs(seed):
    return np.random.default_rng([seed, 1]).normal(size=(2, 3))


def mixed_forward(x):
    return 1e8 * np.sin(x), 1e-8 * np.exp(x), (x,)


def mixed_backward(dout, cache):
    (x,) = cache
    da, db = dout
    return 1e8 * np.cos(x) * da + 1e-8 * np.exp(x) * db
