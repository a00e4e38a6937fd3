"""A batch of no samples, beside weights that have a gradient of 0."""

import numpy as np


def linear_inputs(seed):
    rng = np.random.default_rng(seed)
    return np.zeros((0, 3)), rng.normal(size=(3, 2)), rng.normal(size=2)


def linear_forward(x, w, b):
    return x @ w + b, (x, w)


def linear_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout, dout.sum(axis=0)


def concat_inputs(seed):
    rng = np.random.default_rng([seed, 1])
    return rng.normal(size=(2, 3)), rng.normal(size=(2, 0))


def concat_forward(a, b):
    return np.hstack([a, b]), a.shape[1]


def concat_backward(dout, cache):
    n = cache
    return dout[:, :n], dout[:, n:]
