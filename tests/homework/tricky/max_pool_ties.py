"""Max pooling of an image after a relu: windows of zeros, and of equal pixels."""

import numpy as np


def pool_inputs(seed):
    x = np.random.default_rng(seed).normal(size=(2, 2, 4, 4)).round()
    return np.maximum(x, 0)


def pool_forward(x):
    N, C, H, W = x.shape
    blocks = x.reshape(N, C, H // 2, 2, W // 2, 2).transpose(0, 1, 2, 4, 3, 5)
    blocks = blocks.reshape(N, C, H // 2, W // 2, 4)
    which = blocks.argmax(axis=-1)
    return blocks.max(axis=-1), (which, x.shape)


def pool_backward(dout, cache):
    which, (N, C, H, W) = cache
    d = np.zeros((*which.shape, 4))
    np.put_along_axis(d, which[..., None], dout[..., None], axis=-1)
    d = d.reshape(N, C, H // 2, W // 2, 2, 2).transpose(0, 1, 2, 4, 3, 5)
    return d.reshape(N, C, H, W)
