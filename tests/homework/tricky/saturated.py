"""Sigmoids that have saturated: gradients of 1e-17 beside some of 0.2."""

import numpy as np


def sigmoid_inputs(seed):
    return np.random.default_rng(seed).uniform(-40, 40, size=(3, 5))


def sigmoid_forward(x):
    out = 1 / (1 + np.exp(-x))
    return out, out


def sigmoid_backward(dout, out):
    return dout * out * (1 - out)


def loss_inputs(seed):
    rng = np.random.default_rng([seed, 1])
    return 50 * rng.normal(size=(4, 3)), rng.integers(0, 3, size=4)


def loss_forward(x, y):
    z = x - x.max(axis=1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(y)), y].mean(), (log_p, y)


def loss_backward(dout, cache):
    log_p, y = cache
    d = np.exp(log_p)
    d[np.arange(len(y)), y] -= 1
    return dout * d / len(y)
