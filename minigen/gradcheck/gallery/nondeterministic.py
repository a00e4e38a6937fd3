"""Equal calls give different gradients

What it is

Backward, called twice with the same dout and the same cache, returns different numbers. Mostly
it draws random numbers: a second dropout mask in place of the one that forward used, new noise
in the reparameterisation trick. Sometimes it keeps a counter, or adds to an array that outlives
the call.

The gradient belongs to one forward, with its mask and its noise. With another mask it is the
gradient of a function that was never computed, right on average at best: training gets noisier,
and no test of single numbers can pass.

How to find it by hand

Call backward twice with the same arguments and compare with np.array_equal. If the results
differ, look for every call of a random generator in backward: none belongs there. What forward
drew goes into the cache. A forward that draws is fine, but for a test it needs a seed or the
mask as an argument, else its numeric gradient compares two different functions.

The formula

Dropout with the probability p to keep an entry, and a mask m of zeros and ones:

    y_i = m_i * x_i / p        dx_i = m_i * dout_i / p

m is a constant of this derivative. It must be the same m in both formulas.
"""

import numpy as np

KEEP = 0.8


def right_forward(x, seed):
    """x (B, D), seed a whole number -> x without a fifth of its entries. The cache is the mask."""
    mask = np.random.default_rng(seed).random(x.shape) < KEEP
    return x * mask / KEEP, mask


def right_backward(dout, cache):
    """dout (B, D) -> dx (B, D)."""
    mask = cache
    return dout * mask / KEEP


def right_inputs(seed):
    """x (4, 6), and a seed."""
    return np.random.default_rng(seed).normal(size=(4, 6)), seed


wrong_forward = right_forward
wrong_inputs = right_inputs


def wrong_backward(dout, cache):
    """A mask of its own."""
    mask = np.random.default_rng().random(dout.shape) < KEEP
    return dout * mask / KEEP
