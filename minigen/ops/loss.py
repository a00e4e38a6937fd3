"""Losses: how far predictions are from targets, in one number.

Idea: each has reduction="mean" (over all elements), "sum" or "none". Those on every model's path
are fused: forward leaves behind the gradient that backward needs. Prediction and target must have
one shape: (N, 1) and (N,) would broadcast to (N, N) and train towards nothing.
Read next: cross_entropy.py (classes), distance.py, activations.py (softplus).
"""

import math
from numbers import Real

import numpy

from minigen.backend import array_module, follow, ndarray, quiet
from minigen.errors import check_tensors
from minigen.ops._define import composite, float_dtypes, fused, primitive
from minigen.ops.activations import softplus
from minigen.ops.distance import _at_least, _check_p, pairwise_distance
from minigen.ops.elementwise import abs, clamp, minimum, square, where
from minigen.ops.functions import exp, log
from minigen.ops.reduce import mean, sum
from minigen.ops.shape import unsqueeze

_REDUCE = {"mean": mean, "sum": sum, "none": lambda x: x}
_BLOCK = 1 << 16  # elements that stay in the cache


def check_reduction(function, reduction, *more):
    """ValueError for a reduction that is none of the known ones (and of `more`)."""
    if reduction not in _REDUCE and reduction not in more:
        known = [f'"{name}"' for name in (*_REDUCE, *more)]
        raise ValueError(
            f"{function}: reduction must be {', '.join(known[:-1])} or {known[-1]}, not "
            f"{reduction!r}"
        )


def _reduced(function, loss, reduction):
    check_reduction(function, reduction)
    with quiet():  # a sum may be more than float16 holds: inf
        return _REDUCE[reduction](loss)


def _same_shape(function, x, target):
    check_tensors(function, x, target)
    if tuple(x.shape) != tuple(target.shape):
        raise ValueError(
            f"{function}: prediction {tuple(x.shape)} and target {tuple(target.shape)} must have "
            "the same shape; broadcasting them would be a silent mistake"
        )


def _check_difference(function, x, target):
    """There is a difference x - target: of one shape, and not of two masks."""
    _same_shape(function, x, target)
    if x.dtype.kind == target.dtype.kind == "b":
        raise TypeError(f"{function}: booleans have no difference; use x.float()")


def _narrowed(loss, dtype):
    """The loss in a dtype, inf where that does not hold it."""
    with quiet():
        return loss.astype(dtype)


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
    return loss if wide is d else _narrowed(loss, d.dtype), _scaled(d, 2 / max(count, 1))


@composite
def mse_loss(x, target, reduction="mean"):
    """(x - target)², averaged or summed over all elements.   ValueError if the shapes differ"""
    _check_difference("mse_loss", x, target)
    check_reduction("mse_loss", reduction)
    return _mse(x, target, reduction)


@composite
def l1_loss(x, target, reduction="mean"):
    """|x - target|, averaged or summed over all elements.   Derivative 0 where they are equal"""
    _check_difference("l1_loss", x, target)
    return _reduced("l1_loss", abs(x - target), reduction)


def _huber_reference(x, target, delta, reduction):
    d = x - target
    size = abs(d)
    each = where(size < delta, 0.5 * square(d), delta * (size - 0.5 * delta))
    return _reduced("huber_loss", each, reduction)


@fused("x", "target", reference=_huber_reference)
def _huber(x, target, delta, reduction):
    d = x - target
    dtype, wide = float_dtypes(x, target)
    d = d.astype(wide, copy=False)  # the products would overflow float16 early
    slope = array_module(d).clip(d, -delta, delta)
    d -= 0.5 * slope  # the loss is slope·(d - slope/2): d²/2 inside, delta·(|d| - delta/2) outside
    if reduction == "none":
        return (slope * d).astype(dtype, copy=False), _scaled(slope, 1)
    count = d.size if reduction == "mean" else 1
    loss = array_module(d).vdot(slope, d) / count if count else mean.op.forward(d)
    return _narrowed(loss, dtype), _scaled(slope, 1 / max(count, 1))


