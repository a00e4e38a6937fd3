"""Loss of a sparse auto-encoder: reconstruct, with few active units.

    L = 1/N Σ_n ( Σ_d (x̂_nd - x_nd)² + λ Σ_k |z_nk| ),    λ = 0.5

Shapes: code z (N, K), prediction x̂ (N, D), target x (N, D), L one number.

Derive: dz and dprediction from dout, a single number; the target is data.
Think of: |z| has a kink at 0, and codes sit exactly there: some of the inputs do. Every number
between the one-sided slopes -1 and 1 is a subgradient; which does np.sign give? Note how the pull
towards 0 has the same strength wherever z is: that is what makes codes exactly sparse, where a
penalty z² only makes them small.

Course item: A-09.
Source: Olshausen, Field, "Emergence of simple-cell receptive field properties by learning a sparse
code for natural images", Nature 1996.

Fill in sparse_code_loss_backward, then: minigen gradcheck --exercise sparse_code_loss
"""

import numpy as np

POINTS = 2
WRT = ("z", "prediction")
WEIGHT = 0.5


def sparse_code_loss_forward(z, prediction, target):
    """z (N, K), prediction (N, D), target (N, D) -> one number."""
    difference = prediction - target
    loss = (np.sum(difference**2) + WEIGHT * np.sum(np.abs(z))) / len(z)
    return loss, (z, difference)


def sparse_code_loss_backward(dout, cache):
    """dout, one number -> dz (N, K), dprediction (N, D); the target is data."""
    raise NotImplementedError


def sparse_code_loss_inputs(seed):
    """z, prediction, target of a small case; two entries of z are 0."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(4, 3))
    z[0, 1] = z[2, 2] = 0
    return z, rng.normal(size=(4, 5)), rng.normal(size=(4, 5))
