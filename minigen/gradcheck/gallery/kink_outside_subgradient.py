"""At a kink the value is outside the slopes of both sides

What it is

A ReLU at 0, abs(x) at 0 and a maximum of two equal numbers have a kink: to the left one slope, to
the right another, and at the point itself no derivative. Any value between the two slopes is a
right answer there, and the checker takes it. A value outside is none. It comes from two masks that
both leave the point out, (x > 0) and (x < 0), or both take it in, (x >= 0) and (x <= 0): the first
gives 0, the second the sum of both slopes.

Exact kinks are no rare thing. Padding is 0, biases begin with 0, black pixels are 0, the output of
a ReLU is 0 half of the time, and maxima of whole numbers tie. A random test never hits one.

What looks like it:
- a wrong mask: there entries away from 0 are wrong, too;
- NaN, from x / abs(x): the checker says nan_at_edge;
- a numeric gradient by central differences with a fixed step: at a kink it returns the mean of both
  slopes. If yours is another value between them, yours is right and the check is not.

How to find it by hand

Put the kink among the inputs: x = (-1, 0, 1). Print x at the entries that are wrong: is it 0, or
are the two numbers of a maximum equal? Then take both one-sided slopes, (f(x + h) - f(x)) / h and
(f(x) - f(x - h)) / h, times dout, and see whether yours is between them.

On paper: SLOPE = 0.2 and x = 0. To the right the slope is 1, to the left 0.2, so all from 0.2 to 1
is right. (x > 0) + 0.2 (x < 0) is 0 + 0.2 * 0 = 0, which is not.

The formula

For a function of one number with the slopes s_left and s_right at x the right values are

    all s between s_left and s_right        times dout

    leaky ReLU at 0    SLOPE to 1        ReLU at 0          0 to 1
    abs at 0           -1 to 1           max(a, b) by a     0 to 1, if a = b

For a convex function these are its subgradients: the slopes of all lines through the point that lie
nowhere above the function. Write both branches as one expression, np.where(x > 0, 1, SLOPE): it
takes one of the two slopes at every x, and so it cannot be outside.
"""

import numpy as np

SLOPE = 0.2


def right_forward(x):
    """x (N, D) -> y (N, D), the leaky ReLU of x."""
    return np.where(x > 0, x, SLOPE * x), x


def right_backward(dout, x):
    """dout (N, D) -> dx (N, D)."""
    slope = np.where(x > 0, 1.0, SLOPE)
    return dout * slope


def right_inputs(seed):
    """x (4, 3), two entries of which are 0."""
    x = np.random.default_rng(seed).normal(size=(4, 3))
    x[1, 2] = x[3, 0] = 0.0
    return (x,)


wrong_forward = right_forward
wrong_inputs = right_inputs


def wrong_backward(dout, x):
    """Two masks, and 0 is in neither."""
    slope = 1.0 * (x > 0) + SLOPE * (x < 0)
    return dout * slope
