"""Exponentials that sum to one: softmax and its logarithms.

Idea: exp overflows, so the largest element is subtracted first; the result does not change. Each
gradient is an op of its own, so that forward and backward are both one visit of the rows.
Read next: ../backend/rows.py (the arrays' side), loss.py (cross-entropy), attention.py.
"""

from minigen.backend import rows
from minigen.errors import check_dim
from minigen.ops._define import primitive
from minigen.ops.functions import exp
from minigen.ops.reduce import _axis, _not_empty, _spread, sum


def _logsumexp_vjp(g, x, dim):
    return _spread(g, x.shape, dim) * softmax(x, tuple(range(x.ndim)) if dim is None else dim)


@primitive(_logsumexp_vjp)
def logsumexp(x, dim=None, keepdim=False):
    """log Σ exp(x) over dim, without overflow.   dx = g·softmax(x)"""
    axis = _not_empty("logsumexp", x, dim)
    y = rows.narrow(rows.logsumexp(x, axis), x)
    return y if keepdim else y.squeeze(axis)


def _along(function, x, dim):
    """dim as NumPy's axis, where all dimensions at once are no default. TypeError for None."""
    if dim.__class__ is int:
        return dim
    if dim is None:
        raise TypeError(f"{function}: give dim, along which the probabilities sum to 1")
    axis = _axis(x, dim)
    return axis if isinstance(axis, (tuple, type(None))) else check_dim(function, axis, x.ndim)


@primitive(
    lambda g, p, dim: _softmax_backward(g, p, dim),
    lambda g, v, p, dim: g * (v - sum(v * p, dim, True)) - v * sum(g * p, dim, True),
)
def _softmax_backward(v, p, dim):
    return rows.softmax_backward(v, p, dim if dim.__class__ is int else _axis(p, dim))


@primitive(lambda g, y, dim: _softmax_backward(g, y, dim))
def softmax(x, dim):
    """exp(x) / Σ exp(x) along dim, without overflow.   dx = y·(g - Σ g·y)

    Exact to rounding where y is more than 1e-28; nan along a dim that holds only -inf, or an inf.
    """
    return rows.softmax(x, _along("softmax", x, dim))


def _log_softmax_backward_vjp(g, log_p, dim):
    # of v: the adjoint of v - p·Σ v
    return g - sum(g * exp(log_p), dim, True)


@primitive(
    _log_softmax_backward_vjp,
    lambda g, v, log_p, dim: -g * exp(log_p) * sum(v, dim, True),
)
def _log_softmax_backward(v, log_p, dim):
    return rows.log_softmax_backward(v, log_p, dim if dim.__class__ is int else _axis(log_p, dim))


@primitive(lambda g, y, dim: _log_softmax_backward(g, y, dim))
def log_softmax(x, dim):
    """x - log Σ exp(x) along dim, without overflow.   dx = g - softmax(x)·Σ g"""
    return rows.log_softmax(x, _along("log_softmax", x, dim))
