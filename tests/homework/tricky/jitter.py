"""Sums in another order each time: the last digits change from call to call."""

import numpy as np

order = np.random.default_rng()


def shuffled_sum(x):
    return x[order.permutation(len(x))].sum(axis=0)


def mean_inputs(seed):
    return np.random.default_rng(seed).normal(size=(40, 2)) + 3


def mean_forward(x):
    return shuffled_sum(np.exp(0.1 * x)) / len(x), x


def mean_backward(dout, x):
    return dout * 0.1 * np.exp(0.1 * x) / len(x)


def dense_inputs(seed):
    rng = np.random.default_rng([seed, 1])
    return rng.normal(size=(3, 20)), rng.normal(size=(20, 2))


def dense_forward(x, w):
    return shuffled_sum(x.T[:, :, None] * w[:, None, :]), (x, w)


def dense_backward(dout, cache):
    x, w = cache
    return dout @ w.T, shuffled_sum(x[:, :, None] * dout[:, None, :])
