"""Backward uses what another call left behind

What it is

What backward needs is kept in a place that all calls share: a global variable, an attribute of
the function or of a class, a default argument, one buffer for all results. As long as every
forward is followed by its own backward, all is well. When a layer runs twice before the first
backward, it has the values of the second run in both: a siamese network, a discriminator that
sees real and made-up images, a recurrent cell at each time step, a shared block.

How to find it by hand

Run forward on a, then on b, then backward with the cache of a; compare with the backward of a
alone. Then look in backward for names that are neither arguments nor made there, and in forward
for `global`, for writes to an attribute and for out=. All that belongs into the cache, one for
each call, in new arrays.

The formula

Two runs y1 = tanh(x1), y2 = tanh(x2) of one layer have two gradients,

    dx1 = dout1 * (1 - y1^2)        dx2 = dout2 * (1 - y2^2)

With one variable y for both, the first comes out as dout1 * (1 - y2^2).
"""

import numpy as np

_kept = {}      # of the wrong pair: one place for all calls


def right_forward(x):
    """x of any shape -> tanh(x)."""
    y = np.tanh(x)
    return y, y


def right_backward(dout, cache):
    """dout of x's shape -> dx."""
    y = cache
    return dout * (1 - y**2)


def right_inputs(seed):
    """x (3, 4)."""
    return (np.random.default_rng(seed).normal(size=(3, 4)),)


wrong_inputs = right_inputs


def wrong_forward(x):
    """The cache is empty, the result is kept elsewhere."""
    y = np.tanh(x)
    _kept["y"] = y
    return y, None


def wrong_backward(dout, cache):
    """The result of whichever forward was the last."""
    y = _kept["y"]
    return dout * (1 - y**2)
