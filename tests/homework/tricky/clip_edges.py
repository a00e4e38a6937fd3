"""Clipping, with entries exactly on both edges."""

import numpy as np


def clip_inputs(seed):
    return np.random.default_rng(seed).integers(-2, 3, size=(3, 5)).astype(float)


def clip_forward(x):
    return np.clip(x, -1, 1), x


def clip_backward(dout, x):
    return dout * ((x >= -1) & (x <= 1))
