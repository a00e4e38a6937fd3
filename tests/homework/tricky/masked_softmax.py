"""Softmax with -inf where the mask forbids; a row with one allowed entry."""

import numpy as np


def masked_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 4)), np.tril(np.ones((4, 4), dtype=bool))


def masked_forward(scores, mask):
    s = np.where(mask, scores, -np.inf)
    e = np.exp(s - s.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return p, p


def masked_backward(dout, cache):
    p = cache
    return p * (dout - (p * dout).sum(axis=1, keepdims=True)), None
