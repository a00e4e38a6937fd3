"""An input or dout is overwritten

What it is

Arrays are not copied when they are passed to a function: dout[...] = 0, x *= 2, x -= x.mean(),
np.exp(x, out=x) change the caller's array. The layer by itself may well be right. What goes
wrong is elsewhere and later: dout goes to two places wherever a value was used twice (a
residual connection, a shared weight), and the second place gets what the first one made of it.
A forward that overwrites x changes the cache of the layer before it, for there x is the output
that was kept.

How to find it by hand

Keep copies of all arguments before the call, and compare them with np.array_equal after it.
Then look for the operators that write: +=, -=, *=, /=, x[...] = ..., out=, and the methods
sort, fill, resize, partition. Beside them look for views, which share memory with the argument:
x.T, x[0], x.reshape, x.ravel, np.asarray. The cure is .copy() at the first write, or an
expression that makes a new array, such as np.where.

The formula

The leaky ReLU with the slope a of its left half:

    y = x for x > 0, else a * x        dx = dout for x > 0, else a * dout

With a residual connection z = x + f(x), the gradient of x is the sum of two terms of the same
dout:

    dL/dx = dout + f_backward(dout)

If f_backward overwrites dout, the first term becomes a copy of the second.
"""

import numpy as np

SLOPE = 0.1


def right_forward(x):
    """x of any shape -> the leaky ReLU of x. The cache is x."""
    return np.where(x > 0, x, SLOPE * x), x


def right_backward(dout, cache):
    """dout of x's shape -> dx."""
    x = cache
    dx = dout.copy()
    dx[x <= 0] *= SLOPE
    return dx


def right_inputs(seed):
    """x (4, 5)."""
    return (np.random.default_rng(seed).normal(size=(4, 5)),)


wrong_forward = right_forward
wrong_inputs = right_inputs


def wrong_backward(dout, cache):
    """dx is only another name of dout."""
    x = cache
    dx = dout
    dx[x <= 0] *= SLOPE
    return dx
