"""A million entries: an activation and a mean."""

import numpy as np


def make_inputs(seed):
    return (np.random.default_rng(seed).normal(size=(1000, 1000)),)


def tanh_forward(x):
    out = np.tanh(x)
    return out, out


def tanh_backward(dout, out):
    return dout * (1 - out * out)
