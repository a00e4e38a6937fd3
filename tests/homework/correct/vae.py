"""The two terms of a VAE: KL of a diagonal Gaussian, and the reparameterised sample."""

import numpy as np


def kl_inputs(seed):
    rng = np.random.default_rng([seed, 1])
    return rng.normal(size=(4, 3)), rng.normal(size=(4, 3))


def kl_forward(mu, logvar):
    kl = -0.5 * np.sum(1 + logvar - mu**2 - np.exp(logvar)) / mu.shape[0]
    return kl, (mu, logvar)


def kl_backward(dout, cache):
    mu, logvar = cache
    N = mu.shape[0]
    dmu = dout * mu / N
    dlogvar = dout * -0.5 * (1 - np.exp(logvar)) / N
    return dmu, dlogvar


def reparam_inputs(seed):
    rng = np.random.default_rng([seed, 2])
    return rng.normal(size=(4, 3)), rng.normal(size=(4, 3)), rng.normal(size=(4, 3))


def reparam_forward(mu, logvar, eps):
    sigma = np.exp(0.5 * logvar)
    return mu + sigma * eps, (sigma, eps)


def reparam_backward(dout, cache):
    sigma, eps = cache
    dmu = dout * 1.0
    dlogvar = dout * 0.5 * sigma * eps
    deps = dout * sigma
    return dmu, dlogvar, deps
