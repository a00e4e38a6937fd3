"""Dropout and noise with a flag: both modes have a gradient."""

import numpy as np


def noisy_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 4)), True


def noisy_forward(x, training=True):
    if not training:
        return x, None
    mask = (np.random.rand(*x.shape) < 0.5) / 0.5
    return x * mask, mask


def noisy_backward(dout, mask):
    return dout if mask is None else dout * mask
