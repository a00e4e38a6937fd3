"""Gradients that are zero everywhere: rounding, the sign, a constant, a stopped branch."""

import numpy as np


def make_inputs(seed):
    return np.random.default_rng(seed).normal(size=(3, 4))


def round_forward(x):
    return np.round(4 * x) / 4


def round_backward(dout, x):
    return np.zeros_like(x)


def onehot_forward(x):
    return np.eye(x.shape[1])[x.argmax(axis=1)]


def onehot_backward(dout, x):
    return 0 * x


def shift_forward(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return (e / e.sum(axis=1, keepdims=True)).sum(axis=1)


def shift_backward(dout, x):
    return np.zeros(x.shape)
