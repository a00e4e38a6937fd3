"""Sorts the cached indices."""

import numpy as np


def rows_inputs(seed):
    rng = np.random.default_rng(seed)
    return np.array([3, 0, 2, 0]), rng.normal(size=(5, 2))


def rows_forward(ids, W):
    return W[ids], (ids.copy(), W.shape)


def rows_backward(dout, cache):
    ids, shape = cache
    dW = np.zeros(shape)
    np.add.at(dW, ids, dout)
    ids.sort()
    return dW
