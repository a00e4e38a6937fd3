"""Cosine similarity of rows, and L2 normalisation."""

import numpy as np


def cosine_inputs(seed):
    rng = np.random.default_rng([seed, 1])
    return rng.normal(size=(4, 3)), rng.normal(size=(4, 3))


def cosine_forward(a, b):
    na, nb = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
    dot = (a * b).sum(axis=1)
    return dot / (na * nb), (a, b, na, nb, dot)


def cosine_backward(dout, cache):
    a, b, na, nb, dot = cache
    g = (dout / (na * nb))[:, None]
    da = g * (b - (dot / na**2)[:, None] * a)
    db = g * (a - (dot / nb**2)[:, None] * b)
    return da, db


def l2norm_inputs(seed):
    return (np.random.default_rng([seed, 2]).normal(size=(3, 4)),)


def l2norm_forward(x, eps=1e-12):
    n = np.maximum(np.sqrt((x**2).sum(-1, keepdims=True)), eps)
    y = x / n
    return y, (y, n)


def l2norm_backward(dy, cache):
    y, n = cache
    return (dy - y * (dy * y).sum(-1, keepdims=True)) / n
