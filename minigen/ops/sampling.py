"""Chance in a network: dropout, and draws from probabilities that were computed.

Idea: what is drawn (a mask, noise) is a constant; gradients flow through what it is applied to. All
draw from `rng`, or the default generator of the tensor's device.
Read next: random.py (generators), attention.py (which has a dropout of its own).
"""

import math
from numbers import Integral, Real

import numpy

from minigen.backend import array_module, follow, quiet
from minigen.backend.device.random import dropout as device_dropout
from minigen.errors import check_dim, check_tensors
from minigen.ops._define import composite, primitive
from minigen.ops.random import _generator, _probability
from minigen.ops.softmax import softmax
from minigen.tensor import Tensor, wrap


def _floats(function, name, x):
    check_tensors(function, x)
    if x.dtype.kind not in "fV":
        raise TypeError(f"{function}: {name} must be floats, not {x.dtype}; use .float()")


# ---- dropout: of a GPU's generator, one kernel that makes the mask as it goes; else with a mask


@primitive(lambda g, draw, p: _drop_by_kernel(g, draw, p))
def _drop_by_kernel(x, draw, p):
    """x·kept / (1 - p), the mask made of the draw: again, for the gradient."""
    return device_dropout(x, draw, p)


@primitive(lambda g, kept, scale: _drop(g, kept, scale))
def _drop(x, kept, scale):
    """x·kept·scale."""
    with quiet():
        y = x * kept
        y *= scale
    return y


def _dropped(function, x, p, training, rng, shape=None):
    """x with what a mask of the shape, x's own if None, does not keep set to zero."""
    check_tensors(function, x)
    _probability(function, "p", p)
    if not training or p == 0:
        return x
    _floats(function, "x", x)
    if p == 1:
        return x * 0
    source = _generator(function, rng, x.device)
    if shape is None and (draw := source.draw_for(x)) is not None:
        return _drop_by_kernel(x, draw, p)
    kept = source.keep_mask(x.shape if shape is None else shape, p).to(x.device)
    return _drop(x, kept, 1 / (1 - p))


@composite
def dropout(x, p=0.5, training=True, *, rng=None):
    """Each element zero with probability p, else divided by 1 - p; x itself if not training.

    ValueError unless 0 <= p <= 1. Source: Srivastava et al., JMLR 2014.
    """
    return _dropped("dropout", x, p, training, rng)


@composite
def dropout2d(x, p=0.5, training=True, *, rng=None):
    """Each channel of each sample zero with probability p, else divided by 1 - p.

    x (N, C, ...): neighbours in a picture tell the same, so single elements would not be missed.
    ValueError unless 0 <= p <= 1. Source: Tompson et al., CVPR 2015.
    """
    check_tensors("dropout2d", x)
    if x.ndim < 3:
        raise ValueError(
            f"dropout2d: x {tuple(x.shape)} must be (N, C, ...) with at least 3 dimensions; "
            "dropout() drops single elements"
        )
    shape = (*x.shape[:2], *[1] * (x.ndim - 2))
    return _dropped("dropout2d", x, p, training, rng, shape)


# ---- draws from given probabilities


@composite
def bernoulli(x, *, rng=None):
    """1 with probability x, else 0, elementwise; in the dtype of x, without a gradient.

    ValueError unless all of x lies in [0, 1].
    """
    _floats("bernoulli", "x", x)
    p = getattr(x, "_data", x)
    follow(p)
    if p.size and not bool(((p >= 0) & (p <= 1)).all()):
        raise ValueError(
            f"bernoulli: probabilities lie in [0, 1]; these run from {float(p.min()):.4g} to "
            f"{float(p.max()):.4g}; sigmoid() makes probabilities of logits"
        )
    u = _generator("bernoulli", rng, x.device).uniform(x.shape, dtype="float64").to(x.device)
    return wrap((u._data < p).astype(p.dtype))


