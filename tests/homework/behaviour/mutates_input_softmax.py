"""The maximum subtracted in place."""

import numpy as np


def softmax_inputs(seed):
    return np.random.default_rng(seed).normal(size=(3, 4))


def softmax_forward(x):
    x -= x.max(axis=1, keepdims=True)
    e = np.exp(x)
    p = e / e.sum(axis=1, keepdims=True)
    return p, p


def softmax_backward(dout, p):
    return p * (dout - (dout * p).sum(axis=1, keepdims=True))
