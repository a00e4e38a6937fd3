"""Binary cross-entropy of logits through p (1 - p), which is 0 for a sure answer."""

import numpy as np


def bce_inputs(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(3, 2))
    x[1, 0] = 60.0
    return x, rng.integers(0, 2, size=(3, 2))


def bce_forward(x, t):
    return (np.logaddexp(0, x) - t * x).mean(), (x, t)


def bce_backward(dout, cache):
    x, t = cache
    p = 1 / (1 + np.exp(-x))
    dp = (p - t) / (p * (1 - p))
    return dout * dp * p * (1 - p) / x.size, None
