"""A hinge loss with samples exactly at the margin, as zero weights at the start give them."""

import numpy as np


def hinge_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(5, 3)), np.zeros((3, 4)), rng.integers(0, 4, size=5)


def hinge_forward(x, W, y):
    scores = x @ W
    rows = np.arange(len(y))
    margins = np.maximum(0, scores - scores[rows, y][:, None] + 1)
    margins[rows, y] = 0
    return margins.mean(), (x, W, y, margins)


def hinge_backward(dout, cache):
    x, W, y, margins = cache
    d = (margins > 0) * dout / margins.size
    d[np.arange(len(y)), y] -= d.sum(axis=1)
    return d @ W.T, x.T @ d, None


def edge_inputs(seed):
    t = np.random.default_rng(seed).choice([-1.0, 1.0], size=6)
    return t * np.array([1.0, 1.0, 0.5, 2.0, 1.0, -1.0]), t.astype(int)


def edge_forward(score, t):
    return np.maximum(0, 1 - t * score).sum(), (score, t)


def edge_backward(dout, cache):
    score, t = cache
    return -dout * t * (t * score < 1)
