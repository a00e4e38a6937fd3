"""Softmax and log-softmax along the last axis."""

import numpy as np


def make_inputs(seed):
    return (3 * np.random.default_rng(seed).normal(size=(3, 5)),)


def softmax_forward(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    p = e / e.sum(axis=-1, keepdims=True)
    return p, p


def softmax_backward(dout, cache):
    p = cache
    inner = (dout * p).sum(axis=-1, keepdims=True)
    return p * (dout - inner)


def log_softmax_forward(x):
    shifted = x - x.max(axis=-1, keepdims=True)
    out = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return out, out


def log_softmax_backward(dout, cache):
    p = np.exp(cache)
    return dout - p * dout.sum(axis=-1, keepdims=True)
