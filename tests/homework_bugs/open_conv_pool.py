"""Convolutions and pooling: windows that overlap, borders, and the order of axes in im2col."""

import numpy as np

KIND = {
    "conv": "overwrites",               # dxp[window] = in place of +=
    "conv_full": "flip",                # dx is a convolution with the kernel, not flipped
    "conv_crop": "off_by_one",          # the padding is cut off at one side only
    "conv_last": "boundary",            # range(OH - 1)
    "conv_im2col": "transpose",         # reshape where the filters' axis has to be moved first
    "conv_mean": "factor",              # db is a mean over the pixels
    "conv_transpose": "flip",
    "depthwise": "missing_broadcast_sum",   # dw of the first sample alone
    "maxpool": "overwrites",
    "maxpool_even": "wrong_formula",    # spread over the window, as in average pooling
    "avgpool": "factor",                # k, not k * k
    "upsample": "missing_broadcast_sum",
    "edge_pad": "boundary",             # the edge was copied; its copies are dropped
}


def images_and_filters(seed, cin=2, cout=2, size=5):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2, cin, size, size))
    return x, rng.normal(size=(cout, cin, 3, 3)) / 3, rng.normal(size=cout)


def conv_inputs(seed):
    return images_and_filters(seed)


def conv_forward(x, w, b, stride=2, pad=1):
    xp = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    N, F, K = x.shape[0], w.shape[0], w.shape[2]
    OH, OW = (xp.shape[2] - K) // stride + 1, (xp.shape[3] - K) // stride + 1
    out = np.zeros((N, F, OH, OW))
    for i in range(OH):
        for j in range(OW):
            win = xp[:, :, i * stride:i * stride + K, j * stride:j * stride + K]
            out[:, :, i, j] = np.einsum("nchw,fchw->nf", win, w) + b
    return out, (xp, w, stride, pad)


def conv_backward(dout, cache):
    xp, w, stride, pad = cache
    K = w.shape[2]
    dxp, dw = np.zeros_like(xp), np.zeros_like(w)
    db = dout.sum(axis=(0, 2, 3))
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            rows = slice(i * stride, i * stride + K)
            cols = slice(j * stride, j * stride + K)
            g = dout[:, :, i, j]
            dw += np.einsum("nf,nchw->fchw", g, xp[:, :, rows, cols])
            dxp[:, :, rows, cols] = np.einsum("nf,fchw->nchw", g, w)
    return dxp[:, :, pad:-pad, pad:-pad], dw, db


def correlate(x, w):
    """Valid cross-correlation: (N, C, H, W) and (F, C, K, K) give (N, F, H-K+1, W-K+1)."""
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))
    return np.einsum("nchwij,fcij->nfhw", windows, w)


def conv_full_inputs(seed):
    return images_and_filters(seed, size=4)[:2]


def conv_full_forward(x, w):
    return correlate(x, w), (x, w)


def conv_full_backward(dout, cache):
    x, w = cache
    K = w.shape[2]
    padded = np.pad(dout, ((0, 0), (0, 0), (K - 1, K - 1), (K - 1, K - 1)))
    # "full" convolution of dout with the filters; in and out channels change places
    dx = correlate(padded, w.transpose(1, 0, 2, 3))
    dw = correlate(x.transpose(1, 0, 2, 3), dout.transpose(1, 0, 2, 3)).transpose(1, 0, 2, 3)
    return dx, dw


def conv_crop_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, 6)), rng.normal(size=3)


def conv_crop_forward(x, w):
    xp = np.pad(x, ((0, 0), (1, 1)))
    out = sum(w[k] * xp[:, k:k + x.shape[1]] for k in range(3))
    return out, (xp, w, x.shape[1])


def conv_crop_backward(dout, cache):
    xp, w, T = cache
    dxp = np.zeros_like(xp)
    dw = np.zeros(3)
    for k in range(3):
        dxp[:, k:k + T] += w[k] * dout
        dw[k] = (dout * xp[:, k:k + T]).sum()
    return dxp[:, :T], dw


def conv_last_inputs(seed):
    return images_and_filters(seed, cin=1, size=5)[:2]


def conv_last_forward(x, w):
    return correlate(x, w), (x, w)


def conv_last_backward(dout, cache):
    x, w = cache
    N, F, OH, OW = dout.shape
    K = w.shape[-1]
    dx, dw = np.zeros(x.shape), np.zeros(w.shape)
    for n in range(N):
        for f in range(F):
            for i in range(OH - 1):
                for j in range(OW - 1):
                    dx[n, :, i:i + K, j:j + K] += dout[n, f, i, j] * w[f]
                    dw[f] += dout[n, f, i, j] * x[n, :, i:i + K, j:j + K]
    return dx, dw


def conv_im2col_inputs(seed):
    return images_and_filters(seed, cout=3, size=4)


def conv_im2col_forward(x, w, b):
    N, C, H, W = x.shape
    F, _, K, _ = w.shape
    view = np.lib.stride_tricks.sliding_window_view(x, (K, K), axis=(2, 3))
    OH, OW = view.shape[2:4]
    cols = view.transpose(0, 2, 3, 1, 4, 5).reshape(N * OH * OW, C * K * K)
    out = cols @ w.reshape(F, -1).T + b
    out = out.reshape(N, OH, OW, F).transpose(0, 3, 1, 2)
    return out, (x, w, cols)


