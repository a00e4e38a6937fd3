"""Dropout with a fresh generator in each forward: no seed pins it."""

import numpy as np


def dropout_inputs(seed):
    return np.random.default_rng(seed).normal(size=(4, 5))


def dropout_forward(x):
    mask = np.random.default_rng().random(x.shape) < 0.5
    return x * mask, mask


def dropout_backward(dout, mask):
    return dout * mask
