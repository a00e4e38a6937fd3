"""Gaussian error linear unit, in the form that GPT-2 uses.

    y = x/2 · (1 + tanh u),    u = √(2/π) · (x + 0.044715 x³), entry by entry

It approximates x Φ(x), where Φ is the distribution function of the normal law: x times the
probability that a normal number is below x.

Shapes: x any, y the same.

Derive: dx from dout. It is a product of two functions of x, the second of which is a chain:
tanh of u, u of x. Write ∂u/∂x down by itself first.
Think of: is the derivative of this approximation the approximation of Φ(x) + x Φ'(x)? Nearly, but
the gradient must be that of the function that was computed.

Course item: W-06 (GPT).
Source: Hendrycks, Gimpel, "Gaussian error linear units", arXiv 1606.08415, 2016.

Fill in gelu_backward, then: minigen gradcheck --exercise gelu
"""

import numpy as np

POINTS = 2
WRT = ("x",)
SCALE, CUBE = np.sqrt(2 / np.pi), 0.044715


def gelu_forward(x):
    """x of any shape -> y of that shape. The cache is x and tanh u."""
    t = np.tanh(SCALE * (x + CUBE * x**3))
    return 0.5 * x * (1 + t), (x, t)


def gelu_backward(dout, cache):
    """dout -> dx, both of x's shape."""
    raise NotImplementedError


def gelu_inputs(seed):
    """x of a small case."""
    return (np.random.default_rng(seed).normal(size=(4, 6)),)
