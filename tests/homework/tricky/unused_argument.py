"""An argument that changes nothing, and one that only chooses."""

import numpy as np


def chosen_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 2)), rng.normal(size=(3, 2)), rng.normal(size=4)


def chosen_forward(a, b, unused):
    return np.where(a > 0, a * b, b), (a, b, unused.shape)


def chosen_backward(dout, cache):
    a, b, shape = cache
    da = np.where(a > 0, dout * b, 0)
    db = np.where(a > 0, dout * a, dout)
    return da, db, np.zeros(shape)
