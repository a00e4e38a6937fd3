"""A gradient has another dtype than its argument

What it is

An array of whole numbers takes only whole numbers: what is written into it is cut off at the
point, without a word. So a gradient that is collected in np.full(shape, 0), in np.zeros(shape,
dtype=int) or in np.zeros_like(labels) loses everything behind the point, and most gradients are
smaller than 1. The other way round, an np.zeros(shape) is float64: in a float32 network it
makes everything that it is added to float64, twice as large and on most GPUs many times as
slow. A complex gradient of a real argument comes from a Fourier transform; its real part is
meant.

How to find it by hand

Print dx.dtype beside x.dtype for each gradient. Then look at the line where the array is made:
np.zeros_like(x) has the dtype of x, np.full takes the dtype of what it is filled with,
np.arange, np.array([0, 1]) and comparisons are no floats. A gradient full of zeros, and of
whole numbers where dout is large, is this mistake.

The formula

The maximum of each row, at the column c_i of row i:

    y_i = x_{i, c_i}        dx_ij = dout_i where j = c_i, else 0

    in an array of whole numbers:  dx_ij = trunc(dout_i),  for example trunc(0.7) = 0
"""

import numpy as np


def right_forward(x):
    """x (B, D) -> the maximum of each row, (B,)."""
    column = x.argmax(axis=1)
    return x[np.arange(len(x)), column], (x, column)


def right_backward(dout, cache):
    """dout (B,) -> dx (B, D): each maximum gets its dout, the others nothing."""
    x, column = cache
    dx = np.zeros_like(x)
    dx[np.arange(len(x)), column] = dout
    return dx


def right_inputs(seed):
    """x (4, 5)."""
    return (np.random.default_rng(seed).normal(size=(4, 5)),)


wrong_forward = right_forward
wrong_inputs = right_inputs


def wrong_backward(dout, cache):
    """0 is a whole number, so the array is one of whole numbers."""
    x, column = cache
    dx = np.full(x.shape, 0)
    dx[np.arange(len(x)), column] = dout
    return dx
