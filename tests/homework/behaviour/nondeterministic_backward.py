"""Backward draws a second mask."""

import numpy as np

rng = np.random.default_rng()


def dropout_inputs(seed):
    return np.random.default_rng(seed).normal(size=(4, 5))


def dropout_forward(x):
    return 0.5 * x


def dropout_backward(dout, x):
    return dout * (np.random.default_rng().random(x.shape) < 0.5)
