"""The scale of inverted dropout applied to the caller's array."""

import numpy as np


def dropout_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 4)), rng.random((3, 4)) < 0.5


def dropout_forward(x, mask):
    x *= mask
    x /= 0.5
    return x.copy(), mask


def dropout_backward(dout, mask):
    return dout * mask / 0.5, None
