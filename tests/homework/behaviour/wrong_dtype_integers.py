"""An array of integers to put the gradient into: it truncates."""

import numpy as np


def pick_inputs(seed):
    rng = np.random.default_rng(seed)
    return 10 * rng.normal(size=(4, 3)), rng.integers(0, 3, size=4)


def pick_forward(x, index):
    return x[np.arange(len(x)), index], (x.shape, index)


def pick_backward(dout, cache):
    shape, index = cache
    dx = np.zeros(shape, dtype=int)
    dx[np.arange(shape[0]), index] = 10 * dout
    return dx // 10
