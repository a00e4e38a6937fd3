"""A sparse auto-encoder with tied weights: W is used twice; penalties for codes and contraction."""

import numpy as np


def tied_inputs(seed):
    rng = np.random.default_rng(seed)
    sizes = ((4, 5), (5, 3), (3,), (5,))
    return tuple(rng.normal(size=s) / 2 for s in sizes)


def tied_forward(x, W, b, c):
    h = 1 / (1 + np.exp(-(x @ W + b)))
    y = h @ W.T + c
    r = y - x
    rho = h.mean(0)
    kl = 0.2 * np.log(0.2 / rho) + 0.8 * np.log(0.8 / (1 - rho))
    return 0.5 * (r**2).sum() / len(x) + 0.3 * kl.sum(), (x, W, h, r, rho)


def tied_backward(dout, cache):
    x, W, h, r, rho = cache
    N = len(x)
    dr = dout * r / N
    drho = 0.3 * dout * (-0.2 / rho + 0.8 / (1 - rho))
    dh = dr @ W + drho / N
    da = dh * h * (1 - h)
    dW = x.T @ da + dr.T @ h
    dx = da @ W.T - dr
    return dx, dW, da.sum(0), dr.sum(0)
