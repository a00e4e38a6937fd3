"""A random generator as an argument of forward."""

import numpy as np


def dropout_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 5)), np.random.default_rng(seed + 1)


def dropout_forward(x, rng):
    mask = (rng.random(x.shape) < 0.7) / 0.7
    return x * mask, mask


def dropout_backward(dout, cache):
    return dout * cache
