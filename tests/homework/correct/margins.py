"""Losses with a margin: multiclass SVM, triplet, and the pairwise contrastive loss."""

import numpy as np


def svm_inputs(seed):
    rng = np.random.default_rng([seed, 1])
    return rng.normal(size=(4, 5)), rng.integers(0, 5, size=4)


def svm_forward(scores, y):
    N = len(y)
    correct = scores[np.arange(N), y][:, None]
    margins = np.maximum(0, scores - correct + 1.0)
    margins[np.arange(N), y] = 0
    return margins.sum() / N, (margins, y)


def svm_backward(dout, cache):
    margins, y = cache
    N = len(y)
    d = (margins > 0).astype(float)
    d[np.arange(N), y] -= d.sum(axis=1)
    return d * dout / N


def triplet_inputs(seed):
    rng = np.random.default_rng([seed, 2])
    return tuple(rng.normal(size=(4, 3)) for _ in range(3))


def triplet_forward(anchor, positive, negative):
    near = ((anchor - positive) ** 2).sum(1)
    far = ((anchor - negative) ** 2).sum(1)
    out = np.maximum(near - far + 0.5, 0)
    return out.mean(), (anchor, positive, negative, out > 0)


def triplet_backward(dout, cache):
    a, p, n, on = cache
    g = (dout * on / len(a))[:, None]
    da = g * 2 * (n - p)
    dp = -g * 2 * (a - p)
    dn = g * 2 * (a - n)
    return da, dp, dn


def pair_loss_inputs(seed):
    rng = np.random.default_rng([seed, 3])
    return rng.normal(size=(5, 3)), rng.normal(size=(5, 3)), rng.integers(0, 2, 5)


def pair_loss_forward(a, b, same):
    d = np.sqrt(((a - b) ** 2).sum(1))
    far = np.maximum(2.5 - d, 0)
    return np.mean(same * d**2 + (1 - same) * far**2), (a, b, same, d, far)


def pair_loss_backward(dout, cache):
    a, b, same, d, far = cache
    dd = dout * 2 * (same * d - (1 - same) * far) / len(d)
    da = (dd / d)[:, None] * (a - b)
    return da, -da, None
