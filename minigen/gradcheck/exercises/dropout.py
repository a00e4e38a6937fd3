"""Inverted dropout, with the coin tosses given.

    y = x · m / q,    m = 1 where an entry is kept, 0 where it is dropped,    q = 0.7

Each m is 1 with probability q, so that the mean of m / q is 1: y equals x in the mean, and nothing
has to be changed when the net is used.

Shapes: x (N, D) floating, keep (N, D) of truth values, y (N, D).

Derive: dx from dout. It is linear in x once the coins have fallen: the same factors stand on the
way back.
Think of: the *same* mask must be used, not a new one. And the factor 1 / q belongs to it.

Course item: A-17 (AlexNet).
Source: Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, "Dropout: a simple way to prevent
neural networks from overfitting", JMLR 2014.

Fill in dropout_backward, then: minigen gradcheck --exercise dropout
"""

import numpy as np

POINTS = 1
WRT = ("x",)
KEPT = 0.7      # the probability q of being kept


def dropout_forward(x, keep):
    """x (N, D), keep (N, D) bool -> y (N, D). The cache is keep."""
    return x * keep / KEPT, keep


def dropout_backward(dout, cache):
    """dout (N, D) -> dx (N, D); keep has no gradient."""
    raise NotImplementedError


def dropout_inputs(seed):
    """x, keep of a small case."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 6)), rng.uniform(size=(4, 6)) < KEPT
