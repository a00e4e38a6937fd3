"""The loss of BYOL: predict the target network's view of the same picture.

    L = 1/N Σ_n ‖ p_n/‖p_n‖ - t_n/‖t_n‖ ‖² = 1/N Σ_n (2 - 2 cos(p_n, t_n))

where p is the online network's prediction and t the target network's output. No gradient goes into
t ("stop gradient"): it is a constant.

Shapes: prediction p (N, D), target t (N, D), L one number.

Derive: dprediction (N, D) from dout, a single number. Use the form with the cosine and the
derivative of a unit vector: ∂(p/‖p‖)/∂p = (I - p̂ p̂ᵀ) / ‖p‖ with p̂ = p/‖p‖.
Think of: what happens if p̂ = t̂, and if p̂ = -t̂? Both are stationary points; only one is a
minimum.

Course item: S-07.
Source: Grill et al., "Bootstrap your own latent", NeurIPS 2020.

Fill in byol_loss_backward, then: minigen gradcheck --exercise byol_loss
"""

import numpy as np

POINTS = 2
WRT = ("prediction",)


def byol_loss_forward(prediction, target):
    """prediction (N, D), target (N, D) -> one number.

    The cache is both as unit vectors, and the lengths (N, 1) of the predictions.
    """
    length = np.linalg.norm(prediction, axis=1, keepdims=True)
    p = prediction / length
    t = target / np.linalg.norm(target, axis=1, keepdims=True)
    return np.sum((p - t) ** 2) / len(p), (p, t, length)


def byol_loss_backward(dout, cache):
    """dout, one number -> dprediction (N, D); the target is a constant."""
    raise NotImplementedError


def byol_loss_inputs(seed):
    """prediction, target of a small case."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 5)), rng.normal(size=(4, 5))
