"""What backward needs, kept on the function."""

import numpy as np


def max_inputs(seed):
    return np.random.default_rng(seed).normal(size=(4, 5))


def max_forward(x):
    max_forward.which = x.argmax(axis=1)
    return x.max(axis=1), x.shape


def max_backward(dout, shape):
    dx = np.zeros(shape)
    dx[np.arange(shape[0]), max_forward.which] = dout
    return dx
