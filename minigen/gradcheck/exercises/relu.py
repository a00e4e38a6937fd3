"""Rectified linear unit: what is negative is cut off.

    y = max(x, 0), entry by entry

Shapes: x any, y the same.

Derive: dx from dout. The function acts on each entry alone, so its Jacobian is diagonal and the
chain rule is a product of entries: dx = dout · y'(x). What is y' on either side of 0?
Think of: at exactly 0 there is no derivative, but every slope between the one-sided ones, 0 and 1,
is a subgradient; 0 is what is usually taken. The checker accepts all of them.

Course item: A-01.
Source: Nair, Hinton, "Rectified linear units improve restricted Boltzmann machines", ICML 2010.

Fill in relu_backward, then: minigen gradcheck --exercise relu
"""

import numpy as np

POINTS = 1
WRT = ("x",)


def relu_forward(x):
    """x of any shape -> y of that shape."""
    return np.maximum(x, 0), x


def relu_backward(dout, cache):
    """dout -> dx, both of x's shape."""
    raise NotImplementedError


def relu_inputs(seed):
    """x of a small case."""
    return (np.random.default_rng(seed).normal(size=(4, 6)),)
