"""The direction r/|r| of a residual of 0, in a smooth loss."""

import numpy as np


def pseudo_huber_inputs(seed):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(4, 2))
    b = rng.normal(size=(4, 2))
    b[2] = a[2]
    return a, b


def pseudo_huber_forward(a, b):
    d2 = ((a - b) ** 2).sum(axis=1)
    return np.sqrt(1 + d2) - 1, (a, b)


def pseudo_huber_backward(dout, cache):
    a, b = cache
    r = a - b
    d = np.sqrt((r**2).sum(axis=1))
    dd = dout * d / np.sqrt(1 + d**2)
    da = (dd / d)[:, None] * r
    return da, -da
