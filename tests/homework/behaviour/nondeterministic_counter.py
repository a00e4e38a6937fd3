"""The gradient shrinks from call to call."""

import numpy as np

calls = [0]


def scale_inputs(seed):
    return np.random.default_rng(seed).normal(size=(2, 3))


def scale_forward(x):
    return 3 * x


def scale_backward(dout, x):
    calls[0] += 1
    return 3 * dout / calls[0]
