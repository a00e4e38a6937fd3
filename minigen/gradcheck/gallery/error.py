"""The code raises an error

What it is

The file cannot be imported, or forward or backward raised an error, so that there is nothing to
check. In a backward it is mostly two shapes that do not fit, a cache that is unpacked into
another number of names than were packed, or a name that is not there. It is the kindest of all
mistakes: it says where it is.

How to find it by hand

Read the last line of the message, then the line of your file that it names. For shapes that do
not fit, write the shape of every array as a comment beside its line, and remember that a matrix
product has one fitting order only: of dout (B, K), w (D, K) and their transposes, dout @ w.T
has the shape of x. (Where D = K the wrong one fits too, so never test with square matrices.)

To stop at the line and look around, write breakpoint() before it and run `minigen gradcheck
--no-isolate`, which checks the file in the very process of the terminal.

The formula

A linear layer y = x w. Each gradient has the shape of its argument, which leaves one product
each:

    dx (B, D) = dout (B, K)  w^T (K, D)
    dw (D, K) = x^T (D, B)  dout (B, K)
"""

import numpy as np


def right_forward(x, w):
    """x (B, D), w (D, K) -> (B, K)."""
    return x @ w, (x, w)


def right_backward(dout, cache):
    """dout (B, K) -> dx (B, D), dw (D, K)."""
    x, w = cache
    dx = dout @ w.T
    dw = x.T @ dout
    return dx, dw


def right_inputs(seed):
    """x (4, 5), w (5, 3)."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 5)), rng.normal(size=(5, 3))


wrong_forward = right_forward
wrong_inputs = right_inputs


def wrong_backward(dout, cache):
    """(4, 3) @ (5, 3) is no product."""
    x, w = cache
    dx = dout @ w
    dw = x.T @ dout
    return dx, dw
