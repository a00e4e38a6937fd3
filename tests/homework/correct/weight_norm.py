"""Weight normalisation of a linear layer, and a spectral penalty by one power iteration."""

import numpy as np


def weight_norm_inputs(seed):
    rng = np.random.default_rng([seed, 1])
    return rng.normal(size=(3, 4)), rng.normal(size=(2, 4)), rng.normal(size=2)


def weight_norm_forward(x, v, g):
    norm = np.sqrt((v**2).sum(axis=1))
    w = (g / norm)[:, None] * v
    return x @ w.T, (x, v, g, norm, w)


def weight_norm_backward(dout, cache):
    x, v, g, norm, w = cache
    dw = dout.T @ x
    dx = dout @ w
    dg = (dw * v).sum(axis=1) / norm
    dv = (g / norm)[:, None] * dw - (g * dg / norm**2)[:, None] * v
    return dx, dv, dg


def sigma_inputs(seed):
    rng = np.random.default_rng([seed, 2])
    return rng.normal(size=(3, 4)), rng.normal(size=3)


def sigma_forward(W, u):
    a = W.T @ u
    n = np.linalg.norm(a)
    v = a / n
    return np.sum((W @ v) ** 2), (W, u, v, n)


def sigma_backward(dout, cache):
    W, u, v, n = cache
    y = W @ v
    dy = 2 * dout * y
    dW = np.outer(dy, v)
    dv = W.T @ dy
    da = (dv - v * (v @ dv)) / n
    dW += np.outer(u, da)
    return dW, W @ da
