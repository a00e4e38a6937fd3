"""Cross-entropy of integer labels: the loss first, and its gradient times upstream."""

import numpy as np


def cross_entropy_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(5, 4)), rng.integers(0, 4, size=5)


def cross_entropy_forward(x, y):
    N = x.shape[0]
    shifted = x - x.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = -log_p[np.arange(N), y].mean()
    return loss, (log_p, y)


def cross_entropy_backward(dout, cache):
    log_p, y = cache
    N = log_p.shape[0]
    dx = np.exp(log_p)
    dx[np.arange(N), y] -= 1
    return dout * dx / N, None
