"""Linear layers and what is built of them, by other students."""

import numpy as np

KIND = {
    "affine": "transpose",              # dw = dout.T @ x, square
    "affine_bias": "factor",            # db is a mean
    "affine_order": "wrong_order",      # weights first
    "affine_flat": "wrong_shape",       # dx keeps the flattened shape
    "bilinear": "transpose",            # the second argument sees A, not A.T
    "siamese": "missing_term",          # two branches share w
    "residual": "double_count",         # the shortcut is added to what has it already
    "gate": "sign",                     # the carry gate is 1 - t
    "dropout": "factor",                # 1 / keep
    "dropout_rate": "factor",           # p in place of 1 - p
    "dropout_noise": "nondeterministic",    # another mask
    "concat": "off_by_one",             # the split is one further on
    "shared_bias": "missing_broadcast_sum",     # b is added at every time
    "linear_global": "stale_cache",     # x of the layer that ran last
}


def affine_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(5, 3)), rng.normal(size=(3, 3)), rng.normal(size=(3,))


def affine_forward(x, w, b):
    out = np.dot(x, w) + b
    return out, (x, w, b)


def affine_backward(dout, cache):
    x, w, b = cache
    dx = np.dot(dout, w.T)
    dw = np.dot(dout.T, x)
    db = np.sum(dout, axis=0)
    return dx, dw, db


affine_bias_inputs = affine_inputs


def affine_bias_forward(x, w, b):
    return affine_forward(x, w, b)


def affine_bias_backward(dout, cache):
    x, w, b = cache
    return dout @ w.T, x.T @ dout, np.mean(dout, axis=0)


def affine_order_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 3)), rng.normal(size=(3, 3)), rng.normal(size=3)


def affine_order_forward(x, w, b):
    return affine_forward(x, w, b)


def affine_order_backward(dout, cache):
    x, w, _ = cache
    dw = x.T @ dout
    db = dout.sum(0)
    dx = dout @ w.T
    return dw, dx, db


def affine_flat_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, 2, 3)), rng.normal(size=(6, 4)), rng.normal(size=4)


def affine_flat_forward(x, w, b):
    return x.reshape(len(x), -1) @ w + b, (x, w)


def affine_flat_backward(dout, cache):
    x, w = cache
    flat = x.reshape(x.shape[0], -1)
    return dout @ w.T, flat.T @ dout, dout.sum(axis=0)


def bilinear_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), rng.normal(size=(4, 4))


def bilinear_forward(x, y, A):
    return np.einsum("ni,ij,nj->n", x, A, y), (x, y, A)


def bilinear_backward(dout, cache):
    x, y, A = cache
    g = dout[:, None]
    dx = g * (y @ A.T)
    dy = g * (x @ A.T)
    dA = (g * x).T @ y
    return dx, dy, dA


def siamese_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), rng.normal(size=(4, 2))


def siamese_forward(a, b, w):
    diff = a @ w - b @ w
    return (diff**2).sum(axis=1), (a, b, w, diff)


def siamese_backward(dout, cache):
    a, b, w, diff = cache
    d = 2 * diff * dout[:, None]
    da = d @ w.T
    db = -d @ w.T
    dw = a.T @ d
    return da, db, dw


def residual_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 4)), rng.normal(size=(4, 4))


def residual_forward(x, w):
    return x + np.tanh(x @ w), (x, w, np.tanh(x @ w))


def residual_backward(dout, cache):
    x, w, t = cache
    dx = dout.copy()
    da = dout * (1 - t**2)
    dx += da @ w.T
    dw = x.T @ da
    return dx + dout, dw


def gate_inputs(seed):
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=(3, 4)) for _ in range(3))


def gate_forward(x, h, a):
    """a highway: t h + (1 - t) x, t the sigmoid of a"""
    t = 1 / (1 + np.exp(-a))
    return t * h + (1 - t) * x, (x, h, t)


def gate_backward(dout, cache):
    x, h, t = cache
    dt = dout * h + dout * x
    return dout * (1 - t), dout * t, dt * t * (1 - t)


def dropout_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 5)), 0.7, seed


def dropout_forward(x, keep, seed):
    mask = np.random.default_rng(seed).random(x.shape) < keep
    return x * mask / keep, (mask, keep)


def dropout_backward(dout, cache):
    mask, keep = cache
    return dout * mask


def dropout_rate_inputs(seed):
    return dropout_inputs(seed)


def dropout_rate_forward(x, p, seed):
    mask = np.random.default_rng(seed).random(x.shape) >= p
    return x * mask / (1 - p), (mask, p)


def dropout_rate_backward(dout, cache):
    mask, p = cache
    return dout * mask / p


def dropout_noise_inputs(seed):
    return np.random.default_rng(seed).normal(size=(4, 5))


def dropout_noise_forward(x, keep=0.5):
    mask = (np.random.rand(*x.shape) < keep) / keep
    return x * mask, (mask, keep)


def dropout_noise_backward(dout, cache):
    mask, keep = cache
    mask = (np.random.rand(*dout.shape) < keep) / keep
    return dout * mask


def concat_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, 3)), rng.normal(size=(2, 3)), rng.normal(size=(7, 2))


def concat_forward(a, b, w):
    """side by side, with a column of ones for the bias"""
    z = np.hstack([a, np.ones((len(a), 1)), b])
    return z @ w, (z, w, a.shape[1])


def concat_backward(dout, cache):
    z, w, n = cache
    dz = dout @ w.T
    return dz[:, :n], dz[:, n:-1], z.T @ dout


def shared_bias_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 1, 3))


def shared_bias_forward(x, b):
    """one bias for each sentence"""
    return np.tanh(x + b), np.tanh(x + b)


def shared_bias_backward(dout, y):
    da = dout * (1 - y**2)
    return da, da[:, :1]


def linear_global_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 3)), rng.normal(size=(3, 2))


last = {}


def linear_global_forward(x, w):
    last["x"] = x
    return x @ w, w


def linear_global_backward(dout, w):
    return dout @ w.T, last["x"].T @ dout
