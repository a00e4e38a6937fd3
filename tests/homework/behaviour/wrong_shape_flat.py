"""The gradient of an image, left flat."""

import numpy as np


def affine_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, 3, 2)), rng.normal(size=(6, 4))


def affine_forward(x, w):
    return x.reshape(len(x), -1) @ w, (x, w)


def affine_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.reshape(len(x), -1).T @ dout
