"""Layer normalisation: each example gets mean 0 and variance 1 over its own features.

    μ_n = 1/D Σ_d x_nd,    v_n = 1/D Σ_d (x_nd - μ_n)²,
    x̂_nd = (x_nd - μ_n) / √(v_n + ε),    y_nd = γ_d x̂_nd + β_d,    ε = 1e-5

Shapes: x (N, D), gamma (D,), beta (D,), y (N, D).

Derive: dx, dgamma and dbeta from dout (N, D). As in batch norm x reaches x̂ directly, through the
mean and through the variance, but along the other axis.
Think of: two axes are at work. Mean and variance belong to a row, gamma and beta to a column: over
which axis does each of the sums run? And gamma stands *inside* the sums over d here.

Course item: W-06 (GPT), B-02 (vision transformer).
Source: Ba, Kiros, Hinton, "Layer normalization", arXiv 1607.06450, 2016.

Fill in layer_norm_backward, then: minigen gradcheck --exercise layer_norm
"""

import numpy as np

POINTS = 4
WRT = ("x", "gamma", "beta")
EPS = 1e-5


def layer_norm_forward(x, gamma, beta):
    """x (N, D), gamma (D,), beta (D,) -> y (N, D)."""
    mean = x.mean(axis=1, keepdims=True)
    variance = x.var(axis=1, keepdims=True)
    inverse_deviation = 1 / np.sqrt(variance + EPS)
    x_hat = (x - mean) * inverse_deviation
    return gamma * x_hat + beta, (x_hat, gamma, inverse_deviation)


def layer_norm_backward(dout, cache):
    """dout (N, D) -> dx (N, D), dgamma (D,), dbeta (D,)."""
    raise NotImplementedError


def layer_norm_inputs(seed):
    """x, gamma, beta of a small case."""
    rng = np.random.default_rng(seed)
    return rng.normal(1, 2, size=(3, 6)), rng.normal(1, 0.3, size=6), rng.normal(size=6)
