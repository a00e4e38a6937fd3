"""Exponentials that sum to one: softmax and its logarithms.

Idea: exp overflows, so the largest element is subtracted first; the result does not change.
Read next: loss.py (cross-entropy, made of it), attention.py.
"""

from minigen.backend import array_module, quiet
from minigen.ops._define import primitive
from minigen.ops.functions import exp
from minigen.ops.reduce import _axis, _kept, _not_empty, _spread, sum


def _logsumexp_vjp(g, y, x, dim):
    p = exp(x - _kept(y, x.shape, dim))
    # Σp is 1 but for y's rounding, which counts when y is large
    return _spread(g, x.shape, dim) * (p / sum(p, dim, True))


@primitive(_logsumexp_vjp)
def logsumexp(x, dim=None, keepdim=False):
    """log Σ exp(x) over dim, without overflow."""
    xp, axes = array_module(x), _not_empty("logsumexp", x, dim)
    largest = x.max(axes, keepdims=True)
    largest = xp.where(xp.isfinite(largest), largest, 0)  # a row of -inf stays -inf
    with quiet():
        y = xp.log(xp.exp(x - largest).sum(axes, keepdims=True)) + largest
    return y if keepdim else y.sum(axes)


def _shifted(x, axis):
    """x minus its largest element along axis, so that exp can not overflow; integers as float32."""
    x = x if x.dtype.kind in "fV" else x.astype("float32")
    return x - x.max(axis, keepdims=True) if x.size else x.copy()


def _one(function, x, dim):
    """dim as NumPy's axis, where all dimensions at once are no default. TypeError for None."""
    if dim is None:
        raise TypeError(f"{function}: give dim, along which the probabilities sum to 1")
    return _axis(x, dim)


@primitive(lambda g, y, dim: y * (g - sum(g * y, dim, True)))
def softmax(x, dim):
    """exp(x) / Σ exp(x) along dim, without overflow.   dx = y·(g - Σ g·y)"""
    axis = _one("softmax", x, dim)
    y = array_module(x).exp(_shifted(x, axis))
    y /= y.sum(axis, keepdims=True)
    return y


@primitive(lambda g, y, dim: g - exp(y) * sum(g, dim, True))
def log_softmax(x, dim):
    """x - log Σ exp(x) along dim, without overflow.   dx = g - softmax(x)·Σ g"""
    xp, axis = array_module(x), _one("log_softmax", x, dim)
    shifted = _shifted(x, axis)
    shifted -= xp.log(xp.exp(shifted).sum(axis, keepdims=True))
    return shifted
