"""The loss of a reward model: of two answers the preferred one shall score higher.

    L = -1/N Σ_n log σ(w_n - l_n),    σ(s) = 1 / (1 + e^(-s))

the negative log-likelihood of the Bradley-Terry law P(w is preferred to l) = σ(w - l).

Shapes: preferred w (N,), rejected l (N,), L one number.

Derive: dpreferred and drejected from dout, a single number. Only the difference matters, so one
derivative is enough: which?
Think of: a pair that is already in the right order by far gives nearly nothing, one that is wrong
by far gives nearly ±1/N.

Course item: W-09.
Source: Christiano et al., "Deep reinforcement learning from human preferences", NIPS 2017.

Fill in reward_loss_backward, then: minigen gradcheck --exercise reward_loss
"""

import numpy as np

POINTS = 1
WRT = ("preferred", "rejected")


def reward_loss_forward(preferred, rejected):
    """preferred (N,), rejected (N,) -> one number. The cache is their difference."""
    difference = preferred - rejected
    return np.logaddexp(0, -difference).mean(), difference


def reward_loss_backward(dout, cache):
    """dout, one number -> dpreferred (N,), drejected (N,)."""
    raise NotImplementedError


def reward_loss_inputs(seed):
    """preferred, rejected of a small case."""
    rng = np.random.default_rng(seed)
    return rng.normal(1, 1, size=5), rng.normal(size=5)
