"""The formula is another one

What it is

The steps of backward are the right ones, but one of them computes something else: another power,
a function that is left out or stands for its neighbour, another variable of the same shape, a term
that does not belong. It is a slip of the pen more often than of the mind: the derivative was right
on paper, and was copied without its square, or with the name that stood one line above.

No simple relation holds then between your gradient and the right one: it is not twice as large, not
transposed, not without a term. So it cannot be told from the numbers alone. The checker finds it by
trying: it changes your backward in one place after the other, and looks with which change every
check passes.

What looks like it:
- a factor, where the power is missing from a number: sqrt(d) for d;
- the input in place of the output, which is another variable, too, and so frequent that it has a
  page of its own.

How to find it by hand

Go through backward line by line with the derivation beside it, and read each line aloud: what is
squared, what is under the root, which name. Then split the layer. Check the forward of the first
half by itself, with its own small backward; where that passes, the slip is in the other half.

On paper: one entry, x = 2, dout = 1. Every line of backward is then one number, and you can compute
each by hand, with the wrong power as well as with the right one.

The formula

    y = 1 / (1 + x^2)

    dy/dx = -2 x / (1 + x^2)^2 = -2 x y^2                  dx = -2 * dout * x * y^2

The square comes from the chain rule: d/du (1 / u) = -1 / u^2, with u = 1 + x^2.
"""

import numpy as np


def right_forward(x):
    """x (N, D) -> y (N, D), between 0 and 1."""
    y = 1 / (1 + x**2)
    return y, (x, y)


def right_backward(dout, cache):
    """dout (N, D) -> dx (N, D)."""
    x, y = cache
    return -2 * dout * x * y**2


def right_inputs(seed):
    """x (4, 3)."""
    return (np.random.default_rng(seed).normal(size=(4, 3)),)


wrong_forward = right_forward
wrong_inputs = right_inputs


def wrong_backward(dout, cache):
    """Another power of y."""
    x, y = cache
    return -2 * dout * x * y**3
