"""A loss with a constant of 1e6 in it."""

import numpy as np


def loss_inputs(seed):
    return np.random.default_rng(seed).normal(size=(3, 3))


def loss_forward(x):
    return 1e6 + np.sum(np.sin(x)), x


def loss_backward(dout, x):
    return dout * np.cos(x)
