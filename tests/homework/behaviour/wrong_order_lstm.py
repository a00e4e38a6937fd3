"""The previous state and the previous cell, swapped."""

import numpy as np


def make_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, 3)), rng.normal(size=(2, 3)), rng.normal(size=(3, 6))


def cell_forward(h, c, W):
    a = h @ W
    f, g = 1 / (1 + np.exp(-a[:, :3])), np.tanh(a[:, 3:])
    return f * c + (1 - f) * g, (h, c, W, f, g)


def cell_backward(dout, cache):
    h, c, W, f, g = cache
    daf = dout * (c - g) * f * (1 - f)
    dag = dout * (1 - f) * (1 - g**2)
    da = np.hstack([daf, dag])
    dh = da @ W.T
    dc = dout * f
    return dc, dh, h.T @ da
