"""Cross-entropy: how surprised the predicted probabilities are by the targets, in nats.

Idea: -Σ_c q_c · log p_c, where q says which classes were right: one class, or probabilities of
all. Class weights, ignored positions and label smoothing only change q, and the mean divides by
the weight of what was not ignored. `_reference` says so in ops; the fused op hands q to one kernel,
which makes loss and gradient in a single visit of the logits. On a device the kernels make q, too.
Read next: ../backend/cross_entropy.py (the kernel), loss.py (other losses).
"""

import math
from functools import partial

from minigen.backend import array_module, follow, ndarray, quiet, watch_index
from minigen.backend import cross_entropy as kernel
from minigen.backend.device import cross_entropy as device
from minigen.backend.kernels import active, on_device
from minigen.errors import check_tensors
from minigen.ops._define import composite, float_dtypes, fused
from minigen.ops.elementwise import cast, where
from minigen.ops.gather import gather
from minigen.ops.loss import check_reduction, check_weight_is_tensor, lent
from minigen.ops.reduce import sum
from minigen.ops.shape import reshape, squeeze, unsqueeze
from minigen.ops.softmax import log_softmax

# ---- what each position counts


def _counted(target, weight, ignore_index):
    """(classes, weight of each position or None for 1, where ignored or None, total weight).

    Arrays; the classes of ignored positions are replaced by 0, and their weights too.
    """
    xp = array_module(target)
    ignored = target == ignore_index
    if not on_device(target) and not ignored.any():  # a GPU's host would have to wait for that
        ignored = None
    classes = target if ignored is None else xp.where(ignored, 0, target)
    if weight is not None:
        each = weight[classes] if ignored is None else xp.where(ignored, 0, weight[classes])
        return classes, each, ignored, float(each.sum(dtype="float64"))  # 16 bits soon overflow
    if ignored is None:
        return classes, None, None, target.size
    return classes, ~ignored, ignored, int((~ignored).sum())


def _mean(losses, total):
    """Σ losses / total; nan where nothing counts, with gradient 0."""
    return sum(losses) * (1 / total) if total else sum(losses) * 0.0 + math.nan


def _reduced(losses, total, reduction):
    if reduction == "mean":
        return _mean(losses, total)
    return sum(losses) if reduction == "sum" else losses


def _negative_log_likelihood(log_p, classes, each, ignored):
    """-each·log_p[class] of every position, 0 where ignored, made of ops.   classes: an array"""
    picked = squeeze(gather(log_p, 1, array_module(classes).expand_dims(classes, 1)), 1)
    if ignored is not None:
        picked = where(ignored, 0.0, picked)
    return -picked if each is None else -picked * each


# ---- checks


def _check_devices(function, x, **others):
    for name, other in others.items():
        if other is not None and other.device != x.device:
            raise RuntimeError(
                f"{function}: x is on {x.device}, {name} on {other.device}; move one"
            )


def _check_weight(function, x, weight):
    if weight is None:
        return
    check_weight_is_tensor(function, "weight", weight)
    if getattr(weight, "requires_grad", False):
        raise ValueError(
            f"{function}: weight is a constant, no gradient is computed for it; use weight.detach()"
        )
    classes = x.shape[1 if x.ndim > 1 else 0]
    if tuple(weight.shape) != (classes,):
        raise ValueError(
            f"{function}: weight {tuple(weight.shape)} must have one number for each of the "
            f"{classes} classes of {tuple(x.shape)}: shape ({classes},)"
        )


def _check_classes(function, what, x, target, ignore_index, hint=""):
    """Shape, dtype and range of targets that are class numbers."""
    shape = tuple(x.shape)
    expected = (shape[:1] + shape[2:] if x.ndim > 1 else ()) if shape else None
    if expected is None or tuple(target.shape) != expected:
        raise ValueError(
            f"{function}: {what} {shape} need targets of shape "
            f"{'(N,)' if expected is None else expected} with class numbers, got "
            f"{tuple(target.shape)}{hint}"
        )
    if target.dtype.kind not in "iu":
        raise TypeError(
            f"{function}: targets are class numbers, not {target.dtype}; use .long(){hint}"
        )
    numbers, classes = getattr(target, "_data", target), shape[1 if x.ndim > 1 else 0]
    if isinstance(numbers, ndarray) and _in_range(numbers, classes):
        return
    follow(numbers)
    counted = array_module(numbers).where(numbers == ignore_index, 0, numbers)
    watch_index(counted, 0, classes, partial(_no_class, function, classes))


def _in_range(numbers, classes):
    return not numbers.size or bool(numbers.min() >= 0 and numbers.max() < classes)


def _no_class(function, classes, number):
    return (
        f"{function}: the targets hold {number}, but there are {classes} classes, numbered from 0"
    )


