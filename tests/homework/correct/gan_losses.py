"""Losses of GANs: non-saturating, least squares, hinge, each for the discriminator's logits."""

import numpy as np


def make_inputs(seed):
    rng = np.random.default_rng(seed)
    return 2 * rng.normal(size=(5, 1)), 2 * rng.normal(size=(5, 1))


def disc_forward(real, fake):
    loss = np.logaddexp(0, -real).mean() + np.logaddexp(0, fake).mean()
    return loss, (real, fake)


def disc_backward(dout, cache):
    real, fake = cache
    dreal = -dout / (1 + np.exp(real)) / len(real)
    dfake = dout / (1 + np.exp(-fake)) / len(fake)
    return dreal, dfake


def gen_inputs(seed):
    return np.random.default_rng([seed, 1]).normal(size=(6, 1))


def gen_forward(fake):
    return np.logaddexp(0, -fake).mean()


def gen_backward(dout, fake):
    return -dout / (1 + np.exp(fake)) / len(fake)


def lsgan_forward(real, fake):
    return 0.5 * ((real - 1) ** 2).mean() + 0.5 * (fake**2).mean()


def lsgan_backward(dout, real, fake):
    return dout * (real - 1) / len(real), dout * fake / len(fake)


def hinge_gan_forward(real, fake):
    return np.maximum(0, 1 - real).mean() + np.maximum(0, 1 + fake).mean()


def hinge_gan_backward(dout, real, fake):
    dreal = -dout * (real < 1) / len(real)
    dfake = dout * (fake > -1) / len(fake)
    return dreal, dfake
