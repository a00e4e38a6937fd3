"""The maximum of equal entries: the first takes all, or all share."""

import numpy as np


def make_inputs(seed):
    return np.random.default_rng(seed).integers(0, 3, size=(4, 5)).astype(float)


def first_forward(x):
    which = x.argmax(axis=1)
    return x[np.arange(len(x)), which], (x.shape, which)


def first_backward(dout, cache):
    shape, which = cache
    dx = np.zeros(shape)
    dx[np.arange(len(which)), which] = dout
    return dx


def shared_forward(x):
    out = x.max(axis=1, keepdims=True)
    return out, (x, out)


def shared_backward(dout, cache):
    x, out = cache
    mask = x == out
    return dout * mask / mask.sum(axis=1, keepdims=True)
