"""Logistic sigmoid: any number becomes a probability.

    y = σ(x) = 1 / (1 + e^(-x)), entry by entry

Shapes: x any, y the same.

Derive: dx from dout. Differentiate 1 / (1 + e^(-x)) and write the result with y alone, without an
exponential: this is why the cache holds the output and not the input.
Think of: how large can the derivative be, and where? What is left of a gradient after ten layers
of it?

Course item: A-10 (binary codes).
Source: Rumelhart, Hinton, Williams, "Learning representations by back-propagating errors", 1986.

Fill in sigmoid_backward, then: minigen gradcheck --exercise sigmoid
"""

import numpy as np

POINTS = 1
WRT = ("x",)


def sigmoid_forward(x):
    """x of any shape -> y of that shape. The cache is y."""
    y = 1 / (1 + np.exp(-x))
    return y, y


def sigmoid_backward(dout, cache):
    """dout -> dx, both of x's shape."""
    raise NotImplementedError


def sigmoid_inputs(seed):
    """x of a small case."""
    return (np.random.default_rng(seed).normal(0, 2, size=(4, 6)),)
