"""A depthwise 3x3 convolution followed by a pointwise one, as in MobileNet and ConvNeXt."""

import numpy as np


def separable_inputs(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(1, 3, 4, 4))
    return x, rng.normal(size=(3, 3, 3)), rng.normal(size=(2, 3))


def separable_forward(x, depth, point):
    _, _, H, W = x.shape
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    mid = np.zeros_like(x)
    for i in range(3):
        for j in range(3):
            mid += depth[:, i, j][None, :, None, None] * xp[:, :, i : i + H, j : j + W]
    out = np.einsum("fc,nchw->nfhw", point, mid)
    return out, (xp, mid, depth, point)


def separable_backward(dout, cache):
    xp, mid, depth, point = cache
    H, W = dout.shape[2:]
    dpoint = np.einsum("nfhw,nchw->fc", dout, mid)
    dmid = np.einsum("fc,nfhw->nchw", point, dout)
    dxp = np.zeros_like(xp)
    ddepth = np.zeros_like(depth)
    for i in range(3):
        for j in range(3):
            window = (slice(None), slice(None), slice(i, i + H), slice(j, j + W))
            dxp[window] += depth[:, i, j][None, :, None, None] * dmid
            ddepth[:, i, j] = (xp[window] * dmid).sum(axis=(0, 2, 3))
    return dxp[:, :, 1:-1, 1:-1], ddepth, dpoint
