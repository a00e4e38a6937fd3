"""Losses: how far predictions are from targets, in one number.

Idea: each has reduction="mean" (over all elements), "sum" or "none". Those on every model's path
are fused: the difference that forward computes is the gradient that backward needs.
Read next: reduce.py (log_softmax), activations.py (softplus).
"""

import math

from minigen.backend import array_module, quiet
from minigen.ops._define import composite, fused, primitive
from minigen.ops.activations import softplus
from minigen.ops.elementwise import abs, clamp, square
from minigen.ops.functions import log
from minigen.ops.gather import gather
from minigen.ops.reduce import amax, amin, mean, sum
from minigen.ops.shape import squeeze, unsqueeze
from minigen.ops.softmax import log_softmax

_REDUCE = {"mean": mean, "sum": sum, "none": lambda x: x}


def _reduced(function, loss, reduction):
    if reduction not in _REDUCE:
        raise ValueError(
            f'{function}: reduction must be "mean", "sum" or "none", not {reduction!r}'
        )
    return _REDUCE[reduction](loss)


def _same_shape(function, x, target):
    if tuple(x.shape) != tuple(target.shape):
        raise ValueError(
            f"{function}: prediction {tuple(x.shape)} and target {tuple(target.shape)} must have "
            "the same shape; broadcasting them would be a silent mistake"
        )


def _scaled(difference, scale):
    """The backward of a loss of a difference: ±scale·g times it, in the difference's own memory."""

    def backward(g, needs):
        d = difference * (g * scale)
        return d if needs.x else None, -d if needs.target else None

    return backward


def _mse_reference(x, target, reduction):
    return _reduced("mse_loss", square(x - target), reduction)


@fused("x", "target", reference=_mse_reference)
def _mse(x, target, reduction):
    d = x - target
    if reduction == "none":
        return d * d, _scaled(d, 2)
    wide = d.astype("float32") if d.dtype.char == "e" else d  # a sum of squares overflows early
    total = array_module(d).vdot(wide, wide)
    count = d.size if reduction == "mean" else 1
    loss = total / count if count else mean.op.forward(d)
    return loss if wide is d else loss.astype(d.dtype), _scaled(d, 2 / max(count, 1))


@composite
def mse_loss(x, target, reduction="mean"):
    """(x - target)², averaged or summed over all elements.   ValueError if the shapes differ"""
    _same_shape("mse_loss", x, target)
    if reduction not in _REDUCE:
        _reduced("mse_loss", x, reduction)
    return _mse(x, target, reduction)


@composite
def l1_loss(x, target, reduction="mean"):
    """|x - target|, averaged or summed over all elements.   Derivative 0 where they are equal"""
    _same_shape("l1_loss", x, target)
    return _reduced("l1_loss", abs(x - target), reduction)


def _cross_entropy_reference(logits, target):
    picked = gather(log_softmax(logits, 1), 1, unsqueeze(target, 1))
    return -squeeze(picked, 1)


@fused("logits", reference=_cross_entropy_reference)
def _cross_entropy(logits, target, *, needs):
    xp = array_module(logits)
    log_p = log_softmax.op.forward(logits, 1)
    at = xp.expand_dims(target, 1)
    loss = -xp.take_along_axis(log_p, at, 1).squeeze(1)
    if not needs.logits:
        return loss, None
    p = xp.exp(log_p, out=log_p)

    def backward(g, needs):
        # d loss / d logits = softmax - one-hot
        d = p.copy()
        xp.put_along_axis(d, at, xp.take_along_axis(d, at, 1) - 1, 1)
        d *= xp.expand_dims(g, 1)
        return (d,)

    return loss, backward


@composite
def cross_entropy(x, target, reduction="mean"):
    """-log softmax(x)[target]: the negative log-likelihood of the right class, in nats.

    x (N, C) or (N, C, ...) logits; target (N,) or (N, ...) integers in [0, C) -> scalar, or like
    target for "none". ValueError for other shapes, IndexError for a class out of range.
    """
    expected = (x.shape[0], *x.shape[2:]) if x.ndim > 1 else None
    if expected is None or tuple(target.shape) != expected:
        raise ValueError(
            f"cross_entropy: logits {tuple(x.shape)} need targets of shape {expected or '(N,)'} "
            f"with class numbers, got {tuple(target.shape)}"
        )
    if target.dtype.kind not in "iu":
        raise TypeError(
            f"cross_entropy: targets are class numbers, not {target.dtype}; use .long()"
        )
    if 0 not in target.shape:
        low, high = int(amin(target)), int(amax(target))
        if low < 0 or high >= x.shape[1]:
            raise IndexError(
                f"cross_entropy: targets run from {low} to {high}, but there are {x.shape[1]} "
                "classes, numbered from 0"
            )
    return _reduced("cross_entropy", _cross_entropy(x, target), reduction)


@composite
def binary_cross_entropy_with_logits(x, target, reduction="mean"):
    """-target·log σ(x) - (1 - target)·log(1 - σ(x)), in nats, without overflow."""
    _same_shape("binary_cross_entropy_with_logits", x, target)
    # = softplus(x) - target·x, exact where softplus is: no threshold
    return _reduced(
        "binary_cross_entropy_with_logits", softplus(x, 1.0, math.inf) - target * x, reduction
    )


def _bce_probability(g, x, target):
    return g * ((x - target) / clamp(x * (1 - x), min=1e-12))


def _bce_target(g, x):
    return g * (clamp(log(1 - x), min=-100.0) - clamp(log(x), min=-100.0))


@primitive(_bce_probability, _bce_target)
def _bce(x, target):
    xp = array_module(x)
    with quiet():
        log_x, log_rest = xp.maximum(xp.log(x), -100), xp.maximum(xp.log(1 - x), -100)
    return -(target * log_x + (1 - target) * log_rest)


@composite
def binary_cross_entropy(x, target, reduction="mean"):
    """-target·log x - (1 - target)·log(1 - x) for probabilities x, in nats.

    The logs are kept above -100 and x·(1 - x) in the gradient above 1e-12, so that 0 and 1 give
    finite losses and gradients.
    """
    _same_shape("binary_cross_entropy", x, target)
    return _reduced("binary_cross_entropy", _bce(x, target), reduction)
