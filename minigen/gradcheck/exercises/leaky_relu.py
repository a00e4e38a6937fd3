"""Leaky rectified linear unit: what is negative is made small, and still has a slope.

    y = x where x > 0, a x elsewhere, with the constant a = 0.2

Shapes: x any, y the same.

Derive: dx from dout, entry by entry. A plain relu gives a unit that is always negative no gradient
ever again; here a part a of it passes, which the discriminator of a GAN lives on: the generator
learns from nothing but what comes back through it.
Think of: which side does the case distinction look at, x or dout?

Course item: G-02 (DCGAN).
Source: Maas, Hannun, Ng, "Rectifier nonlinearities improve neural network acoustic models", 2013.

Fill in leaky_relu_backward, then: minigen gradcheck --exercise leaky_relu
"""

import numpy as np

POINTS = 1
WRT = ("x",)
SLOPE = 0.2


def leaky_relu_forward(x):
    """x of any shape -> y of that shape."""
    return np.where(x > 0, x, SLOPE * x), x


def leaky_relu_backward(dout, cache):
    """dout -> dx, both of x's shape."""
    raise NotImplementedError


def leaky_relu_inputs(seed):
    """x of a small case."""
    return (np.random.default_rng(seed).normal(size=(4, 6)),)
