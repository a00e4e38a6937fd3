"""Convolutions and pooling, by other students."""

import numpy as np

KIND = {
    "conv1d": "flip",                   # the kernel's taps in the wrong direction, in dx
    "causal_conv": "off_by_one",
    "conv2d": "overwrites",             # dw of the last window alone
    "conv2d_pad": "off_by_one",         # dxp[:, :, :H, :W]
    "conv2d_rows": "boundary",          # the loops run over i in range(1, OH)
    "conv2d_bias": "wrong_shape",       # summed over the batch alone
    "conv1x1": "transpose",             # w, square
    "conv_transpose1d": "off_by_one",   # stride 2, windows one further
    "conv_dilated": "wrong_formula",    # the backward of a convolution without dilation
    "maxpool": "wrong_mask",            # >= mean of the window
    "maxpool_second": "wrong_mask",     # the same place for all channels
    "global_avgpool": "factor",         # the mean over the rows alone
    "avgpool_overlap": "overwrites",
    "upsample_bilinear": "factor",      # the halves of the mean are forgotten
    "reflect_pad": "missing_term",      # the reflected pixels
    "pixel_shuffle": "transpose",
}


def taps(x, K):
    return np.lib.stride_tricks.sliding_window_view(x, K, axis=-1)


def conv1d_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, 2, 7)), rng.normal(size=(3, 2, 3)), rng.normal(size=3)


def conv1d_forward(x, w, b):
    out = np.einsum("nctk,fck->nft", taps(x, w.shape[2]), w) + b[:, None]
    return out, (x, w)


def conv1d_backward(dout, cache):
    x, w = cache
    K = w.shape[2]
    dw = np.einsum("nft,nctk->fck", dout, taps(x, K))
    padded = np.pad(dout, ((0, 0), (0, 0), (K - 1, K - 1)))
    dx = np.einsum("nftk,fck->nct", taps(padded, K), w)
    return dx, dw, dout.sum(axis=(0, 2))


def causal_conv_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 6)), rng.normal(size=3)


def causal_conv_forward(x, w):
    """out[t] = w[0] x[t] + w[1] x[t-1] + w[2] x[t-2]"""
    T = x.shape[1]
    xp = np.pad(x, ((0, 0), (2, 0)))
    return sum(w[k] * xp[:, 2 - k:2 - k + T] for k in range(3)), (xp, w)


def causal_conv_backward(dout, cache):
    xp, w = cache
    T = dout.shape[1]
    dxp = np.zeros_like(xp)
    dw = np.zeros_like(w)
    for k in range(3):
        dxp[:, 2 - k:2 - k + T] += w[k] * dout
        dw[k] = np.sum(dout * xp[:, 2 - k:2 - k + T])
    return dxp[:, 1:T + 1], dw


def conv2d_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, 2, 4, 4)), rng.normal(size=(3, 2, 2, 2)), rng.normal(size=3)


def conv2d_forward(x, w, b, stride=2):
    K = w.shape[2]
    OH, OW = (x.shape[2] - K) // stride + 1, (x.shape[3] - K) // stride + 1
    out = np.empty((len(x), len(w), OH, OW))
    for i in range(OH):
        for j in range(OW):
            patch = x[:, :, i * stride:i * stride + K, j * stride:j * stride + K]
            out[:, :, i, j] = np.tensordot(patch, w, ([1, 2, 3], [1, 2, 3])) + b
    return out, (x, w, stride)


def conv2d_backward(dout, cache):
    x, w, stride = cache
    K = w.shape[2]
    dx = np.zeros_like(x)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            a, b = i * stride, j * stride
            patch = x[:, :, a:a + K, b:b + K]
            dw = np.tensordot(dout[:, :, i, j], patch, ([0], [0]))
            dx[:, :, a:a + K, b:b + K] += np.tensordot(dout[:, :, i, j], w, ([1], [0]))
    return dx, dw, dout.sum((0, 2, 3))


def conv2d_pad_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, 1, 4, 4)), rng.normal(size=(2, 1, 3, 3))


def conv2d_pad_forward(x, w, pad=1):
    xp = np.pad(x, [(0, 0), (0, 0), (pad, pad), (pad, pad)])
    view = np.lib.stride_tricks.sliding_window_view(xp, (3, 3), axis=(2, 3))
    return np.einsum("nchwij,fcij->nfhw", view, w), (x, w, view)


def conv2d_pad_backward(dout, cache):
    x, w, view = cache
    N, C, H, W = x.shape
    dw = np.einsum("nfhw,nchwij->fcij", dout, view)
    dxp = np.zeros((N, C, H + 2, W + 2))
    for i in range(3):
        for j in range(3):
            dxp[:, :, i:i + H, j:j + W] += np.einsum("nfhw,fc->nchw", dout, w[:, :, i, j])
    return dxp[:, :, :H, :W], dw


def conv2d_rows_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(1, 2, 5, 5)), rng.normal(size=(2, 2, 2, 2))


def conv2d_rows_forward(x, w):
    view = np.lib.stride_tricks.sliding_window_view(x, (2, 2), axis=(2, 3))
    return np.einsum("nchwij,fcij->nfhw", view, w), (x, w)


def conv2d_rows_backward(dout, cache):
    x, w = cache
    N, F, OH, OW = dout.shape
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in range(1, OH):
        for j in range(OW):
            for f in range(F):
                g = dout[:, f, i, j].reshape(N, 1, 1, 1)
                dx[:, :, i:i + 2, j:j + 2] += g * w[f]
                dw[f] += (g * x[:, :, i:i + 2, j:j + 2]).sum(axis=0)
    return dx, dw


