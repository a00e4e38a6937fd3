"""Binary cross-entropy: from probabilities and, stably, from logits."""

import numpy as np


def bce_inputs(seed):
    rng = np.random.default_rng([seed, 5])
    return rng.uniform(0.1, 0.9, size=(4, 3)), rng.integers(0, 2, size=(4, 3))


def bce_forward(p, t):
    loss = -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p))
    return loss, (p, t)


def bce_backward(dout, cache):
    p, t = cache
    return dout * (p - t) / (p * (1 - p)) / p.size


def bce_logits_inputs(seed):
    rng = np.random.default_rng([seed, 6])
    return 3 * rng.normal(size=(4, 3)), rng.uniform(size=(4, 3))


def bce_logits_forward(x, t):
    loss = np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x)))
    return loss.sum() / len(x), (x, t)


def bce_logits_backward(dout, cache):
    x, t = cache
    p = 1 / (1 + np.exp(-x))
    dx = dout * (p - t) / len(x)
    dt = -dout * x / len(x)
    return dx, dt
