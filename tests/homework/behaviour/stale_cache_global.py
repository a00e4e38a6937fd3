"""The mask of the last forward, in a variable of the module."""

import numpy as np

_mask = None


def make_inputs(seed):
    return np.random.default_rng(seed).normal(size=(3, 4))


def relu_forward(x):
    global _mask
    _mask = x > 0
    return x * _mask


def relu_backward(dout, x):
    return dout * _mask
