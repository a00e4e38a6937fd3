"""Inputs of exactly 0, as a relu leaves them: half of the entries sit on a kink."""

import numpy as np


def make_inputs(seed):
    return np.maximum(np.random.default_rng(seed).normal(size=(4, 5)), 0)


def relu_forward(x):
    return np.maximum(x, 0), x > 0


def relu_backward(dout, mask):
    return dout * mask


def leaky_forward(x):
    return np.where(x >= 0, x, 0.1 * x)


def leaky_backward(dout, x):
    return np.where(x >= 0, dout, 0.1 * dout)
