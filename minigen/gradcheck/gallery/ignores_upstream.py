"""The upstream gradient is not multiplied in

What it is

A backward gets dout, the gradient of the loss with respect to the output of its forward, and
has to hand on the gradient of the loss with respect to the inputs. By the chain rule dout is a
factor of every term. A backward that leaves it out returns the gradient of the sum of the
outputs, whatever comes after the layer. It is right in a test where dout is all ones, and so it
is found late: in a network every layer below trains towards something else.

It happens most with losses, whose gradient stands in books without dout, because there the loss
is the last thing that is computed. As soon as two losses are added with weights, it is not.
Taking only the sign of dout, or its mean, is the same mistake.

How to find it by hand

Call backward twice with the same cache, with dout and with 2 * dout. The second gradient must
be twice the first, and for dout = 0 it must be 0. Then look at every line that makes a
gradient: dout, or something computed from it, must stand in each term exactly once. Never test
with dout = ones: draw it at random.

The formula

With L the loss, y = f(x) the output and dout = dL/dy:

    dL/dx_i = sum over j of dout_j * dy_j/dx_i

It is linear in dout: backward(a * dout) = a * backward(dout). For a ReLU dy_j/dx_i is 1 where i
= j and x_i > 0, else 0, so

    dx = dout * (x > 0)
"""

import numpy as np


def right_forward(x):
    """x of any shape -> max(x, 0). The cache is x."""
    return np.maximum(x, 0), x


def right_backward(dout, cache):
    """dout of x's shape -> dx."""
    x = cache
    return dout * (x > 0)


def right_inputs(seed):
    """x (4, 5)."""
    return (np.random.default_rng(seed).normal(size=(4, 5)),)


wrong_forward = right_forward
wrong_inputs = right_inputs


def wrong_backward(dout, cache):
    """The slope alone."""
    x = cache
    return (x > 0).astype(x.dtype)
