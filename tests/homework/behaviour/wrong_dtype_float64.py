"""A float32 layer whose gradient comes back in float64."""

import numpy as np


def relu_inputs(seed):
    return np.random.default_rng(seed).normal(size=(3, 4)).astype(np.float32)


def relu_forward(x):
    return np.maximum(x, 0), x


def relu_backward(dout, x):
    dx = np.zeros(x.shape)
    dx[x > 0] = dout[x > 0]
    return dx
