"""Softmax: scores become the probabilities of K classes, row by row.

    p_nk = e^(x_nk) / Σ_j e^(x_nj)

Shapes: x (N, K), p (N, K); each row of p sums to 1.

Derive: dx from dout. A row's Jacobian is ∂p_k/∂x_j = p_k (δ_kj - p_j), with δ_kj = 1 for k = j and
0 else: prove it with the quotient rule. Then multiply it by a row of dout without building the
K × K matrix: what remains is one sum over the row.
Think of: adding a constant to a row of x changes nothing (the forward uses that, to keep e^x from
overflowing). So what must the entries of each row of dx sum to? And for dout = 1 everywhere?

Course item: W-06 (attention), S-10.
Source: Bridle, "Probabilistic interpretation of feedforward classification network outputs", 1990.

Fill in softmax_backward, then: minigen gradcheck --exercise softmax
"""

import numpy as np

POINTS = 2
WRT = ("x",)


def softmax_forward(x):
    """x (N, K) -> p (N, K). The cache is p."""
    e = np.exp(x - x.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return p, p


def softmax_backward(dout, cache):
    """dout (N, K) -> dx (N, K)."""
    raise NotImplementedError


def softmax_inputs(seed):
    """x of a small case."""
    return (np.random.default_rng(seed).normal(0, 2, size=(3, 5)),)
