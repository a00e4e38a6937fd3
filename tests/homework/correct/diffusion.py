"""Diffusion: noising, the epsilon loss with a signal-to-noise weight, and one denoising step."""

import numpy as np


def noising_inputs(seed):
    rng = np.random.default_rng([seed, 1])
    return rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), np.array([0.9, 0.5, 0.1])


def noising_forward(x0, eps, alpha_bar):
    a, s = np.sqrt(alpha_bar), np.sqrt(1 - alpha_bar)
    return a[:, None] * x0 + s[:, None] * eps, (x0, eps, a, s)


def noising_backward(dout, cache):
    x0, eps, a, s = cache
    da = (dout * x0).sum(1)
    ds = (dout * eps).sum(1)
    dalpha = da / (2 * a) - ds / (2 * s)
    return dout * a[:, None], dout * s[:, None], dalpha


def denoise_inputs(seed):
    rng = np.random.default_rng([seed, 2])
    return rng.normal(size=(2, 3)), rng.normal(size=(2, 3)), 0.02, 0.4


def denoise_forward(xt, eps_hat, beta, alpha_bar):
    coef = beta / np.sqrt(1 - alpha_bar)
    return (xt - coef * eps_hat) / np.sqrt(1 - beta), (coef, beta)


def denoise_backward(dout, cache):
    coef, beta = cache
    dxt = dout / np.sqrt(1 - beta)
    return dxt, -coef * dxt
