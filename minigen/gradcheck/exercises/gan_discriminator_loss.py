"""The discriminator's loss in a GAN: real pictures up, made ones down.

    L = -1/N Σ_n log σ(r_n) - 1/M Σ_m log(1 - σ(f_m)),    σ(s) = 1 / (1 + e^(-s))

where r are its scores (logits) of N real pictures, f those of M made ones.

Shapes: real r (N,), fake f (M,), L one number; N and M may differ.

Derive: dreal and dfake from dout, a single number. It is a binary cross-entropy with label 1 for
real and 0 for made pictures; use log(1 - σ(s)) = log σ(-s).
Think of: two means over two numbers of pictures. Which sign has each gradient, and why?

Course item: G-01.
Source: Goodfellow et al., "Generative adversarial nets", NIPS 2014.

Fill in gan_discriminator_loss_backward, then: minigen gradcheck --exercise gan_discriminator_loss
"""

import numpy as np

POINTS = 2
WRT = ("real", "fake")


def gan_discriminator_loss_forward(real, fake):
    """real (N,), fake (M,) -> one number."""
    loss = np.logaddexp(0, -real).mean() + np.logaddexp(0, fake).mean()
    return loss, (real, fake)


def gan_discriminator_loss_backward(dout, cache):
    """dout, one number -> dreal (N,), dfake (M,)."""
    raise NotImplementedError


def gan_discriminator_loss_inputs(seed):
    """real, fake of a small case."""
    rng = np.random.default_rng(seed)
    return rng.normal(1, 1, size=5), rng.normal(-1, 1, size=4)
