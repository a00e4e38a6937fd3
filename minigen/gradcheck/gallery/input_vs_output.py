"""The input stands where the output is needed

What it is

Some derivatives are shortest in terms of the output: y (1 - y) for a sigmoid, 1 - y^2 for tanh, y
for exp, 1 / (2 y) for a square root. They are learnt by heart as s (1 - s), and then written with
what the cache has at hand, which is x. Both arrays have one shape and one type, so nothing objects.
The reverse is made, too: 1 / y for a logarithm, whose derivative is 1 / x.

It is not always seen in training. tanh(x) is nearly x for small x, so a network that begins with
small weights is nearly right at first and goes astray later.

What looks like it:
- the sigmoid applied once more, to a y that already is one;
- another function: the sigmoid's slope in a tanh. Then the curve is right for another layer;
- a missing term: 1 where 1 - y^2 is needed.

How to find it by hand

Print yours / dout, the slope that you use, beside x and y, for an elementwise layer. Is it possible
at all? The slope of a sigmoid is between 0 and 1/4, that of tanh between 0 and 1, and none is ever
negative. x (1 - x) is negative wherever x is below 0 or above 1. Then compare with y * (1 - y) and
x * (1 - x): one of them is yours. Test with x of about 2, for near 0 the two may be alike.

On paper: x = 0. Then y = 1/2, and the sigmoid is at its steepest, with slope 1/4. x (1 - x) is 0.

The formula

    y = 1 / (1 + exp(-x))

    dy/dx = exp(-x) / (1 + exp(-x))^2 = 1 / (1 + exp(-x)) * exp(-x) / (1 + exp(-x))

The first factor is y. The second is (1 + exp(-x) - 1) / (1 + exp(-x)) = 1 - y:

    dy/dx = y (1 - y)                  dx = dout * y * (1 - y)

In the same way, with the letter that belongs there:

    tanh(x)    1 - y^2        exp(x)    y              log(x)    1 / x
    sqrt(x)    1 / (2 y)      1 / x     -y^2           x^2       2 x
"""

import numpy as np


def right_forward(x):
    """x (N, D) -> y (N, D), between 0 and 1."""
    y = 1 / (1 + np.exp(-x))
    return y, (x, y)


def right_backward(dout, cache):
    """dout (N, D) -> dx (N, D)."""
    _, y = cache
    return dout * y * (1 - y)


def right_inputs(seed):
    """x (4, 3)."""
    return (np.random.default_rng(seed).normal(size=(4, 3)),)


wrong_forward = right_forward
wrong_inputs = right_inputs


def wrong_backward(dout, cache):
    """The derivative of a sigmoid is s (1 - s), but what is s?"""
    x, _ = cache
    return dout * x * (1 - x)
