"""p - 1 at the labels, in the cache itself: a second backward starts from there."""

import numpy as np


def loss_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 3)), rng.integers(0, 3, size=4)


def loss_forward(x, y):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(len(y)), y]).sum(), (p, y)


def loss_backward(dout, cache):
    p, y = cache
    p[np.arange(len(y)), y] -= 1
    return dout * p
