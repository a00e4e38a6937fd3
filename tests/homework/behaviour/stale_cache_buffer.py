"""One buffer for all calls, returned as the cache each time."""

import numpy as np

BUFFER = np.zeros((3, 4))


def sigmoid_inputs(seed):
    return np.random.default_rng(seed).normal(size=(3, 4))


def sigmoid_forward(x):
    np.divide(1, 1 + np.exp(-x), out=BUFFER)
    return BUFFER.copy(), BUFFER


def sigmoid_backward(dout, cache):
    return dout * cache * (1 - cache)
