"""float32 on the way back only."""

import numpy as np


def square_inputs(seed):
    return np.random.default_rng(seed).normal(size=(3, 3))


def square_forward(x):
    return x**2, x


def square_backward(dout, cache):
    return (2 * dout * cache).astype(np.float32)