def conv_im2col_backward(dout, cache):
    x, w, cols = cache
    N, F, OH, OW = dout.shape
    C, K = w.shape[1:3]
    db = dout.sum(axis=(0, 2, 3))
    d = dout.reshape(-1, F)
    dw = (d.T @ cols).reshape(w.shape)
    dcols = (d @ w.reshape(F, -1)).reshape(N, OH, OW, C, K, K)
    dx = np.zeros_like(x)
    for i in range(K):
        for j in range(K):
            dx[:, :, i:i + OH, j:j + OW] += dcols[:, :, :, :, i, j].transpose(0, 3, 1, 2)
    return dx, dw, db


def conv_mean_inputs(seed):
    return images_and_filters(seed, size=4)


def conv_mean_forward(x, w, b):
    return correlate(x, w) + b[:, None, None], (x, w)


def conv_mean_backward(dout, cache):
    x, w = cache
    K = w.shape[-1]
    p = np.pad(dout, ((0, 0), (0, 0), (K - 1, K - 1), (K - 1, K - 1)))
    dx = correlate(p, w[:, :, ::-1, ::-1].transpose(1, 0, 2, 3))
    windows = np.lib.stride_tricks.sliding_window_view(x, (K, K), axis=(2, 3))
    dw = np.einsum("nfhw,nchwij->fcij", dout, windows)
    db = dout.sum(axis=0).mean(axis=(1, 2))
    return dx, dw, db


def conv_transpose_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, 2, 3, 3)), rng.normal(size=(2, 3, 2, 2))


def conv_transpose_forward(x, w, stride=2):
    N, C, H, W = x.shape
    K = w.shape[2]
    out = np.zeros((N, w.shape[1], (H - 1) * stride + K, (W - 1) * stride + K))
    for i in range(H):
        for j in range(W):
            patch = np.einsum("nc,cfkl->nfkl", x[:, :, i, j], w)
            out[:, :, i * stride:i * stride + K, j * stride:j * stride + K] += patch
    return out, (x, w, stride)


def conv_transpose_backward(dout, cache):
    x, w, s = cache
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    K = w.shape[2]
    flipped = w[:, :, ::-1, ::-1]       # the backward of a convolution flips its kernel
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            d = dout[:, :, i * s:i * s + K, j * s:j * s + K]
            dx[:, :, i, j] = np.einsum("nfkl,cfkl->nc", d, flipped)
            dw += np.einsum("nc,nfkl->cfkl", x[:, :, i, j], d)
    return dx, dw


def depthwise_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 2, 6)), rng.normal(size=(2, 3))


def depthwise_forward(x, w):
    view = np.lib.stride_tricks.sliding_window_view(x, 3, axis=2)
    return (view * w[:, None, :]).sum(axis=-1), (x, w)


def depthwise_backward(dout, cache):
    x, w = cache
    T = dout.shape[2]
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for k in range(3):
        dx[:, :, k:k + T] += dout * w[:, k, None]
        dw[:, k] = (dout * x[:, :, k:k + T]).sum(axis=-1)[0]
    return dx, dw


def maxpool_inputs(seed):
    return np.random.default_rng(seed).normal(size=(1, 2, 5, 5))


def maxpool_forward(x, size=3, stride=1):
    view = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(2, 3))
    return view[:, :, ::stride, ::stride].max(axis=(4, 5)), (x, size, stride)


def maxpool_backward(dout, cache):
    x, size, stride = cache
    dx = np.zeros_like(x)
    for n, c, i, j in np.ndindex(*dout.shape):
        win = x[n, c, i * stride:i * stride + size, j * stride:j * stride + size]
        a, b = np.unravel_index(win.argmax(), win.shape)
        dx[n, c, i * stride + a, j * stride + b] = dout[n, c, i, j]
    return dx


def maxpool_even_inputs(seed):
    return np.random.default_rng(seed).normal(size=(2, 2, 4, 4))


def maxpool_even_forward(x):
    N, C, H, W = x.shape
    return x.reshape(N, C, H // 2, 2, W // 2, 2).max(axis=(3, 5)), x


def maxpool_even_backward(dout, x):
    return np.repeat(np.repeat(dout, 2, axis=2), 2, axis=3) / 4


def avgpool_inputs(seed):
    return np.random.default_rng(seed).normal(size=(2, 2, 6, 6))


def avgpool_forward(x, k=3):
    N, C, H, W = x.shape
    return x.reshape(N, C, H // k, k, W // k, k).mean(axis=(3, 5)), k


def avgpool_backward(dout, k):
    return np.kron(dout, np.ones((1, 1, k, k))) / k


def upsample_inputs(seed):
    return np.random.default_rng(seed).normal(size=(2, 2, 3, 3))


def upsample_forward(x):
    return x.repeat(2, axis=2).repeat(2, axis=3), None


def upsample_backward(dout, cache):
    return dout[:, :, ::2, ::2]


def edge_pad_inputs(seed):
    return np.random.default_rng(seed).normal(size=(2, 4, 4))


def edge_pad_forward(x, p=1):
    return np.pad(x, ((0, 0), (p, p), (p, p)), mode="edge"), p


def edge_pad_backward(dout, p):
    return dout[:, p:-p, p:-p]
