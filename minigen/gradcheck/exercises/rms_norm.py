"""Root-mean-square normalisation: layer norm without the mean.

    r_n = √(1/D Σ_d x_nd² + ε),    y_nd = γ_d x_nd / r_n,    ε = 1e-6

Shapes: x (N, D), gamma (D,), y (N, D).

Derive: dx and dgamma from dout (N, D). x_nd stands in the numerator of y_nd and, through r_n, in
the denominator of every entry of its row. ∂r_n/∂x_nd is a short expression: find it first.
Think of: y does not change when a row of x is multiplied by a number (but for ε). So a row of dx
is as good as orthogonal to that row of x.

Course item: W-11 (T5-like text encoder).
Source: Zhang, Sennrich, "Root mean square layer normalization", NeurIPS 2019.

Fill in rms_norm_backward, then: minigen gradcheck --exercise rms_norm
"""

import numpy as np

POINTS = 3
WRT = ("x", "gamma")
EPS = 1e-6


def rms_norm_forward(x, gamma):
    """x (N, D), gamma (D,) -> y (N, D). The cache is x, gamma and r (N, 1)."""
    r = np.sqrt(np.mean(x**2, axis=1, keepdims=True) + EPS)
    return gamma * x / r, (x, gamma, r)


def rms_norm_backward(dout, cache):
    """dout (N, D) -> dx (N, D), dgamma (D,)."""
    raise NotImplementedError


def rms_norm_inputs(seed):
    """x, gamma of a small case."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 5)), rng.normal(1, 0.3, size=5)
