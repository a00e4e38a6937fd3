"""The same array for two arguments: each has a gradient of its own."""

import numpy as np


def attention_inputs(seed):
    x = np.random.default_rng(seed).normal(size=(3, 2))
    return x, x, x


def attention_forward(q, k, v):
    s = q @ k.T
    e = np.exp(s - s.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return p @ v, (q, k, v, p)


def attention_backward(dout, cache):
    q, k, v, p = cache
    dp = dout @ v.T
    ds = p * (dp - (p * dp).sum(axis=1, keepdims=True))
    return ds @ k, ds.T @ q, p.T @ dout


def difference_inputs(seed):
    x = np.random.default_rng([seed, 1]).normal(size=(2, 2))
    return x, x


def difference_forward(a, b):
    return (a - b) * (a + 2 * b), (a, b)


def difference_backward(dout, cache):
    a, b = cache
    return dout * (2 * a + b), dout * (a - 4 * b)
