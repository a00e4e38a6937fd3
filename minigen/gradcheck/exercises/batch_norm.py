"""Batch normalisation in training: each feature gets mean 0 and variance 1 over the batch.

    μ_d = 1/N Σ_n x_nd,    v_d = 1/N Σ_n (x_nd - μ_d)²,
    x̂_nd = (x_nd - μ_d) / √(v_d + ε),    y_nd = γ_d x̂_nd + β_d,    ε = 1e-5

Shapes: x (N, D), gamma (D,), beta (D,), y (N, D).

Derive: dx, dgamma and dbeta from dout (N, D). Begin with the last step: dgamma, dbeta, and
g = ∂L/∂x̂. Then x reaches x̂_nd in three ways: directly, through the mean, through the variance.
Draw the graph, go through it node by node, and add what comes back to x; the result can be brought
into one line with g, the mean of g over n and the mean of g x̂ over n.
Think of: adding a constant to a column of x, or multiplying it, leaves y as it is (but for ε).
So each column of dx is orthogonal to 1 and (but for ε) to x̂: check yours by hand.

Course item: G-02 (DCGAN), S-07.
Source: Ioffe, Szegedy, "Batch normalization: accelerating deep network training by reducing
internal covariate shift", ICML 2015.

Fill in batch_norm_backward, then: minigen gradcheck --exercise batch_norm
"""

import numpy as np

POINTS = 4
WRT = ("x", "gamma", "beta")
EPS = 1e-5


def batch_norm_forward(x, gamma, beta):
    """x (N, D), gamma (D,), beta (D,) -> y (N, D)."""
    mean = x.mean(axis=0)
    variance = x.var(axis=0)                        # divided by N, not by N - 1
    inverse_deviation = 1 / np.sqrt(variance + EPS)
    x_hat = (x - mean) * inverse_deviation
    return gamma * x_hat + beta, (x_hat, gamma, inverse_deviation)


def batch_norm_backward(dout, cache):
    """dout (N, D) -> dx (N, D), dgamma (D,), dbeta (D,)."""
    raise NotImplementedError


def batch_norm_inputs(seed):
    """x, gamma, beta of a small case."""
    rng = np.random.default_rng(seed)
    return rng.normal(1, 2, size=(6, 4)), rng.normal(1, 0.3, size=4), rng.normal(size=4)
