"""Hyperbolic tangent: squashes to (-1, 1) and keeps 0 where it is.

    y = tanh(x) = (e^x - e^(-x)) / (e^x + e^(-x)), entry by entry

Shapes: x any, y the same.

Derive: dx from dout, with y alone (the cache holds it). The quotient rule gives it, or
tanh(x) = 2 σ(2x) - 1 and what you know of the sigmoid σ.
Think of: a DCGAN's generator ends with it, for pixels lie in [-1, 1]. What gradient does a pixel
get that is already at 1?

Course item: G-02 (DCGAN).
Source: LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998.

Fill in tanh_backward, then: minigen gradcheck --exercise tanh
"""

import numpy as np

POINTS = 1
WRT = ("x",)


def tanh_forward(x):
    """x of any shape -> y of that shape. The cache is y."""
    y = np.tanh(x)
    return y, y


def tanh_backward(dout, cache):
    """dout -> dx, both of x's shape."""
    raise NotImplementedError


def tanh_inputs(seed):
    """x of a small case."""
    return (np.random.default_rng(seed).normal(size=(4, 6)),)
