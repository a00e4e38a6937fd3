"""Transposed convolution: every input stamps its kernel on the output."""

import numpy as np


def conv_transpose_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, 2, 3, 2)), rng.normal(size=(2, 2, 3, 3)), rng.normal(size=2)


def conv_transpose_forward(x, w, b, stride=2, pad=1):
    N, C, H, W = x.shape
    _, F, K, L = w.shape
    full = np.zeros((N, F, (H - 1) * stride + K, (W - 1) * stride + L))
    for i in range(H):
        for j in range(W):
            stamp = np.einsum("nc,cfkl->nfkl", x[:, :, i, j], w)
            full[:, :, i * stride : i * stride + K, j * stride : j * stride + L] += stamp
    rows, cols = full.shape[2] - pad, full.shape[3] - pad
    out = full[:, :, pad:rows, pad:cols] + b[:, None, None]
    return out, (x, w, stride, pad)


def conv_transpose_backward(dout, cache):
    x, w, stride, pad = cache
    _, _, H, W = x.shape
    _, _, K, L = w.shape
    dfull = np.pad(dout, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    dx = np.zeros_like(x)
    dw = np.zeros_like(w)
    for i in range(H):
        for j in range(W):
            d = dfull[:, :, i * stride : i * stride + K, j * stride : j * stride + L]
            dx[:, :, i, j] = np.einsum("nfkl,cfkl->nc", d, w)
            dw += np.einsum("nc,nfkl->cfkl", x[:, :, i, j], d)
    db = np.sum(dout, axis=(0, 2, 3))
    return dx, dw, db
