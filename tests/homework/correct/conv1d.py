"""One-dimensional convolution, and a causal depthwise one."""

import numpy as np


def conv1d_inputs(seed):
    rng = np.random.default_rng([seed, 1])
    return rng.normal(size=(2, 2, 6)), rng.normal(size=(3, 2, 3)), rng.normal(size=3)


def conv1d_forward(x, w, b):
    K = w.shape[2]
    T = x.shape[2] - K + 1
    out = np.zeros((x.shape[0], w.shape[0], T)) + b[:, None]
    for k in range(K):
        out += np.einsum("nct,fc->nft", x[:, :, k : k + T], w[:, :, k])
    return out, (x, w)


def conv1d_backward(dout, cache):
    x, w = cache
    K, T = w.shape[2], dout.shape[2]
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for k in range(K):
        dx[:, :, k : k + T] += np.einsum("nft,fc->nct", dout, w[:, :, k])
        dw[:, :, k] = np.einsum("nft,nct->fc", dout, x[:, :, k : k + T])
    return dx, dw, dout.sum(axis=(0, 2))


def causal_inputs(seed):
    rng = np.random.default_rng([seed, 2])
    return rng.normal(size=(2, 3, 5)), rng.normal(size=(3, 3))


def causal_forward(x, w):
    N, C, T = x.shape
    K = w.shape[1]
    xp = np.concatenate([np.zeros((N, C, K - 1)), x], axis=2)
    out = sum(w[:, k, None] * xp[:, :, k : k + T] for k in range(K))
    return out, (xp, w)


def causal_backward(dout, cache):
    xp, w = cache
    K, T = w.shape[1], dout.shape[2]
    dxp, dw = np.zeros(xp.shape), np.zeros(w.shape)
    for k in range(K):
        dxp[:, :, k : k + T] += w[:, k, None] * dout
        dw[:, k] = (dout * xp[:, :, k : k + T]).sum(axis=(0, 2))
    return dxp[:, :, K - 1 :], dw
