"""The cache is overwritten

What it is

Backward writes into an array that it got from the cache. dx = p does not make a new array but a
second name for p, and dx[...] -= 1 changes both. The first call may return the right gradient;
the second one, with the same cache, starts from the changed values. It shows as soon as
backward is called twice (a second derivative, a gradient check), the array is an output that
others still use, or a loss printed after backward is computed from p.

How to find it by hand

Call backward twice with the same cache. If the second result differs, follow every array of the
cache through the function and look for +=, -=, *=, a[...] = ..., out= and for other names of
the same array (dx = p, views such as p.T or p[0]). Write .copy() where the first write is.

The formula

Softmax and cross-entropy, for B rows x_i with the label t_i:

    p_ij = exp(x_ij) / (sum over k of exp(x_ik))        L = -(1/B) * sum over i of log p_{i, t_i}

    dx_ij = dout * (p_ij - [j = t_i]) / B

[j = t_i] is 1 where j is the label, else 0. After the first call the wrong version has p - [j =
t] in the cache, so its second call returns p_ij - 2 [j = t_i].
"""

import numpy as np


def right_forward(x, labels):
    """x (B, K), labels (B,) of whole numbers -> the mean cross-entropy, a number."""
    e = np.exp(x - x.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(len(x)), labels]).mean()
    return loss, (p, labels)


def right_backward(dout, cache):
    """dout a number -> dx (B, K)."""
    p, labels = cache
    dx = p.copy()
    dx[np.arange(len(p)), labels] -= 1
    return dout * dx / len(p)


def right_inputs(seed):
    """x (4, 3), labels (4,)."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 3)), rng.integers(0, 3, size=4)


wrong_forward = right_forward
wrong_inputs = right_inputs


def wrong_backward(dout, cache):
    """dx and p are one array."""
    p, labels = cache
    dx = p
    dx[np.arange(len(p)), labels] -= 1
    return dout * dx / len(p)