@composite
def multinomial(x, num_samples, replacement=False, *, rng=None):
    """Positions drawn with probabilities in proportion to the weights x, int64.

    x: (C) or (rows, C), weights >= 0 that need not sum to 1 -> (num_samples) or (rows, num_samples)
    Without replacement no position comes twice: each draw is among those that are left. ValueError
    for weights that are negative, infinite, nan or all zero in a row, and for more samples without
    replacement than a row has weights above zero.
    """
    _floats("multinomial", "x", x)
    if x.ndim not in (1, 2) or not x.shape[-1]:
        raise ValueError(
            f"multinomial: x {tuple(x.shape)} must be (C) or (rows, C) with C >= 1 weights"
        )
    counts = isinstance(num_samples, Integral) and not isinstance(num_samples, bool)
    if not counts or num_samples < 1:
        raise ValueError(
            f"multinomial: num_samples must be a whole number >= 1, not {num_samples!r}"
        )
    given = getattr(x, "_data", x)
    xp = array_module(given)
    weights = given.astype("float64").reshape(-1, x.shape[-1])
    _check_weights(weights, num_samples, replacement)
    shape = (len(weights), num_samples if replacement else weights.shape[1])
    u = _generator("multinomial", rng, x.device).uniform(shape, dtype="float64").to(x.device)._data
    if replacement:
        drawn = _by_inverse(xp, weights, u)
    else:
        # a race: each position rings after an exponential time, at the rate of its weight. Who is
        # first is distributed as the first draw, who is second as the second draw, and so on
        with quiet():
            times = xp.log(-xp.log1p(-u)) - xp.log(weights)  # logarithms: none overflows
        drawn = xp.argsort(times, axis=1)[:, :num_samples]
    return wrap(drawn.reshape(*x.shape[:-1], num_samples))


def _by_inverse(xp, weights, u):
    """In each row the first position at which the sum of the weights exceeds u of the whole."""
    rows, columns = weights.shape
    sums = xp.cumsum(weights / weights.max(1, keepdims=True), axis=1)
    sums = sums / sums[:, -1:]  # the last is exactly 1, and so is what zeros follow
    row = xp.arange(rows).reshape(-1, 1)
    found = xp.minimum(u + row, xp.nextafter(row + 1.0, 0.0))  # rounding may not leave the row
    found = xp.searchsorted((sums + row).reshape(-1), found.reshape(-1), side="right")
    return found.reshape(u.shape) - row * columns


def _check_weights(weights, num_samples, replacement):
    if not weights.size:
        return
    if not bool(((weights >= 0) & (weights < math.inf)).all()):
        raise ValueError(
            "multinomial: weights must be finite and >= 0; of logits, softmax() makes them"
        )
    positive = (weights > 0).sum(1)
    least = int(positive.min())
    if not least:
        raise ValueError(
            f"multinomial: all weights of row {int(positive.argmin())} are 0: nothing to draw"
        )
    if not replacement and num_samples > least:
        raise ValueError(
            f"multinomial: {num_samples} samples without replacement, but row "
            f"{int(positive.argmin())} has {least} weights above 0; pass replacement=True"
        )


@primitive(lambda g: g)
def _largest_as_one(x, dim):
    """1 at the largest element along dim, the first of equals, else 0.   The VJP is the identity"""
    xp = array_module(x)
    y = xp.zeros_like(x)
    xp.put_along_axis(y, xp.expand_dims(x.argmax(dim), dim), 1, dim)
    return y


@composite
def gumbel_softmax(logits, tau=1, hard=False, dim=-1, *, rng=None):
    """softmax((logits + noise) / tau): a soft draw from the categories along dim.

    With noise -log(-log(u)) the largest is category i with probability softmax(logits)_i; small tau
    comes near a one-hot draw, large tau near uniform. hard=True gives the one-hot draw itself, with
    the gradient of the soft one (straight-through). ValueError unless tau > 0.
    Source: Jang et al., 2017; Maddison et al., 2017.
    """
    if not isinstance(tau, (Real, Tensor)) or not tau > 0:
        raise ValueError(f"gumbel_softmax: tau is a temperature, > 0, not {tau!r}")
    _floats("gumbel_softmax", "logits", logits)
    axis = check_dim("gumbel_softmax", dim, logits.ndim)
    if logits.ndim and not logits.shape[axis]:
        raise ValueError(
            f"gumbel_softmax: logits {tuple(logits.shape)} have no categories along dim {dim}"
        )
    xp = array_module(getattr(logits, "_data", logits))
    u = _generator("gumbel_softmax", rng, logits.device).uniform(logits.shape).to(logits.device)
    u = xp.maximum(u._data, 2.0**-32)  # log(0) would be -inf
    u = u.astype(numpy.result_type(u.dtype, logits.dtype), copy=False)  # as exact as the logits
    noise = -xp.log(-xp.log(u))
    soft = softmax((logits + wrap(noise.astype(logits.dtype))) / tau, axis)
    return _largest_as_one(soft, axis) if hard else soft
