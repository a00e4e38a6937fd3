"""Linear layer: every output is a weighted sum of all inputs.

    y = x W + b,    y_nm = Σ_d x_nd W_dm + b_m

Shapes: x (N, D), W (D, M), b (M,), y (N, M); row n is one example of the batch.

Derive: dx, dW and db, which are Σ over all y_nm of dout_nm ∂y_nm/∂(entry), from the upstream
gradient dout (N, M) = ∂L/∂y. Write the sums with indices first, then read them as products of
matrices; the shapes leave little choice.
Think of: b is added to every row. What does an array that was broadcast collect on the way back?

Course item: A-01.
Source: Rumelhart, Hinton, Williams, "Learning representations by back-propagating errors", 1986.

Fill in linear_backward, then: minigen gradcheck --exercise linear
"""

import numpy as np

POINTS = 1
WRT = ("x", "w", "b")


def linear_forward(x, w, b):
    """x (N, D), w (D, M), b (M,) -> y (N, M)."""
    y = x @ w + b
    return y, (x, w)


def linear_backward(dout, cache):
    """dout (N, M) -> dx (N, D), dw (D, M), db (M,)."""
    raise NotImplementedError


def linear_inputs(seed):
    """x, w, b of a small case."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 5)), rng.normal(size=(5, 3)), rng.normal(size=3)