def _check_probabilities(x, target, ignore_index):
    if target.dtype.kind not in "fV":
        raise TypeError(
            f"cross_entropy: targets of the logits' shape {tuple(x.shape)} are probabilities, not "
            f"{target.dtype}; class numbers have shape {tuple(x.shape[:1] + x.shape[2:])}"
        )
    if ignore_index >= 0:
        raise ValueError(
            f"cross_entropy: ignore_index {ignore_index} names a class, but the targets are "
            "probabilities; give weight 0 to that class"
        )


# ---- log-probabilities


@composite
def nll_loss(x, target, weight=None, ignore_index=-100, reduction="mean"):
    """-weight[target]·x[target]: the negative log-likelihood, of log-probabilities x.

    x (N, C), (N, C, ...) or (C,); target (N,), (N, ...) or (), integers in [0, C) or ignore_index
    -> scalar, or like target for "none". Positions that are ignored count 0; "mean" divides by the
    sum of the weights of all others, and is nan if there are none (the gradient is then 0).
    weight (C,) is a constant. ValueError for other shapes, IndexError for a class out of range.
    """
    check_tensors("nll_loss", x, target)
    check_reduction("nll_loss", reduction)
    _check_weight("nll_loss", x, weight)
    _check_devices("nll_loss", x, target=target, weight=weight)
    _check_classes("nll_loss", "log-probabilities", x, target, ignore_index)
    x = x if x.dtype.kind in "fV" else cast(x, "float32")
    if x.ndim == 1:
        x, target = unsqueeze(x, 0), reshape(target, (1,))
        losses = nll_loss(x, target, weight, ignore_index, reduction)
        return reshape(losses, ())
    target, weight = (getattr(a, "_data", a) for a in (target, weight))
    classes, each, ignored, total = _counted(target, weight, ignore_index)
    return _reduced(_negative_log_likelihood(x, classes, each, ignored), total, reduction)


# ---- logits


def _per_class(weight, ndim):
    """(C,) as (C, 1, ...), to multiply (N, C, ...)."""
    return reshape(weight, (-1,) + (1,) * (ndim - 2))


def _of_probabilities(log_p, target, weight, reduction, label_smoothing):
    classes = log_p.shape[1]
    q = target * (1 - label_smoothing) + label_smoothing / classes
    q = q if weight is None else q * _per_class(weight, log_p.ndim)
    losses = -sum(q * log_p, 1)
    return _reduced(losses, math.prod(losses.shape), reduction)


def _reference(x, target, weight, ignore_index, reduction, label_smoothing):
    if target.dtype.kind in "fV":
        return _of_probabilities(log_softmax(x, 1), target, weight, reduction, label_smoothing)
    numbers, numbers_weight = (getattr(a, "_data", a) for a in (target, weight))
    classes, each, ignored, total = _counted(numbers, numbers_weight, ignore_index)
    if ignored is not None:  # whatever stands there, nan included
        x = where(array_module(ignored).expand_dims(ignored, 1), 0.0, x)
    log_p = log_softmax(x, 1)
    losses = _negative_log_likelihood(log_p, classes, each, ignored)
    if label_smoothing:
        weighted = log_p if weight is None else log_p * _per_class(weight, x.ndim)
        spread = -sum(weighted, 1) if ignored is None else where(ignored, 0.0, -sum(weighted, 1))
        losses = losses * (1 - label_smoothing) + spread * (label_smoothing / x.shape[1])
    return _reduced(losses, total, reduction)


def _weights(x, target, weight, ignore_index, reduction, label_smoothing):
    """What the kernel wants, arrays, and what is left to do: (classes, u, q, ignored, total)."""
    n, c = x.shape[:2]
    length = math.prod(x.shape[2:])
    if target.dtype.kind in "fV":
        total = n * length
        scale = 1 / max(total, 1) if reduction == "mean" else 1
        q = target.astype(x.dtype, copy=False) * (scale * (1 - label_smoothing))
        q += scale * label_smoothing / c
        if weight is not None:
            q *= _per_class(weight, x.ndim)
        return None, None, q.reshape(n, c, length), None, total
    classes, each, ignored, total = _counted(target, weight, ignore_index)
    scale = 1.0 if reduction != "mean" else 1 / total if total else 0.0
    u, q = scale * (1 - label_smoothing), None
    if each is not None:
        u = each.astype(x.dtype).reshape(n, length) * u
    if label_smoothing:
        ones = array_module(x).ones(c, x.dtype)
        q = (ones if weight is None else ones * weight) * (scale * label_smoothing / c)
    return classes.reshape(n, length), u, q, ignored, total


