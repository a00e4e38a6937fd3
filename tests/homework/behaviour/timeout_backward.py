"""A loop whose counter does not count."""

import numpy as np


def sum_inputs(seed):
    return np.random.default_rng(seed).normal(size=4)


def sum_forward(x):
    return x.sum(), x


def sum_backward(dout, x):
    dx, i = np.zeros_like(x), 0
    while i < len(x):
        dx[i] = dout
    return dx