def conv2d_bias_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 2, 2, 2)), rng.normal(size=2)


def conv2d_bias_forward(x, b):
    return x + b.reshape(1, -1, 1, 1), None


def conv2d_bias_backward(dout, cache):
    return dout, dout.sum(axis=0)


def conv1x1_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, 3, 2, 2)), rng.normal(size=(3, 3))


def conv1x1_forward(x, w):
    return np.einsum("oc,nchw->nohw", w, x), (x, w)


def conv1x1_backward(dout, cache):
    x, w = cache
    dw = np.einsum("nohw,nchw->oc", dout, x)
    dx = np.einsum("oc,nchw->nohw", w, dout)
    return dx, dw


def conv_transpose1d_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 4)), rng.normal(size=3)


def conv_transpose1d_forward(x, w):
    N, T = x.shape
    out = np.zeros((N, 2 * T + 2))
    for t in range(T):
        out[:, 2 * t:2 * t + 3] += x[:, t, None] * w
    return out, (x, w)


def conv_transpose1d_backward(dout, cache):
    x, w = cache
    dx = np.zeros_like(x)
    dw = np.zeros_like(w)
    for t in range(x.shape[1]):
        d = dout[:, 2 * t + 1:2 * t + 4]
        dx[:, t] = d @ w
        dw += x[:, t] @ d
    return dx, dw


def conv_dilated_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, 8)), rng.normal(size=3)


def conv_dilated_forward(x, w, dilation=2):
    T = x.shape[1] - 2 * dilation
    return sum(w[k] * x[:, k * dilation:k * dilation + T] for k in range(3)), (x, w)


def conv_dilated_backward(dout, cache):
    x, w = cache
    T = dout.shape[1]
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for k in range(3):
        dx[:, k:k + T] += w[k] * dout
        dw[k] = (x[:, k:k + T] * dout).sum()
    return dx, dw


def maxpool_inputs(seed):
    return np.random.default_rng(seed).normal(size=(2, 4, 4))


def maxpool_forward(x):
    n, h, w = x.shape
    blocks = x.reshape(n, h // 2, 2, w // 2, 2)
    return blocks.max(axis=(2, 4)), blocks


def maxpool_backward(dout, blocks):
    mask = blocks >= blocks.mean(axis=(2, 4), keepdims=True)
    dx = mask * dout[:, :, None, :, None]
    n, a, _, b, _ = blocks.shape
    return dx.reshape(n, 2 * a, 2 * b)


def maxpool_second_inputs(seed):
    return np.random.default_rng(seed).normal(size=(2, 3, 4))


def maxpool_second_forward(x):
    """max over time, axis 2"""
    return x.max(axis=2), x


def maxpool_second_backward(dout, x):
    dx = np.zeros_like(x)
    for n in range(dx.shape[0]):
        for c in range(dx.shape[1]):
            dx[n, c, x[n].sum(axis=0).argmax()] = dout[n, c]
    return dx


def global_avgpool_inputs(seed):
    return np.random.default_rng(seed).normal(size=(2, 3, 2, 4))


def global_avgpool_forward(x):
    return x.mean(axis=(2, 3)), x.shape


def global_avgpool_backward(dout, shape):
    return np.broadcast_to(dout[:, :, None, None], shape) / shape[2]


def avgpool_overlap_inputs(seed):
    return np.random.default_rng(seed).normal(size=(2, 6))


def avgpool_overlap_forward(x):
    return taps(x, 3).mean(axis=-1), x


def avgpool_overlap_backward(dout, x):
    dx = np.zeros_like(x)
    for t in range(dout.shape[1]):
        dx[:, t:t + 3] = dout[:, t:t + 1] / 3
    return dx


def upsample_bilinear_inputs(seed):
    return np.random.default_rng(seed).normal(size=(2, 4))


def upsample_bilinear_forward(x):
    """every sample, and between two of them their mean"""
    out = np.empty((x.shape[0], 2 * x.shape[1] - 1))
    out[:, ::2] = x
    out[:, 1::2] = (x[:, 1:] + x[:, :-1]) / 2
    return out, None


def upsample_bilinear_backward(dout, cache):
    dx = dout[:, ::2].copy()
    dx[:, 1:] += dout[:, 1::2]
    dx[:, :-1] += dout[:, 1::2]
    return dx


def reflect_pad_inputs(seed):
    return np.random.default_rng(seed).normal(size=(2, 5))


def reflect_pad_forward(x, p=2):
    return np.pad(x, ((0, 0), (p, p)), mode="reflect"), p


def reflect_pad_backward(dout, p):
    return dout[:, p:-p].copy()


def pixel_shuffle_inputs(seed):
    return np.random.default_rng(seed).normal(size=(1, 4, 3, 3))


def pixel_shuffle_forward(x, r=2):
    N, C, H, W = x.shape
    out = x.reshape(N, C // r**2, r, r, H, W).transpose(0, 1, 4, 2, 5, 3)
    return out.reshape(N, C // r**2, H * r, W * r), (x.shape, r)


def pixel_shuffle_backward(dout, cache):
    (N, C, H, W), r = cache
    d = dout.reshape(N, C // r**2, H, r, W, r)
    return d.transpose(0, 1, 5, 3, 2, 4).reshape(N, C, H, W)