@composite
def huber_loss(x, target, reduction="mean", delta=1.0):
    """½d² where |d| < delta, delta·(|d| - delta/2) beyond, with d = x - target.

    The derivative d is limited to [-delta, delta]; the second one is 0 from |d| = delta on.
    ValueError if the shapes differ, or delta <= 0. Source: Huber, Robust Estimation, 1964.
    """
    _check_difference("huber_loss", x, target)
    check_reduction("huber_loss", reduction)
    if not (isinstance(delta, Real) and delta > 0):
        raise ValueError(
            f"huber_loss: delta must be a positive number, not {delta!r}: it is a size of errors"
        )
    return _huber(x, target, delta, reduction)


@composite
def smooth_l1_loss(x, target, reduction="mean", beta=1.0):
    """½d²/beta where |d| < beta, |d| - beta/2 beyond, with d = x - target; |d| for beta = 0.

    It is the Huber loss over beta. ValueError if the shapes differ, or beta < 0.
    Source: Girshick, Fast R-CNN, 2015.
    """
    _check_difference("smooth_l1_loss", x, target)
    check_reduction("smooth_l1_loss", reduction)
    if not (isinstance(beta, Real) and beta >= 0):
        raise ValueError(
            f"smooth_l1_loss: beta must be a number from 0, not {beta!r}; 0 gives l1_loss"
        )
    return _huber(x, target, beta, reduction) / beta if beta else l1_loss(x, target, reduction)


# ---- probabilities of two outcomes


def lent(gradient, whole):
    """The backward of a fused loss whose forward left the gradient behind: g times it.

    The gradient is kept for the next backward, so it is never written into. Where g is one number
    (whole) and 1, which is what loss.backward() starts with, it is lent as it is, marked
    read-only: who wants to keep it makes a copy.
    """
    lends = whole and type(gradient) is ndarray
    if lends:
        gradient.flags.writeable = False
    return lambda g: gradient if lends and g == 1 else gradient * g


def check_weight_is_tensor(function, name, weight):
    """TypeError for a weight that is no tensor: often what belongs to another argument."""
    if not hasattr(weight, "shape"):
        fix = f'; did you mean reduction="{weight}"?' if str(weight) in _REDUCE else ""
        raise TypeError(f"{function}: {name} must be a tensor, not {weight!r}{fix}")


def _check_fits(function, name, weight, x):
    check_weight_is_tensor(function, name, weight)
    shape, whole = tuple(weight.shape), tuple(x.shape)
    stretched = (1,) * (len(whole) - len(shape)) + shape
    if len(shape) > len(whole) or any(
        a not in (1, b) for a, b in zip(stretched, whole, strict=True)
    ):
        raise ValueError(
            f"{function}: {name} {shape} does not broadcast to {whole}, the shape of x: its last "
            "sizes must be x's, or 1"
        )


def _logits_reference(x, target, reduction):
    each = softplus(x, 1.0, math.inf) - target * x  # exact where softplus is: no threshold
    return _reduced("binary_cross_entropy_with_logits", each, reduction)


def _visit_logits(x, target, slope):
    """The losses of a block; σ(x) - target into slope, unless None."""
    xp = array_module(x)
    size = xp.abs(x)
    loss = (0.5 - target) * x
    loss += 0.5 * size  # max(x, 0) - target·x, first: added to log1p it would swallow its digits
    e = xp.exp(-size)
    loss += xp.log1p(e)
    if slope is not None:
        e /= 1 + e  # the smaller of σ(x) and 1 - σ(x), with all its digits
        slope[...] = x >= 0
        e *= 1 - 2 * slope
        slope -= target
        slope += e
    return loss


@fused("x", "target", reference=_logits_reference)
def _bce_logits(x, target, reduction, *, needs):
    xp = array_module(x, target)
    dtype, wide = float_dtypes(x, target)
    flat, goal = (a.astype(wide, copy=False).reshape(-1) for a in (x, target))
    each = xp.empty(flat.shape, wide) if reduction == "none" else None
    slope = xp.empty(flat.shape, wide) if needs.x else None
    scale = 1 / max(x.size, 1) if reduction == "mean" else 1.0
    step, total = _BLOCK if xp is numpy else max(x.size, 1), xp.zeros((), wide)
    for i in range(0, x.size, step):
        block = slice(i, i + step)
        part = None if slope is None else slope[block]
        loss = _visit_logits(flat[block], goal[block], part)
        if each is not None:
            each[block] = loss
            continue
        total = total + loss.sum()
        if part is not None and scale != 1:
            part *= scale
    pull = None if slope is None else lent(slope.reshape(x.shape), each is None)

    def backward(g, needs):
        return pull(g) if needs.x else None, x * (g * -scale) if needs.target else None

    if each is not None:
        return each.reshape(x.shape).astype(dtype, copy=False), backward
    empty = reduction == "mean" and not x.size
    loss = mean.op.forward(flat) if empty else total * scale
    return _narrowed(loss, dtype), backward


