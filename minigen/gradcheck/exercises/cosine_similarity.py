"""Cosine similarity of pairs of vectors.

    y_n = a_n · b_n / (‖a_n‖ ‖b_n‖)

Shapes: a (N, D), b (N, D), y (N,).

Derive: da and db from dout (N,). With the unit vectors â = a/‖a‖, b̂ = b/‖b‖ it is y = â · b̂; the
derivative of â with respect to a is (I - â âᵀ) / ‖a‖: prove it. So da is a multiple of b̂ - y â.
Think of: the length of a does not matter for y, so da is orthogonal to a. And it *does* matter for
da: a vector twice as long turns half as fast.

Course item: C-13, S-03.
Source: Salton, Wong, Yang, "A vector space model for automatic indexing", 1975.

Fill in cosine_similarity_backward, then: minigen gradcheck --exercise cosine_similarity
"""

import numpy as np

POINTS = 2
WRT = ("a", "b")


def cosine_similarity_forward(a, b):
    """a (N, D), b (N, D) -> y (N,). The cache also has both lengths (N, 1)."""
    length_a = np.linalg.norm(a, axis=1, keepdims=True)
    length_b = np.linalg.norm(b, axis=1, keepdims=True)
    y = np.sum(a * b / (length_a * length_b), axis=1)
    return y, (a, b, length_a, length_b, y)


def cosine_similarity_backward(dout, cache):
    """dout (N,) -> da (N, D), db (N, D)."""
    raise NotImplementedError


def cosine_similarity_inputs(seed):
    """a, b of a small case."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 5)), rng.normal(size=(4, 5))
