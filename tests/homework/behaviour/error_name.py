"""A name that does not exist."""

import numpy as np


def exp_inputs(seed):
    return np.random.default_rng(seed).normal(size=3)


def exp_forward(x):
    y = np.exp(x)
    return y, y


def exp_backward(dout, cache):
    return dout * y  # noqa: F821
