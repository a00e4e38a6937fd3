"""Max pooling with loops, overlapping windows allowed, in CS231n's names."""

import numpy as np


def max_pool_inputs(seed):
    x = np.random.default_rng(seed).normal(size=(2, 2, 5, 5))
    return x, {"pool_height": 3, "pool_width": 3, "stride": 2}


def max_pool_forward_naive(x, pool_param):
    ph, pw = pool_param["pool_height"], pool_param["pool_width"]
    s = pool_param["stride"]
    N, C, H, W = x.shape
    out = np.zeros((N, C, (H - ph) // s + 1, (W - pw) // s + 1))
    for i in range(out.shape[2]):
        for j in range(out.shape[3]):
            out[:, :, i, j] = x[:, :, i * s : i * s + ph, j * s : j * s + pw].max(axis=(2, 3))
    return out, (x, pool_param)


def max_pool_backward_naive(dout, cache):
    x, pool_param = cache
    ph, pw = pool_param["pool_height"], pool_param["pool_width"]
    s = pool_param["stride"]
    N, C, OH, OW = dout.shape
    dx = np.zeros_like(x)
    for n in range(N):
        for c in range(C):
            for i in range(OH):
                for j in range(OW):
                    window = x[n, c, i * s : i * s + ph, j * s : j * s + pw]
                    k, m = np.unravel_index(window.argmax(), window.shape)
                    dx[n, c, i * s + k, j * s + m] += dout[n, c, i, j]
    return dx
