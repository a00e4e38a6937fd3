"""The reparameterisation trick: a random number as a function of its distribution's parameters.

    z = μ + e^(ℓ/2) ε,    ε from N(0, 1),    so that z is from N(μ, e^ℓ): ℓ is log σ²

Shapes: mu, log_variance, noise ε (N, D), z (N, D).

Derive: dmu and dlog_variance from dout (N, D); the noise is a constant. This is the whole trick:
the dice are thrown outside, and what is left is an ordinary function with ordinary derivatives.
Think of: log_variance is twice the logarithm of the standard deviation. Where does the 2 go?

Course item: V-02.
Source: Kingma, Welling, "Auto-encoding variational Bayes", ICLR 2014.

Fill in reparameterise_backward, then: minigen gradcheck --exercise reparameterise
"""

import numpy as np

POINTS = 1
WRT = ("mu", "log_variance")


def reparameterise_forward(mu, log_variance, noise):
    """mu, log_variance, noise (N, D) -> z (N, D). The cache is σ and the noise."""
    sigma = np.exp(0.5 * log_variance)
    return mu + sigma * noise, (sigma, noise)


def reparameterise_backward(dout, cache):
    """dout (N, D) -> dmu (N, D), dlog_variance (N, D); the noise is a constant."""
    raise NotImplementedError


def reparameterise_inputs(seed):
    """mu, log_variance, noise of a small case."""
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=(3, 4)) for _ in range(3))
