"""Gated linear unit: halves of the channels, one gates the other; and SwiGLU with its weights."""

import numpy as np


def glu_inputs(seed):
    return (np.random.default_rng([seed, 3]).normal(size=(3, 6)),)


def glu_forward(x):
    a, b = np.split(x, 2, axis=1)
    gate = 1 / (1 + np.exp(-b))
    return a * gate, (a, gate)


def glu_backward(dout, cache):
    a, gate = cache
    da = dout * gate
    db = dout * a * gate * (1 - gate)
    return np.concatenate([da, db], axis=1)


def swiglu_inputs(seed):
    rng = np.random.default_rng([seed, 4])
    return rng.normal(size=(3, 4)), rng.normal(size=(4, 3)), rng.normal(size=(4, 3))


def swiglu_forward(x, w1, w2):
    h = x @ w1
    s = 1 / (1 + np.exp(-h))
    u = x @ w2
    return h * s * u, (x, w1, w2, h, s, u)


def swiglu_backward(dout, cache):
    x, w1, w2, h, s, u = cache
    du = dout * h * s
    dh = dout * u * (s + h * s * (1 - s))
    dx = dh @ w1.T + du @ w2.T
    return [dx, x.T @ dh, x.T @ du]
