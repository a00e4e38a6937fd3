"""Batch normalisation in float32, far from 0."""

import numpy as np


def norm_inputs(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(6, 3)) + 50
    return x.astype(np.float32), np.ones(3, np.float32), np.zeros(3, np.float32)


def norm_forward(x, gamma, beta):
    mean = x.mean(axis=0)
    std = np.sqrt(x.var(axis=0) + np.float32(1e-5))
    xhat = (x - mean) / std
    return gamma * xhat + beta, (xhat, std, gamma)


def norm_backward(dout, cache):
    xhat, std, gamma = cache
    d = dout * gamma
    dx = (d - d.mean(axis=0) - xhat * (d * xhat).mean(axis=0)) / std
    return dx, (dout * xhat).sum(axis=0), dout.sum(axis=0)
