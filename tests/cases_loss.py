"""Rows of ops/loss.py and ops/cross_entropy.py.

Read next: cases_row.py (the words used here).
"""

import functools

import numpy as np
from cases_row import apart, at, below, case, normal, positive, run, unit
from cases_softmax import softmax

from minigen import ops

nan, inf = np.nan, np.inf


REDUCTIONS = {"mean": np.mean, "sum": np.sum, "none": lambda x: x}
EACH = [run((2, 3), (2, 3), reduction=r) for r in REDUCTIONS]
EACH += [run((2, 3), (2, 3)), run((), ()), run((0, 3), (0, 3), reduction="sum")]
CLASSES = [run((3, 4), (3,), reduction=r) for r in REDUCTIONS]
CLASSES += [run((2, 3, 2), (2, 2)), run((2, 4, 1, 2), (2, 1, 2), reduction="sum")]
CLASSES += [run((0, 3), (0,), reduction="none"), run((4,), ())]
WEIGHT = [0.5, 2.0, 1.0, 0.3]
OPTIONS = [
    dict(weight=WEIGHT, ignore_index=2),
    dict(weight=WEIGHT, ignore_index=1, reduction="none"),
    dict(ignore_index=1),
]
SMOOTH = [
    dict(label_smoothing=0.1),
    dict(label_smoothing=0.3, weight=WEIGHT, reduction="sum"),
    dict(label_smoothing=0.3, weight=WEIGHT, ignore_index=0),
]


def loss(each):
    """Reduced as asked, from its value for each element."""

    def reduced(x, target, *others, reduction="mean", **options):
        return REDUCTIONS[reduction](each(x, target, *others, **options))

    return reduced


def weighted(fn):
    """fn with its weights as constant tensors, made from lists."""

    @functools.wraps(fn)
    def call(x, target, **options):
        for name in ("weight", "pos_weight"):
            if name in options:
                options[name] = ops.tensor(options[name], x.dtype, x.device)
        return fn(x, target, **options)

    return call


def within_domain(fn):
    """fn, and nan where it refuses its inputs: differences may step over the edge."""

    @functools.wraps(fn)
    def call(x, *others, **options):
        try:
            return fn(x, *others, **options)
        except ValueError as error:
            if not any(word in str(error) for word in ("must be probabilities", "be negative")):
                raise
            return x * nan if options.get("reduction") == "none" else ops.sum(x * nan)

    return call


def negative_log_likelihood(
    log_p, target, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0
):
    """By a loop over the positions: log_p (N, C, ...) or (C,), target (N, ...)."""
    if log_p.ndim == 1:
        log_p, target = log_p[None], target[None]
        given = weight, ignore_index, reduction, label_smoothing
        return np.squeeze(negative_log_likelihood(log_p, target, *given))
    weight = np.ones(log_p.shape[1]) if weight is None else np.array(weight)
    losses, total = np.zeros(target.shape, log_p.dtype), 0.0
    for place, c in np.ndenumerate(target):
        if c == ignore_index:
            continue
        q = np.full(len(weight), label_smoothing / len(weight))
        q[c] += 1 - label_smoothing
        losses[place] = -(weight * q * log_p[(place[0], slice(None), *place[1:])]).sum()
        total += weight[c]
    return losses.sum() / total if reduction == "mean" else REDUCTIONS[reduction](losses)


def of_classes(x, target, **options):
    return negative_log_likelihood(np.log(softmax(x, min(1, x.ndim - 1))), target, **options)


def of_probabilities(x, target, weight=None, reduction="mean", label_smoothing=0.0):
    dim = min(1, x.ndim - 1)
    q = target * (1 - label_smoothing) + label_smoothing / x.shape[dim]
    if weight is not None:
        q = q * np.reshape(weight, (-1,) + (1,) * (x.ndim - 1 - dim))
    return REDUCTIONS[reduction](-(q * np.log(softmax(x, dim))).sum(dim))


def bernoulli(x, target, weight=1.0, pos_weight=1.0):
    return -np.array(weight) * (
        np.array(pos_weight) * target * np.log(x) + (1 - target) * np.log(1 - x)
    )


