"""Scaled dot-product attention with a causal mask: each position looks at itself and back.

    s_ij = q_i · k_j / √D for j ≤ i, and -∞ for j > i,    a_ij = e^(s_ij) / Σ_m e^(s_im),
    y_i = Σ_j a_ij v_j

for each sequence of the batch; in matrices Y = softmax(Q Kᵀ / √D) V.

Shapes: q (N, T, D), k (N, T, D), v (N, T, E), y (N, T, E).

Derive: dq, dk and dv from dout (N, T, E). Go back step by step: through the product with V (two
gradients), through the softmax of each row (see the exercise softmax), through the product Q Kᵀ.
Think of: 1/√D is there on the way back, too, and once for each of dq and dk. What happens to the
masked places needs no case distinction: there a_ij = 0.

Course item: W-06 (GPT).
Source: Vaswani et al., "Attention is all you need", NIPS 2017.

Fill in attention_backward, then: minigen gradcheck --exercise attention
"""

import numpy as np

POINTS = 5
WRT = ("q", "k", "v")


def attention_forward(q, k, v):
    """q (N, T, D), k (N, T, D), v (N, T, E) -> y (N, T, E). The cache also has the weights a."""
    t, d = q.shape[1:]
    scores = q @ k.transpose(0, 2, 1) / np.sqrt(d)
    scores = np.where(np.tri(t, dtype=bool), scores, -np.inf)
    e = np.exp(scores - scores.max(axis=2, keepdims=True))
    a = e / e.sum(axis=2, keepdims=True)
    return a @ v, (q, k, v, a)


def attention_backward(dout, cache):
    """dout (N, T, E) -> dq (N, T, D), dk (N, T, D), dv (N, T, E)."""
    raise NotImplementedError


def attention_inputs(seed):
    """q, k, v of a small case."""
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=(2, 4, d)) for d in (3, 3, 2))
