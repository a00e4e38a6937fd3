"""Mean squared error, the loss of a plain auto-encoder.

    L = 1/(N D) Σ_nd (x̂_nd - x_nd)²

Shapes: prediction x̂ (N, D), target x (N, D), L one number.

Derive: dprediction and dtarget from dout, a single number. (Where the target is data nobody needs
its gradient; where it is another network's output, somebody does.)
Think of: how many numbers is the mean taken over? And what do the two gradients sum to?

Course item: A-01.
Source: Hinton, Salakhutdinov, "Reducing the dimensionality of data with neural networks", 2006.

Fill in mse_backward, then: minigen gradcheck --exercise mse
"""

import numpy as np

POINTS = 1
WRT = ("prediction", "target")


def mse_forward(prediction, target):
    """prediction (N, D), target (N, D) -> one number. The cache is their difference."""
    difference = prediction - target
    return np.mean(difference**2), difference


def mse_backward(dout, cache):
    """dout, one number -> dprediction (N, D), dtarget (N, D)."""
    raise NotImplementedError


def mse_inputs(seed):
    """prediction, target of a small case."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 5)), rng.normal(size=(4, 5))
