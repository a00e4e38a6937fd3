"""Keeps a copy of everything, for ever."""

import numpy as np


def keep_inputs(seed):
    return np.random.default_rng(seed).normal(size=(2, 2))


def keep_forward(x):
    kept = []
    while True:
        kept.append(np.ones(1 << 21) * x.sum())
        if len(kept) > 4000:
            return x, kept


def keep_backward(dout, cache):
    return dout
