"""Sigmoid linear unit, or swish: a number times its own gate.

    y = x σ(x),    σ(x) = 1 / (1 + e^(-x)), entry by entry

Shapes: x any, y the same.

Derive: dx from dout. x appears twice, once as the number and once in the gate: both ways count.
Write the result with x and s = σ(x), which the cache holds.
Think of: unlike relu it has a slope below 0, and a minimum. Where is its derivative 0?

Course item: D-04 (the U-Net of diffusion models).
Source: Ramachandran, Zoph, Le, "Searching for activation functions", arXiv 1710.05941, 2017.

Fill in silu_backward, then: minigen gradcheck --exercise silu
"""

import numpy as np

POINTS = 1
WRT = ("x",)


def silu_forward(x):
    """x of any shape -> y of that shape. The cache is x and its gate."""
    s = 1 / (1 + np.exp(-x))
    return x * s, (x, s)


def silu_backward(dout, cache):
    """dout -> dx, both of x's shape."""
    raise NotImplementedError


def silu_inputs(seed):
    """x of a small case."""
    return (np.random.default_rng(seed).normal(size=(4, 6)),)
