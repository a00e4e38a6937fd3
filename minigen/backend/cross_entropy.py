"""Cross-entropy of a softmax, on arrays: loss and gradient in one visit of the logits.

Idea: every variant (classes or probabilities as targets, class weights, label smoothing, mean or
sum) is a weighted sum of -log p, with weights q_c >= 0 that the caller knows. With Q = Σ_c q_c

    loss = Σ_c q_c · (-log p_c) = Q·log Σ exp(x) - Σ_c q_c·x_c          d loss / dx = Q·p - q

so one exponential gives both, and the gradient is all that has to be kept. q has two parts: `u` on
the target's class alone, and `q`, dense. The work goes in blocks that stay in the cache.

The largest logit is subtracted first, so that exp does not overflow. One number for a whole block
is found six times faster than one for each row; where some row lies so far below it that its
exponentials would lose digits, the block is done again with a number for each row.
Read next: ../ops/cross_entropy.py (the weights), numpy.py (halves, scratch).
"""

import numpy as np

from minigen.backend import array_module, quiet
from minigen.backend.numpy import halves, scratch

_BLOCK = 1 << 17  # elements of a block
_TWO_THREADS = 1 << 20  # elements from which two threads are faster
_TINY = 1e-6  # a row that sums to less, relative to the block's largest element, is done again


def cross_entropy(x, target, u, q, keep):
    """(loss, gradient): (N, L), and (N, C, L) or None unless keep.

    x (N, C, L) float32 or float64; target (N, L) classes, with u (N, L) or a number, or None; q
    (C,) or (N, C, L), or None.
    """
    xp, (n, c, length) = array_module(x), x.shape
    on_cpu = xp is np
    loss = xp.empty((n, length), x.dtype)
    gradient = xp.empty(x.shape, x.dtype) if keep or not on_cpu else None
    step = max(1, _BLOCK // max(1, c * length)) if on_cpu else max(1, n)

    def visit(lo, hi):
        for first in range(lo, hi, step):
            rows = slice(first, min(first + step, hi))
            shape = (rows.stop - first, c, length)
            e = scratch("cross_entropy", shape, x.dtype) if gradient is None else gradient[rows]
            dense = q if q is None or q.ndim == 1 else q[rows]
            chosen = None if target is None else (target[rows], _part(u, rows))
            loss[rows] = _visit(x[rows], e, chosen, dense, keep)

    with quiet():  # what is inf or nan becomes so in silence, as in any other op on a GPU
        if on_cpu and x.size >= _TWO_THREADS:
            halves(visit, n)
        else:
            visit(0, n)
    return loss, gradient if keep else None


def _part(u, rows):
    return u[rows] if hasattr(u, "shape") and u.shape else u


def _visit(x, e, chosen, q, keep):
    """The losses of a block (m, C, L); e becomes its gradient, or is only worked in."""
    top, total, dot = _exponentials(x, e, q)
    log_total = array_module(x).log(total)
    weight, loss = 0.0, 0.0  # Q, and the loss without what the target's class adds
    if q is not None:
        weight = q.sum(0 if q.ndim == 1 else 1)
        loss = weight * log_total - dot
    if chosen is not None:
        target, u = chosen
        at = _places(x, target)
        loss = loss + u * (log_total + (top - x[at]))
        weight = weight + u
    if keep:
        e *= (weight / total)[:, None, :]
        if q is not None:
            e -= q[:, None] if q.ndim == 1 else q
        if chosen is not None:
            e[at] -= u
    return loss


def _exponentials(x, e, q):
    """e = exp(x - top). Returns top, the sums of e over classes, and Σ_c q_c·(x_c - top)."""
    xp = array_module(x)
    narrow = x.shape[2] == 1  # rows: a maximum of each costs more than exp
    if narrow and xp is np:
        top = x.max()
        total, dot = _shifted_exp(xp, x, top, e, q)
        if total.min() >= _TINY:  # also false for nan
            return top, total, dot
    top = x.max(1)
    return top, *_shifted_exp(xp, x, top[:, None, :], e, q)


def _shifted_exp(xp, x, top, e, q):
    xp.subtract(x, top, out=e)
    dot = None
    if q is not None:
        dot = xp.einsum("ncl,c->nl" if q.ndim == 1 else "ncl,ncl->nl", e, q)
    xp.exp(e, out=e)
    ones = xp.ones(x.shape[1], x.dtype)
    # a product with ones adds in wide strides; over rows it is five times as fast as sum
    return (e[:, :, 0] @ ones)[:, None] if x.shape[2] == 1 else ones @ e, dot


def _places(x, target):
    """The key that picks each target's class in x."""
    xp = array_module(x)
    return xp.arange(x.shape[0])[:, None], target, xp.arange(x.shape[2])
