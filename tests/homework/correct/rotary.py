"""Rotary positions, and a squeeze-and-excitation gate."""

import numpy as np


def rotary_inputs(seed):
    return (np.random.default_rng([seed, 1]).normal(size=(2, 3, 4)),)


def angles(T, D):
    freq = 100.0 ** (-np.arange(D // 2) / (D // 2))
    return np.arange(T)[:, None] * freq


def rotary_forward(x):
    theta = angles(*x.shape[1:])
    c, s = np.cos(theta), np.sin(theta)
    a, b = x[..., 0::2], x[..., 1::2]
    out = np.empty_like(x)
    out[..., 0::2] = a * c - b * s
    out[..., 1::2] = a * s + b * c
    return out, (c, s)


def rotary_backward(dout, cache):
    c, s = cache
    da, db = dout[..., 0::2], dout[..., 1::2]
    dx = np.empty_like(dout)
    dx[..., 0::2] = da * c + db * s
    dx[..., 1::2] = db * c - da * s
    return dx


def squeeze_inputs(seed):
    rng = np.random.default_rng([seed, 2])
    return rng.normal(size=(2, 3, 2, 2)), rng.normal(size=(3, 3))


def squeeze_forward(x, W):
    pooled = x.mean(axis=(2, 3))
    gate = 1 / (1 + np.exp(-pooled @ W))
    return x * gate[:, :, None, None], (x, W, pooled, gate)


def squeeze_backward(dout, cache):
    x, W, pooled, gate = cache
    dgate = (dout * x).sum(axis=(2, 3))
    da = dgate * gate * (1 - gate)
    dpooled = da @ W.T
    dx = dout * gate[:, :, None, None]
    dx += dpooled[:, :, None, None] / (x.shape[2] * x.shape[3])
    return dx, pooled.T @ da
