"""A stable softplus with an unstable slope: exp(1000) / exp(1000)."""

import numpy as np


def softplus_inputs(seed):
    x = np.random.default_rng(seed).normal(size=6)
    x[2] = 1000.0
    return x


def softplus_forward(x):
    return np.logaddexp(0, x), x


def softplus_backward(dout, x):
    e = np.exp(x)
    return dout * e / (1 + e)
