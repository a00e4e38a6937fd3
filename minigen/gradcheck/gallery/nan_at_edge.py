"""NaN or infinity where the derivative is finite

What it is

The derivative is an ordinary number, but the way to it leads through 0/0, 0 * inf, inf/inf or
inf - inf. It happens where a function saturates or touches a limit: a sigmoid that is exactly
1, the exp of a large number, a norm or a standard deviation that is 0, log(0). One NaN is
enough: after the next step of the optimiser it is in every weight that it can reach, and after
that everywhere.

It is rare on random inputs of size 1, so test the edges on purpose: 0, equal entries, and
values like 50 and 1000, as every network has them after an unlucky step.

How to find it by hand

np.seterr(all="raise") turns the first division by 0 or overflow into an error, with its line.
Then simplify the formula on paper, before it becomes code: factors that cancel must not be
computed at all. Where nothing cancels, subtract the maximum before exp, or choose the branch by
np.where, both with safe arguments: np.where computes both branches. Adding 1e-8 to every
denominator hides the mistake and changes the gradient.

The formula

Binary cross-entropy of a logit x with the target t, p = 1 / (1 + exp(-x)):

    L = -t log p - (1 - t) log(1 - p) = log(1 + exp(x)) - t x

Step by step the chain rule has a factor that cancels:

    dL/dp = (p - t) / (p (1 - p))    dp/dx = p (1 - p)    dL/dx = p - t

In float64 p is exactly 1 for x > 37, so that the first two give 1/0 * 0 for t = 0 and 0/0 * 0
for t = 1, both NaN, while the third is 1 and 0.
"""

import numpy as np


def right_forward(x, t):
    """Logits x (B, D), targets t (B, D) of 0 and 1 -> the mean loss, a number."""
    p = 0.5 * (1 + np.tanh(x / 2))      # the sigmoid, without overflow
    return (np.logaddexp(0, x) - t * x).mean(), (p, t)


def right_backward(dout, cache):
    """dout a number -> dx (B, D); the targets have no gradient."""
    p, t = cache
    dx = p - t
    return dout * dx / p.size, None


def right_inputs(seed):
    """x (3, 4) and t (3, 4), with one answer that is sure and wrong."""
    rng = np.random.default_rng(seed)
    x, t = rng.normal(size=(3, 4)), rng.integers(0, 2, size=(3, 4))
    x[1, 2], t[1, 2] = 60.0, 0
    return x, t


wrong_forward = right_forward
wrong_inputs = right_inputs


def wrong_backward(dout, cache):
    """Step by step, with a factor that cancels."""
    p, t = cache
    dp = (p - t) / (p * (1 - p))
    dx = dp * p * (1 - p)
    return dout * dx / p.size, None
