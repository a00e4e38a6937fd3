"""Values that vary by 1 around 1e5 and 1e8: variance and softmax of them."""

import numpy as np


def variance_inputs(seed):
    return 1e5 + np.random.default_rng(seed).normal(size=(4, 3))


def variance_forward(x):
    return x.var(axis=0), x


def variance_backward(dout, x):
    return 2 * dout * (x - x.mean(axis=0)) / len(x)


def softmax_inputs(seed):
    return 1e8 + np.random.default_rng([seed, 1]).normal(size=(2, 4))


def softmax_forward(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return p, p


def softmax_backward(dout, cache):
    p = cache
    return p * (dout - (p * dout).sum(axis=1, keepdims=True))