@composite
def binary_cross_entropy_with_logits(x, target, weight=None, reduction="mean", pos_weight=None):
    """-pos_weight·target·log σ(x) - (1 - target)·log(1 - σ(x)), times weight; without overflow.

    weight and pos_weight broadcast to x; "mean" divides by the number of elements all the same.
    ValueError if the shapes differ. d/dx = σ(x) - target, for both of them 1.
    """
    name = "binary_cross_entropy_with_logits"
    _same_shape(name, x, target)
    check_reduction(name, reduction)
    if weight is None and pos_weight is None:
        return _bce_logits(x, target, reduction)
    if pos_weight is None:
        each = _bce_logits(x, target, "none")
    else:
        _check_fits(name, "pos_weight", pos_weight, x)
        wrong, missed = softplus(x, 1.0, math.inf), softplus(-x, 1.0, math.inf)
        each = (1 - target) * wrong + pos_weight * target * missed
    return _weighted(name, each, weight, reduction)


def _weighted(function, each, weight, reduction):
    if weight is not None:
        _check_fits(function, "weight", weight, each)
        each = each * weight
    return _reduced(function, each, reduction)


def _bce_probability(g, x, target):
    return g * ((x - target) / clamp(x * (1 - x), min=1e-12))


def _bce_target(g, x):
    return g * (_log_above(1 - x) - _log_above(x))


def _log_above(x):
    """log x, at least -100, with derivatives 0 where it is that (float16: at 0 alone)."""
    tiny = x <= 4e-44  # just above e^-100
    return where(tiny, -100.0, log(where(tiny, 1.0, x)))


@primitive(_bce_probability, _bce_target)
def _bce(x, target):
    xp = array_module(x)
    with quiet():
        log_x, log_rest = xp.maximum(xp.log(x), -100), xp.maximum(xp.log1p(-x), -100)
    return -(target * log_x + (1 - target) * log_rest)


@composite
def binary_cross_entropy(x, target, weight=None, reduction="mean"):
    """-target·log x - (1 - target)·log(1 - x) for probabilities x, in nats, times weight.

    The logs are kept above -100 and x·(1 - x) in the gradient above 1e-12, so that 0 and 1 give
    finite losses and gradients. weight broadcasts to x. ValueError if the shapes differ, or for x
    outside [0, 1].
    """
    _same_shape("binary_cross_entropy", x, target)
    check_reduction("binary_cross_entropy", reduction)
    p = getattr(x, "_data", x)
    follow(p)
    if p.size and (p.min() < 0 or p.max() > 1):
        raise ValueError(
            f"binary_cross_entropy: x must be probabilities, in [0, 1]; these run from "
            f"{float(p.min()):g} to {float(p.max()):g}. For logits use "
            "binary_cross_entropy_with_logits"
        )
    return _weighted("binary_cross_entropy", _bce(x, target), weight, reduction)


# ---- distributions


def _kl_target(g, x, target):
    some = where(target == 0, 1.0, target)
    return g * where(target == 0, 0.0, log(some) + 1 - x)


@primitive(lambda g, target: -g * target, _kl_target)
def _kl(x, target):
    """target·(log target - x); where target is 0, the value and all derivatives are 0."""
    xp, none = array_module(x, target), target == 0
    with quiet():
        y = target * (xp.log(target + none) - x)
    return xp.where(none, 0, y)


def _kl_of_logs(x, target):
    gap = where(target == -math.inf, 0.0, target - x)  # e^-inf·inf counts 0
    return exp(target) * gap


