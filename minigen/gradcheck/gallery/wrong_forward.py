"""The forward is not the one that was handed out

What it is

An exercise hands out a forward and asks for its backward. Here the forward returns something
else than the given one: it was rewritten from memory, "made faster", or changed until a wrong
backward fitted. The gradient may even be right, but it is the gradient of another function. In
a project it is the same as two forwards that should agree and do not: that of training and that
of generation, or a paper's and yours.

The usual suspects are a mean in place of a sum, a variance divided by N - 1 in place of N (the
default of some libraries, not of others), eps inside or outside of a root, another axis, and a
clip or a temperature that is left out.

How to find it by hand

Run both forwards on the same random inputs and subtract. Print the entry with the largest
difference and the ratio of both values: a ratio that is the same everywhere is a factor, and
its value mostly says which one. For the example below it is sqrt((N - 1) / N), or 0.89 for N=5.
Then put the given forward back; it is the definition, whatever you like better.

The formula

The gradient that counts is that of the given f, not of your g: from f(x) != g(x) mostly follows
df/dx != dg/dx. Here, along a row of N entries with the mean m,

    y = (x - m) / sqrt(v + eps),   v = (1/N) * sum of (x - m)^2

and with y, s = sqrt(v + eps) and the divisor n of the variance (N in f, N - 1 in g)

    dx = (dout - mean(dout) - y * sum(dout * y) / n) / s

so that the backward below is right for both forwards, each with its own n.
"""

import numpy as np

EPS = 1e-5


def right_forward(x):
    """x (B, N) -> every row with mean 0 and variance 1."""
    n = x.shape[1]
    centred = x - x.mean(axis=1, keepdims=True)
    s = np.sqrt((centred**2).sum(axis=1, keepdims=True) / n + EPS)
    y = centred / s
    return y, (y, s, n)


def right_backward(dout, cache):
    """dout (B, N) -> dx (B, N), for either forward."""
    y, s, n = cache
    through_mean = dout.mean(axis=1, keepdims=True)
    through_variance = y * (dout * y).sum(axis=1, keepdims=True) / n
    return (dout - through_mean - through_variance) / s


def right_inputs(seed):
    """x (3, 5)."""
    return (np.random.default_rng(seed).normal(size=(3, 5)),)


def wrong_forward(x):
    """The variance of a sample, which divides by N - 1."""
    n = x.shape[1] - 1
    centred = x - x.mean(axis=1, keepdims=True)
    s = np.sqrt((centred**2).sum(axis=1, keepdims=True) / n + EPS)
    y = centred / s
    return y, (y, s, n)


wrong_backward = right_backward
wrong_inputs = right_inputs