@fused("x", "target", reference=_reference)
def _cross_entropy(x, target, weight, ignore_index, reduction, label_smoothing, *, needs):
    if active(x):
        return _on_device(x, target, weight, ignore_index, reduction, label_smoothing)
    n, c = x.shape[:2]
    dtype, wide = float_dtypes(x, target, weight)
    logits = x.astype(wide, copy=False)
    classes, u, q, ignored, total = _weights(
        logits, target, weight, ignore_index, reduction, label_smoothing
    )
    logits = logits.reshape(n, c, math.prod(x.shape[2:]))
    loss, gradient = kernel.cross_entropy(logits, classes, u, q, needs.x)
    if ignored is not None:  # whatever stands there, nan included
        ignored = ignored.reshape(loss.shape)
        loss[ignored] = 0
        if needs.x:
            gradient.swapaxes(1, 2)[ignored] = 0
    whole = reduction != "none"
    pull = lent(gradient.reshape(x.shape), whole) if needs.x else None

    def backward(g, needs):
        g, dtarget = g if whole else array_module(g).expand_dims(g, 1), None
        if needs.target:
            each = g / max(total, 1) if reduction == "mean" else g
            dtarget = _target_gradient(each, x, weight, label_smoothing)
        return pull(g) if needs.x else None, dtarget

    if not whole:
        return loss.reshape(x.shape[:1] + x.shape[2:]).astype(dtype, copy=False), backward
    loss = loss.sum() if total or reduction == "sum" else loss.sum() + math.nan
    return loss.astype(dtype), backward


def _target_gradient(g, x, weight, label_smoothing):
    """Of probabilities; rare, and not worth a place in the kernel."""
    each = g * (label_smoothing - 1)
    each = each if weight is None else each * _per_class(weight, x.ndim)
    return log_softmax.op.forward(x, 1) * each


def _on_device(x, target, weight, ignore_index, reduction, label_smoothing):
    """The forward for arrays of a device: what a mean divides by stays there, too."""
    dtype, _ = float_dtypes(x, target, weight)
    xp, logits = array_module(x), x.astype(dtype, copy=False)
    goal = target.astype(dtype, copy=False) if target.dtype.kind in "fV" else target
    losses, counted, pull = device.cross_entropy(
        logits, goal, weight, ignore_index, label_smoothing
    )
    count = counted.sum().reshape(1) if reduction == "mean" else None

    def backward(g, needs):
        dx = pull(g.reshape(-1), count) if needs.x else None
        if not needs.target:
            return dx, None
        each = g if reduction != "none" else xp.expand_dims(g, 1)
        each = each if count is None else each / xp.maximum(count[0], 1)
        return dx, _target_gradient(each, x, weight, label_smoothing)

    if reduction == "none":
        return losses.reshape(x.shape[:1] + x.shape[2:]).astype(dtype, copy=False), backward
    with quiet():  # a mean of nothing is nan
        loss = losses.sum() if count is None else losses.sum() / count[0]
    return loss.astype(dtype), backward


@composite
def cross_entropy(x, target, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    """-Σ_c q_c·log softmax(x)_c: the negative log-likelihood of the targets, in nats.

        classes         q_c = weight_c·(1[c = target]·(1 - s) + s/C)        s: label_smoothing
        probabilities   q_c = weight_c·(target_c·(1 - s) + s/C)

    x (N, C), (N, C, ...) or (C,) logits; target either classes (N,), (N, ...) or (), integers in
    [0, C) or ignore_index, or probabilities like x, floats, differentiable -> scalar, or (N, ...)
    for "none". Positions that are ignored count 0. "mean" divides classes by the sum of the
    weights of the targets that count, and is nan if there are none (the gradient is then 0);
    probabilities by the number of positions. weight (C,) is a constant.
    ValueError for other shapes and options, IndexError for a class out of range.
    Source of label smoothing: Szegedy et al., Rethinking the Inception Architecture, 2016.
    """
    check_tensors("cross_entropy", x, target)
    check_reduction("cross_entropy", reduction)
    if not 0 <= label_smoothing <= 1:
        raise ValueError(
            f"cross_entropy: label_smoothing {label_smoothing} is not in [0, 1]; it is the share "
            "of probability that is spread over all classes"
        )
    _check_weight("cross_entropy", x, weight)
    _check_devices("cross_entropy", x, target=target, weight=weight)
    if x.ndim and tuple(target.shape) == tuple(x.shape):
        _check_probabilities(x, target, ignore_index)
    else:
        hint = f"; probabilities have the shape of the logits, {tuple(x.shape)}"
        _check_classes("cross_entropy", "logits", x, target, ignore_index, hint)
    if x.ndim > 1:
        return _cross_entropy(x, target, weight, ignore_index, reduction, label_smoothing)
    target = reshape(target, (1, *target.shape))
    loss = _cross_entropy(unsqueeze(x, 0), target, weight, ignore_index, reduction, label_smoothing)
    return reshape(loss, ())