def huber(x, target, delta=1.0):
    y = np.empty(x.shape)
    for place, d in np.ndenumerate(np.abs(x - target)):
        y[place] = 0.5 * d * d if d < delta else delta * (d - 0.5 * delta)
    return y


def smooth_l1(x, target, beta=1.0):
    return huber(x, target, beta) / beta if beta else np.abs(x - target)


def divergence(x, target, reduction="mean", log_target=False):
    log_target = target if log_target else np.log(target)
    each = np.exp(log_target) * (log_target - x)
    if reduction == "batchmean":
        return each.sum() / (len(x) if x.ndim else 1)
    return REDUCTIONS[reduction](each)


def gaussian(x, target, var, full=False, eps=1e-6):
    var = var[..., None] if var.ndim < x.ndim else var
    density = np.exp(-0.5 * (x - target) ** 2 / var) / np.sqrt(2 * np.pi * var)
    return -np.log(density) - (0 if full else 0.5 * np.log(2 * np.pi))


def triplet(anchor, positive, negative, margin=1.0, p=2, eps=1e-6, swap=False):
    def distance(a, b):
        return (np.abs(a - b + eps) ** p).sum(-1) ** (1 / p)

    far = distance(anchor, negative)
    far = np.minimum(far, distance(positive, negative)) if swap else far
    return np.maximum(0, margin + distance(anchor, positive) - far)