@composite
def kl_div(x, target, reduction="mean", log_target=False):
    """target·(log target - x): x are log-probabilities, target probabilities, or their logarithms.

    KL(target ‖ softmax(logits)) is kl_div(log_softmax(logits, 1), target, "batchmean"): summed over
    classes and averaged over the first dimension; "mean" divides by the number of classes as well.
    Where target is 0 (-inf if log_target), loss and gradients are 0. ValueError if the shapes
    differ.
    """
    _same_shape("kl_div", x, target)
    check_reduction("kl_div", reduction, "batchmean")
    each = _kl_of_logs(x, target) if log_target else _kl(x, target)
    if reduction != "batchmean":
        return _reduced("kl_div", each, reduction)
    rows = x.shape[0] if x.ndim else 1
    return sum(each) / rows if rows else mean(each)


def _variance(x, var, eps):
    """var as it broadcasts to x, at least eps. ValueError for other shapes, or negative numbers."""
    shape, whole = tuple(var.shape), tuple(x.shape)
    rows = shape != whole and shape == whole[:-1]
    if not rows and (
        len(shape) != len(whole) or any(a not in (1, b) for a, b in zip(shape, whole, strict=True))
    ):
        raise ValueError(
            f"gaussian_nll_loss: var {shape} must have the shape of x, {whole}, or size 1 where it "
            "is the same for all, or lack the last dimension"
        )
    data = getattr(var, "_data", var)
    follow(data)
    if (data < 0).any():
        raise ValueError(
            f"gaussian_nll_loss: var must not be negative, but {float(data.min()):g} is among it; "
            "networks predict it as exp or softplus of their output"
        )
    return _at_least(unsqueeze(var, -1) if rows else var, eps)


@composite
def gaussian_nll_loss(x, target, var, full=False, eps=1e-6, reduction="mean"):
    """½·(log var + (x - target)²/var): the negative log-likelihood of target under N(x, var).

    full adds ½·log 2π. var: a number, or a tensor like x, with size 1 where it is the same for
    all, or without the last dimension if it is the same along that. A var below eps counts as
    eps, but its gradient is that at eps, not 0. ValueError if shapes differ, or for a negative
    var.
    Source: Nix & Weigend, Estimating the Mean and Variance of the Target, 1994.
    """
    _same_shape("gaussian_nll_loss", x, target)
    check_reduction("gaussian_nll_loss", reduction)
    if isinstance(var, Real):
        data = getattr(x, "_data", x)
        var = array_module(data).full((1,) * x.ndim, var, float_dtypes(data)[0])
    check_tensors("gaussian_nll_loss", var)
    var = _variance(x, var, eps)
    each = 0.5 * (log(var) + square(x - target) / var)
    if full:
        each = each + 0.5 * math.log(2 * math.pi)
    return _reduced("gaussian_nll_loss", each, reduction)


# ---- distances


@composite
def triplet_margin_loss(
    anchor, positive, negative, margin=1.0, p=2, eps=1e-6, swap=False, reduction="mean"
):
    """max(0, margin + ‖anchor - positive‖_p - ‖anchor - negative‖_p): (..., D), each -> (...).

    Distances are `pairwise_distance`'s. swap: the negative's distance to the positive, if that is
    smaller. Derivative 1 at the hinge. ValueError if the shapes differ, or margin <= 0.
    Source: Balntas et al., Learning local feature descriptors with triplets, 2016.
    """
    check_tensors("triplet_margin_loss", anchor, positive, negative)
    shapes = [tuple(v.shape) for v in (anchor, positive, negative)]
    if len(set(shapes)) != 1:
        raise ValueError(
            "triplet_margin_loss: anchor {}, positive {} and negative {} must have the same "
            "shape".format(*shapes)
        )
    check_reduction("triplet_margin_loss", reduction)
    _check_p("triplet_margin_loss", p)
    if not (isinstance(margin, Real) and margin > 0):
        raise ValueError(
            f"triplet_margin_loss: margin must be a positive number, not {margin!r}: without "
            "one, equal embeddings have no loss"
        )
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = minimum(far, pairwise_distance(positive, negative, p, eps))
    return _reduced("triplet_margin_loss", clamp(margin + near - far, min=0.0), reduction)
