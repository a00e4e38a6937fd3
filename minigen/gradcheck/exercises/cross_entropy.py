"""Cross-entropy of a classifier, from its scores (logits).

    L = -1/N Σ_n log p_n,y(n),    p_nk = e^(x_nk) / Σ_j e^(x_nj)

where y(n) is the right class of example n: the mean surprise at the right answers.

Shapes: x (N, K) floating, y (N,) whole numbers from 0 to K - 1, L one number.

Derive: dx from dout, which is a single number. First take the logarithm of the quotient:
-log p_n,y(n) = log Σ_j e^(x_nj) - x_n,y(n); then both terms are easy, and the sum of them has a
form that is worth remembering: predicted minus wanted.
Think of: the mean over N. And no gradient belongs to y.

Course item: C-01.
Source: Bishop, "Pattern recognition and machine learning", 2006, section 4.3.4.

Fill in cross_entropy_backward, then: minigen gradcheck --exercise cross_entropy
"""

import numpy as np

POINTS = 2
WRT = ("x",)


def cross_entropy_forward(x, y):
    """x (N, K), y (N,) of classes -> one number. The cache is the probabilities and y."""
    rows = np.arange(len(y))
    shifted = x - x.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_p[rows, y].mean(), (np.exp(log_p), y)


def cross_entropy_backward(dout, cache):
    """dout, one number -> dx (N, K); y has no gradient."""
    raise NotImplementedError


def cross_entropy_inputs(seed):
    """x, y of a small case."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 5)), rng.integers(0, 5, size=4)
