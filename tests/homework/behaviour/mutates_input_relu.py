"""ReLU in place."""

import numpy as np


def make_inputs(seed):
    return np.random.default_rng(seed).normal(size=(3, 4))


def relu_forward(x):
    x[x < 0] = 0
    return x, x > 0


def relu_backward(dout, mask):
    return dout * mask
