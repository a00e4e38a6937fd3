"""Distances of all pairs of rows, on arrays.

Idea: |a - b|² = |a|² + |b|² - 2a·b makes P·R distances from one product of matrices. But where a
and b are near, the terms cancel, and with them the digits. So both are centred first, and pairs
that come out near all the same are computed again from their difference, in value and gradient.
Everything else goes through the differences (P, R, M) in blocks of rows.
Read next: ../ops/distance.py.
"""

import math

import numpy as np

from minigen.backend import array_module, quiet, scatter_add

_BLOCK = 1 << 16  # elements of a block of differences
_NEAR = 0.04  # of |a|² + |b|²: below, the sum has lost more than a digit to cancellation
_MANY = 1 / 16  # of all pairs near: the detour does not pay


def _leading(x1, x2):
    return np.broadcast_shapes(x1.shape[:-2], x2.shape[:-2])


def empty(x1, x2):
    """(..., P, R) for the distances, of undefined content."""
    shape = (*_leading(x1, x2), x1.shape[-2], x2.shape[-2])
    return array_module(x1).empty(shape, x1.dtype)


def zeros(x1, x2):
    """(..., P, M) and (..., R, M) for the gradients."""
    xp, leading = array_module(x1), _leading(x1, x2)
    return (xp.zeros(leading + x.shape[-2:], x.dtype) for x in (x1, x2))


def blocks(x1, x2):
    """Slices of the rows of x1, so that their differences to all of x2 stay in the cache."""
    rows = x1.shape[-2]
    step = max(1, _BLOCK // max(1, math.prod(_leading(x1, x2)) * math.prod(x2.shape[-2:])))
    return [slice(i, min(i + step, rows)) for i in range(0, rows, step)]


def worthwhile(x1, x2):
    """Whether to take Euclidean distances from a product (PyTorch's rule)."""
    return max(x1.shape[-2], x2.shape[-2]) > 25 and min(x1.size, x2.size) > 0


def _centred(x1, x2):
    """Both, shifted by the mean of x2's rows."""
    centre = x2.mean(-2, keepdims=True)
    return x1 - centre, x2 - centre


def euclidean(x1, x2):
    """(distances, near): near is the index of the pairs computed from their differences.

    (None, None) if too many are near.
    """
    xp = array_module(x1)
    with quiet():
        a, b = _centred(x1, x2)
        total = xp.einsum("...i,...i->...", a, a)[..., :, None]
        total = total + xp.einsum("...i,...i->...", b, b)[..., None, :]
        y = a @ b.swapaxes(-1, -2)
        y *= -2
        y += total
    total *= _NEAR
    near = xp.nonzero(~(y > total))  # nan too: a single inf makes the mean, and all this, useless
    if len(near[0]) > max(_MANY * y.size, max(y.shape[-2:])):
        return None, None
    d = _pairs(x1, x2, near)
    y[near] = xp.einsum("ij,ij->i", d, d)
    return xp.sqrt(y, out=y), near


def _pairs(x1, x2, near):
    """The differences of the pairs at an index of (..., P, R): (K, M)."""
    xp, leading = array_module(x1), _leading(x1, x2)
    x1 = xp.broadcast_to(x1, leading + x1.shape[-2:])
    x2 = xp.broadcast_to(x2, leading + x2.shape[-2:])
    return x1[near[:-1]] - x2[(*near[:-2], near[-1])]


def euclidean_pull(g, y, near, x1, x2):
    """The gradients (..., P, M) and (..., R, M) of the distances: Σ g·(a - b)/y."""
    a, b = _centred(x1, x2)
    zero = y == 0
    w = g / (y + zero)
    w *= ~zero
    u = _pairs(x1, x2, near) * w[near][:, None]
    w[near] = 0
    dx1 = a * w.sum(-1)[..., None] - w @ b
    dx2 = b * w.sum(-2)[..., None] - w.swapaxes(-1, -2) @ a
    scatter_add(dx1, near[:-1], u)
    scatter_add(dx2, (*near[:-2], near[-1]), -u)
    return dx1, dx2