LOSSES = [
    case(
        "mse_loss", ops.mse_loss, loss(lambda x, t: (x - t) ** 2), EACH, gives="float",
        kinks=[
            at([1.0], [1.0], y=0, grads=([0], [0]), second=[2]),
            at(np.ones((0, 2)), np.ones((0, 2)), y=nan, grads=(np.ones((0, 2)),) * 2),
        ],
    ),
    case(
        "l1_loss", ops.l1_loss, loss(lambda x, t: np.abs(x - t)), EACH, apart, apart,
        gives="float",
        kinks=[at([1.0, 2.0], [1.0, 0.0], y=1, grads=([0, 0.5], [0, -0.5]), second=[0, 0])],
    ),
    case(
        "huber_loss", ops.huber_loss, loss(huber),
        [*EACH, *[run((2, 3), (2, 3), delta=d) for d in (0.3, 2.0)]],
        gives="float",
        kinks=[
            at([-1.0, -0.5, 0.0, 0.25, 0.5, 1.0], np.zeros(6), delta=0.5, reduction="none",
               y=[0.375, 0.125, 0, 0.03125, 0.125, 0.375],
               grads=([-0.5, -0.5, 0, 0.25, 0.5, 0.5], [0.5, 0.5, 0, -0.25, -0.5, -0.5]),
               second=[0, 0, 1, 1, 0, 0]),
            at([1e8, -1e-8], [0.0, 0.0], reduction="none", y=[1e8 - 0.5, 0.5e-16],
               grads=([1, -1e-8], [-1, 1e-8]), second=[0, 1]),
            at(np.ones((0, 2)), np.ones((0, 2)), y=nan, grads=(np.ones((0, 2)),) * 2),
        ],
    ),
    case(
        "smooth_l1_loss", ops.smooth_l1_loss, loss(smooth_l1),
        [*EACH, *[run((2, 3), (2, 3), beta=b) for b in (0, 0.3, 2.0)]],
        gives="float",
        kinks=[
            at([-1.0, -0.5, 0.0, 0.25, 0.5, 1.0], np.zeros(6), beta=0.5, reduction="none",
               y=[0.75, 0.25, 0, 0.0625, 0.25, 0.75],
               grads=([-1, -1, 0, 0.5, 1, 1], [1, 1, 0, -0.5, -1, -1]), second=[0, 0, 2, 2, 0, 0]),
            at([1.0, 2.0], [1.0, 0.0], beta=0, y=1, grads=([0, 0.5], [0, -0.5]), second=[0, 0]),
        ],
    ),
    case(
        "cross_entropy", weighted(ops.cross_entropy), of_classes,
        [*CLASSES, *[run((4, 4), (4,), **options) for options in OPTIONS + SMOOTH],
         run((2, 4, 2), (2, 2), **SMOOTH[1]), run((2, 4, 2), (2, 2), **OPTIONS[0]),
         run((4,), (), label_smoothing=0.2, reduction="none")],
        normal, below(3),
        kinks=[
            at([[1e4, -1e4], [80.0, -80.0]], [0, 1], reduction="none", y=[0, 160],
               grads=([[0, 0], [1, -1]],)),
            at([[5.0]], [0], y=0, grads=([[0]],), second=[[0]]),
            at(np.ones((0, 3)), np.ones(0, int), y=nan, grads=(np.ones((0, 3)),)),
            # what is masked out has no probability; what is ignored may hold anything
            at([[-inf, 0.0, 0.0]], [1], y=np.log(2), grads=([[0, -0.5, 0.5]],)),
            at([[0.0, 0.0], [nan, inf]], [1, -100], y=np.log(2), grads=([[0.5, -0.5], [0, 0]],)),
            at([[1.0, 2.0]], [-100], y=nan, grads=([[0, 0]],), second=[[0, 0]]),
            at([[1.0, 2.0]], [-100], reduction="sum", label_smoothing=0.5, y=0,
               grads=([[0, 0]],), second=[[0, 0]]),
            # the same under smoothing, and for a label of no weight
            at([[1e4, -1e4]], [0], label_smoothing=0.5, y=5e3, grads=([[0.25, -0.25]],)),
            at([[0.0, 0.0], [1.0, 9.0]], [0, 1], weight=[1.0, 0.0], y=np.log(2),
               grads=([[-0.5, 0.5], [0, 0]],)),
        ],
    ),
    case(
        "cross_entropy", weighted(ops.cross_entropy), of_probabilities,
        [*[run((3, 4), (3, 4), reduction=r) for r in REDUCTIONS],
         run((2, 3, 2), (2, 3, 2)), run((4,), (4,)), run((0, 3), (0, 3), reduction="sum"),
         *[run((2, 4), (2, 4), **options) for options in SMOOTH[:2]],
         run((2, 4, 2), (2, 4, 2), weight=WEIGHT, reduction="none")],
        normal, unit, linear=(1,),
        kinks=[
            at([[1e4, -1e4], [-1e4, 1e4]], [[1.0, 0.0], [1.0, 0.0]], reduction="none", y=[0, 2e4],
               grads=([[0, 0], [-1, 1]], [[0, 2e4], [2e4, 0]])),
        ],
    ),
    case(
        "nll_loss", weighted(ops.nll_loss), negative_log_likelihood,
        [*CLASSES, *[run((4, 4), (4,), **options) for options in OPTIONS],
         run((2, 4, 2), (2, 2), **OPTIONS[0])],
        normal, below(3), linear=(0,), gives="float",
        kinks=[
            at([[-1.0, -2.0], [nan, -inf]], [1, -100], y=2, grads=([[0, -1], [0, 0]],)),
            at([[-1.0, -2.0]], [-100], y=nan, grads=([[0, 0]],)),
            at([[-1.0, -2.0]], [-100], reduction="sum", y=0, grads=([[0, 0]],)),
            at([-1.0, -2.0], 1, y=2, grads=([0, -1],)),
        ],
    ),
    case(
        "binary_cross_entropy", within_domain(weighted(ops.binary_cross_entropy)),
        loss(bernoulli),
        [*EACH, run((2, 3), (2, 3), weight=[0.5, 2.0, 1.0])], unit, unit, linear=(1,),
        # logs are kept above -100, also in the target's gradient (PyTorch's is infinite there)
        kinks=[
            at([0.0, 1.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0], reduction="none", y=[0, 0, 100, 100],
               grads=([0, 0, -1e12, 1e12], [100, -100, 100, -100])),
        ],
    ),
    case(
        "binary_cross_entropy_with_logits", weighted(ops.binary_cross_entropy_with_logits),
        loss(lambda x, t, **weights: bernoulli(1 / (1 + np.exp(-x)), t, **weights)),
        [*EACH, run((2, 3), (2, 3), weight=[[0.5], [2.0]], reduction="sum"),
         run((2, 3), (2, 3), pos_weight=[0.5, 2.0, 3.0], weight=2.0)],
        normal, unit, linear=(1,),
        kinks=[
            at([1e4, -1e4, 1e4, 80.0], [0.0, 1.0, 1.0, 1.0], reduction="none", y=[1e4, 1e4, 0, 0],
               grads=([1, -1, 0, 0], [-1e4, 1e4, -1e4, -80]), second=[0, 0, 0, 0]),
            at([1e4, -1e4, 1e4, -1e4], [0.0, 1.0, 1.0, 0.0], reduction="none", pos_weight=3.0,
               y=[1e4, 3e4, 0, 0], grads=([1, -3, 0, 0], [-1e4, 3e4, -1e4, 3e4])),
            at([0.0, -0.0], [0.0, 1.0], y=np.log(2), grads=([0.25, -0.25], [0, 0]),
               second=[0.125, 0.125]),
            at(np.ones((0, 2)), np.ones((0, 2)), y=nan, grads=(np.ones((0, 2)),) * 2),
        ],
    ),
    case(
        "kl_div", ops.kl_div, divergence,
        [*EACH, run((2, 3), (2, 3), reduction="batchmean"), run((), (), reduction="batchmean"),
         run((2, 3), (2, 3), log_target=True),
         run((2, 1, 2), (2, 1, 2), log_target=True, reduction="batchmean")],
        normal, unit, linear=(0,), gives="float",
        kinks=[
            # 0·log 0 is 0, whatever x is (PyTorch: nan from -inf, and for the target's gradient)
            at([-1.0, -inf, -2.0], [0.0, 0.0, 1.0], reduction="sum", y=2,
               grads=([0, 0, -1], [0, 0, 3]), second=[0, 0, 0]),
            at([-1.0, -inf, -2.0], [-inf, -inf, 0.0], reduction="sum", log_target=True, y=2,
               grads=([0, 0, -1], [0, 0, 3]), second=[0, 0, 0]),
        ],
    ),
    case(
        "gaussian_nll_loss", within_domain(ops.gaussian_nll_loss), loss(gaussian),
        [*[run((2, 3), (2, 3), (2, 3), reduction=r, full=r != "mean") for r in REDUCTIONS],
         run((2, 3), (2, 3), (2,)), run((2, 3), (2, 3), (2, 1)), run((2, 2), (2, 2), (1, 2)),
         run((), (), ()), run((0, 3), (0, 3), (0, 3), reduction="sum")],
        normal, normal, positive, gives="float",
        kinks=[
            # below eps the value is that at eps, and so is the gradient
            at([1.0, 2.0], [1.0, 2.5], [0.0, 1e-9], reduction="none", eps=0.25,
               y=[0.5 * np.log(0.25), 0.5 * np.log(0.25) + 0.5],
               grads=([0, -2], [0, 2], [2, 0]), second=[4, 4]),
        ],
    ),
    case(
        "triplet_margin_loss", ops.triplet_margin_loss, loss(triplet),
        [*[run((2, 3), (2, 3), (2, 3), reduction=r, margin=4.0) for r in REDUCTIONS],
         run((3, 2), (3, 2), (3, 2), swap=True), run((2,), (2,), (2,), p=1, margin=9),
         run((2, 2, 2), (2, 2, 2), (2, 2, 2), p=3, margin=5),
         run((0, 3), (0, 3), (0, 3), reduction="sum")],
        gives="float",
        kinks=[
            at([0.0, 0.0], [3.0, 4.0], [0.0, 6.0], eps=0.0, y=0,
               grads=([-0.6, 0.2], [0.6, 0.8], [0, -1])),
            at([0.0, 0.0], [0.0, 0.0], [0.0, 0.0], eps=0.0, y=1,
               grads=([0, 0], [0, 0], [0, 0]), second=[0, 0]),
            at([[0.0, 3.0]], [[0.0, 3.0]], [[0.0, 5.0]], eps=0.0, y=0,
               grads=([[0, 0]], [[0, 0]], [[0, 0]])),
        ],
    ),
]  # fmt: skip
