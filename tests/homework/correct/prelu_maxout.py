"""Activations with something to learn or to choose: PReLU, maxout, softmax pooling."""

import numpy as np


def prelu_inputs(seed):
    rng = np.random.default_rng([seed, 1])
    return rng.normal(size=(3, 4)), np.array(0.25)


def prelu_forward(x, a):
    return np.where(x > 0, x, a * x), (x, a)


def prelu_backward(dout, cache):
    x, a = cache
    dx = np.where(x > 0, dout, a * dout)
    da = np.sum(dout * np.minimum(x, 0))
    return dx, da


def maxout_inputs(seed):
    rng = np.random.default_rng([seed, 2])
    return rng.normal(size=(3, 2)), rng.normal(size=(3, 2, 4)), rng.normal(size=(3, 4))


def maxout_forward(x, W, b):
    z = np.einsum("nd,kdf->nkf", x, W) + b
    return z.max(axis=1), (x, W, z.argmax(axis=1))


def maxout_backward(dout, cache):
    x, W, which = cache
    K = W.shape[0]
    chosen = which[:, None, :] == np.arange(K)[:, None]
    dz = chosen * dout[:, None, :]
    dx = np.einsum("nkf,kdf->nd", dz, W)
    dW = np.einsum("nkf,nd->kdf", dz, x)
    return dx, dW, dz.sum(axis=0)


def attention_pool_inputs(seed):
    rng = np.random.default_rng([seed, 3])
    return rng.normal(size=(2, 4, 3)), rng.normal(size=3)


def attention_pool_forward(x, w):
    s = x @ w
    e = np.exp(s - s.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return np.einsum("nt,ntd->nd", p, x), (x, w, p)


def attention_pool_backward(dout, cache):
    x, w, p = cache
    dp = np.einsum("nd,ntd->nt", dout, x)
    ds = p * (dp - (p * dp).sum(axis=1, keepdims=True))
    dx = p[:, :, None] * dout[:, None, :] + ds[:, :, None] * w
    dw = np.einsum("nt,ntd->d", ds, x)
    return dx, dw
