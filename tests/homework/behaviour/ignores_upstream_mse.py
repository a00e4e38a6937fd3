"""Two arguments, a loss, and no dout."""

import numpy as np


def mse_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(5, 2)), rng.normal(size=(5, 2))


def mse_forward(pred, target):
    return ((pred - target) ** 2).mean()


def mse_backward(dout, pred, target):
    d = 2 * (pred - target) / pred.size
    return d, -d
