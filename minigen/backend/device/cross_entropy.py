"""Cross-entropy on a device; see kernels/cross_entropy.cu.

Idea: the kernels take targets, class weights, smoothing and the index that is ignored as they are:
nothing is worked out beforehand, and the host never waits. The gradient, which the CPU keeps, is
made in backward from the logits.
Read next: ../../ops/cross_entropy.py.
"""

import math

from minigen.backend.kernels import launch
from minigen.kernels.entry import accumulator
from minigen.kernels.softmax import team_for


def cross_entropy(x, target, weight, ignore_index, label_smoothing):
    """(losses, what each counts in a mean, pull).

    x (N, C, ...) floats; target classes (N, ...), or probabilities of x's shape and dtype; weight
    (C,) or None. losses and counts (N, L), in the dtype that the kernels compute in.
    pull(g, count) -> the gradient of x: g (1,) for all, or (N·L,); count (1,), which divides it
    unless 0, or None.
    """
    sizes = (x.shape[0], x.shape[1], math.prod(x.shape[2:]))
    logits, wide = x.reshape(sizes), accumulator(x.dtype.name)
    if target.dtype.kind in "fV":
        targets, dense = (None, target.reshape(sizes)), True
    else:
        classes = target.astype("int64", copy=False).reshape(sizes[0], sizes[2])
        targets, dense = (classes, None), label_smoothing > 0
    weight = None if weight is None else weight.astype(wide, copy=False)
    options = dict(
        dense=dense,
        team=team_for(sizes[1], sizes[2]),
        ignore_index=ignore_index,
        smoothing=label_smoothing,
    )
    losses, counted, top, scale = launch(
        "cross_entropy_forward", logits, *targets, weight, **options
    )

    def pull(g, count):
        g, rest = g.astype(wide, copy=False), (logits, *targets, weight, top, scale)
        return launch("cross_entropy_backward", g, count, *rest, **options).reshape(x.shape)

    return losses, counted, pull
