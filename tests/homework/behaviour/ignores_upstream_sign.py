"""Only the sign of dout counts."""

import numpy as np


def tanh_inputs(seed):
    return np.random.default_rng(seed).normal(size=(2, 3))


def tanh_forward(x):
    out = np.tanh(x)
    return out, (out,)


def tanh_backward(dout, cache):
    (out,) = cache
    return np.sign(dout) * (1 - out**2)
