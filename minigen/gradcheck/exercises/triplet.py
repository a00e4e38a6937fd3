"""Triplet loss: an anchor shall be nearer to a positive than to a negative, by a margin.

    L = 1/N Σ_n max(0, ‖a_n - p_n‖² - ‖a_n - m_n‖² + 1)

Shapes: anchor a, positive p, negative m (N, D), L one number.

Derive: da, dp, dm from dout, a single number. Triplets that keep the margin give nothing: sort them
out first. In the others two squares are left, and the terms with a² cancel: da is simpler than it
looks.
Think of: moving all three vectors by the same amount changes no distance. What do da, dp and dm
sum to?

Course item: C-09, S-16.
Source: Schroff, Kalenichenko, Philbin, "FaceNet", CVPR 2015.

Fill in triplet_backward, then: minigen gradcheck --exercise triplet
"""

import numpy as np

POINTS = 2
WRT = ("anchor", "positive", "negative")
MARGIN = 1.0


def triplet_forward(anchor, positive, negative):
    """anchor, positive, negative (N, D) -> one number. The cache also has the excess (N,)."""
    near = np.sum((anchor - positive) ** 2, axis=1)
    far = np.sum((anchor - negative) ** 2, axis=1)
    excess = near - far + MARGIN
    return np.maximum(excess, 0).mean(), (anchor, positive, negative, excess)


def triplet_backward(dout, cache):
    """dout, one number -> danchor, dpositive, dnegative (N, D)."""
    raise NotImplementedError


def triplet_inputs(seed):
    """anchor, positive, negative of a small case; at least two triplets of six keep the margin."""
    rng = np.random.default_rng(seed)
    anchor = rng.normal(size=(6, 4))
    positive, negative = (anchor + rng.normal(0, 0.5, size=(6, 4)) for _ in range(2))
    negative[:2] += 5
    return anchor, positive, negative
