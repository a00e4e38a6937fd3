"""Binary cross-entropy from logits: the loss of pixels that are on or off.

    L = -1/N Σ_nd [t_nd log σ(x_nd) + (1 - t_nd) log(1 - σ(x_nd))],    σ(x) = 1 / (1 + e^(-x))

summed over the D pixels and averaged over the N examples. The forward computes the same thing as
max(x, 0) - x t + log(1 + e^(-|x|)), which never takes the logarithm of 0.

Shapes: x (N, D), t (N, D) with entries in [0, 1], L one number.

Derive: dx from dout, a single number; t is data. Use the first formula, with log σ(x) and
log(1 - σ(x)) = log σ(-x): the derivative of either is a sigmoid again, and no case distinction is
left. (Differentiating max and |x| piece by piece leads there, too.)
Think of: the mean is over N alone, not over N D.

Course item: V-02 (VAE), G-01.
Source: Kingma, Welling, "Auto-encoding variational Bayes", ICLR 2014, appendix C.1.

Fill in bce_with_logits_backward, then: minigen gradcheck --exercise bce_with_logits
"""

import numpy as np

POINTS = 2
WRT = ("x",)


def bce_with_logits_forward(x, t):
    """x (N, D), t (N, D) in [0, 1] -> one number."""
    each = np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x)))
    return each.sum() / len(x), (x, t)


def bce_with_logits_backward(dout, cache):
    """dout, one number -> dx (N, D); t is data, without a gradient."""
    raise NotImplementedError


def bce_with_logits_inputs(seed):
    """x, t of a small case."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, 2, size=(4, 5)), rng.uniform(0, 1, size=(4, 5))
