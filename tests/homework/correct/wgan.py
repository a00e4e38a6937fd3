"""Wasserstein GAN: a critic of two layers with its loss, and a gradient penalty."""

import numpy as np


def wgan_inputs(seed):
    rng = np.random.default_rng([seed, 1])
    sizes = ((3, 2), (3, 2), (2, 4), (4, 1))
    return tuple(rng.normal(size=s) for s in sizes)


def wgan_forward(real, fake, W1, W2):
    hr, hf = np.tanh(real @ W1), np.tanh(fake @ W1)
    loss = (hf @ W2).mean() - (hr @ W2).mean()
    return loss, (real, fake, W1, W2, hr, hf)


def wgan_backward(dout, cache):
    real, fake, W1, W2, hr, hf = cache
    sr = np.full((len(real), 1), -dout / len(real))
    sf = np.full((len(fake), 1), dout / len(fake))
    dW2 = hr.T @ sr + hf.T @ sf
    dar = sr @ W2.T * (1 - hr**2)
    daf = sf @ W2.T * (1 - hf**2)
    dW1 = real.T @ dar + fake.T @ daf
    return dar @ W1.T, daf @ W1.T, dW1, dW2


def penalty_inputs(seed):
    return np.random.default_rng([seed, 2]).normal(size=(4, 3)), 10.0


def penalty_forward(grad, lam):
    norm = np.sqrt((grad**2).sum(1))
    return lam * np.mean((norm - 1) ** 2), (grad, norm)


def penalty_backward(dout, cache, lam):
    grad, norm = cache
    dnorm = 2 * lam * dout * (norm - 1) / len(norm)
    return (dnorm / norm)[:, None] * grad
