"""Convolution as a matrix product, with dilation and groups."""

import numpy as np


def make_inputs(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2, 2, 5, 4))
    w = rng.normal(size=(4, 1, 2, 2))
    return x, w, rng.normal(size=4), 1, 1, 2, 2


def places(size, kernel, stride, dilation):
    """Rows of indices: for each output the positions it reads, (out, kernel)."""
    out = (size - dilation * (kernel - 1) - 1) // stride + 1
    return stride * np.arange(out)[:, None] + dilation * np.arange(kernel)


def conv2d_forward(x, w, b, stride, pad, dilation, groups):
    N, C, H, W = x.shape
    F, Cg, K, L = w.shape
    xp = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    rows = places(H + 2 * pad, K, stride, dilation)
    cols = places(W + 2 * pad, L, stride, dilation)
    patches = xp[:, :, rows[:, None, :, None], cols[None, :, None, :]]
    patches = patches.reshape(N, groups, Cg, len(rows), len(cols), K, L)
    kernels = w.reshape(groups, F // groups, Cg, K, L)
    out = np.einsum("ngcijkl,gfckl->ngfij", patches, kernels)
    out = out.reshape(N, F, len(rows), len(cols)) + b[:, None, None]
    return out, (patches, kernels, rows, cols, x.shape, w.shape, pad)


def conv2d_backward(dout, cache):
    patches, kernels, rows, cols, x_shape, w_shape, pad = cache
    N, C, H, W = x_shape
    g = dout.reshape(N, kernels.shape[0], -1, len(rows), len(cols))
    dw = np.einsum("ngfij,ngcijkl->gfckl", g, patches).reshape(w_shape)
    dpatches = np.einsum("ngfij,gfckl->ngcijkl", g, kernels)
    dpatches = dpatches.reshape(N, C, *dpatches.shape[3:])
    dxp = np.zeros((N, C, H + 2 * pad, W + 2 * pad))
    where = (slice(None), slice(None), rows[:, None, :, None], cols[None, :, None, :])
    np.add.at(dxp, where, dpatches)
    dx = dxp[:, :, pad : H + pad, pad : W + pad]
    return dx, dw, dout.sum((0, 2, 3))
