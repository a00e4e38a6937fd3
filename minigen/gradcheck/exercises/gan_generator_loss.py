"""The generator's loss in a GAN, non-saturating and saturating.

    L = -1/N Σ_n log D_n    (non-saturating),    S = 1/N Σ_n log(1 - D_n)    (saturating, of 2014),
    D_n = σ(f_n) = 1 / (1 + e^(-f_n))

where f_n is the discriminator's score (logit) of the generator's n-th picture.

Shapes: f (N,), two outputs L and S, each one number.

Derive: df (N,) from the upstream gradients dloss and dsaturating of both outputs. Write log σ(f)
and log(1 - σ(f)) = log σ(-f) with log(1 + e^...) first; both derivatives are short in D.
Think of: early in training pictures are poor and D is near 0. What are the two derivatives there?
This is why nobody trains with S.

Course item: G-01.
Source: Goodfellow et al., "Generative adversarial nets", NIPS 2014, section 3.

Fill in gan_generator_loss_backward, then: minigen gradcheck --exercise gan_generator_loss
"""

import numpy as np

POINTS = 2
WRT = ("f",)


def gan_generator_loss_forward(f):
    """f (N,) -> (L, S), each one number. The cache is f."""
    loss = np.logaddexp(0, -f).mean()
    saturating = -np.logaddexp(0, f).mean()
    return (loss, saturating), f


def gan_generator_loss_backward(dloss, dsaturating, cache):
    """dloss, dsaturating, one number each -> df (N,)."""
    raise NotImplementedError


def gan_generator_loss_inputs(seed):
    """f of a small case: a discriminator that is winning."""
    return (np.random.default_rng(seed).normal(-2, 2, size=6),)
