"""Normalises the caller's weights, in the view that reshape gives."""

import numpy as np


def unit_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, 4)), rng.normal(size=(3, 2, 2))


def unit_forward(x, w):
    rows = w.reshape(3, -1)
    norm = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    rows /= norm
    return x @ rows.T, (x, rows.copy(), norm)


def unit_backward(dout, cache):
    x, u, norm = cache
    du = dout.T @ x
    dw = (du - u * (u * du).sum(axis=1, keepdims=True)) / norm
    return dout @ u, dw.reshape(3, 2, 2)
