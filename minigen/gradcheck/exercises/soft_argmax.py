"""Soft argmax: the place of an attention map's mass, as a differentiable position.

    a_nhw = e^(s_nhw) / Σ over the whole map of e^s,
    y_n = ( Σ_hw a_nhw X_w,  Σ_hw a_nhw Y_h )

with coordinates X_w = -1 ... 1 over the W columns and Y_h = -1 ... 1 over the H rows: the mean
position under a softmax over space.

Shapes: scores s (N, H, W), y (N, 2) with x before y.

Derive: dscores (N, H, W) from dout (N, 2). First the gradient of a: at each pixel a scalar product
of dout with that pixel's coordinates. Then through the softmax, as in the exercise softmax, whose
sum now runs over both axes of the map.
Think of: the result has the form a_hw (c_hw - c̄): a pixel is raised if it lies further along dout
than the present mean position.

Course item: T-02.
Source: Levine, Finn, Darrell, Abbeel, "End-to-end training of deep visuomotor policies", JMLR 2016.

Fill in soft_argmax_backward, then: minigen gradcheck --exercise soft_argmax
"""

import numpy as np

POINTS = 3
WRT = ("scores",)


def soft_argmax_forward(scores):
    """scores (N, H, W) -> y (N, 2). The cache is a, X (W,) and Y (H,)."""
    _, h, w = scores.shape
    e = np.exp(scores - scores.max(axis=(1, 2), keepdims=True))
    a = e / e.sum(axis=(1, 2), keepdims=True)
    x, y = np.linspace(-1, 1, w), np.linspace(-1, 1, h)
    position = np.stack([np.einsum("nhw,w->n", a, x), np.einsum("nhw,h->n", a, y)], axis=1)
    return position, (a, x, y)


def soft_argmax_backward(dout, cache):
    """dout (N, 2) -> dscores (N, H, W)."""
    raise NotImplementedError


def soft_argmax_inputs(seed):
    """scores of a small case."""
    return (np.random.default_rng(seed).normal(size=(2, 3, 4)),)
