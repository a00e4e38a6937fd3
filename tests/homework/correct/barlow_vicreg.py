"""Barlow Twins' cross-correlation and VICReg's variance term."""

import numpy as np


def barlow_inputs(seed):
    rng = np.random.default_rng([seed, 1])
    return rng.normal(size=(5, 3)), rng.normal(size=(5, 3))


def standard(z):
    std = z.std(0)
    return (z - z.mean(0)) / std, std


def barlow_forward(za, zb, lam=0.1):
    a, sa = standard(za)
    b, sb = standard(zb)
    c = a.T @ b / len(a)
    diff = c - np.eye(c.shape[0])
    weight = np.full(c.shape, lam)
    np.fill_diagonal(weight, 1.0)
    return (weight * diff**2).sum(), (a, sa, b, sb, weight * diff)


def barlow_backward(dout, cache):
    a, sa, b, sb, wd = cache
    dc = 2 * dout * wd
    da = b @ dc.T / len(a)
    db = a @ dc / len(a)
    dza = (da - da.mean(0) - a * (da * a).mean(0)) / sa
    dzb = (db - db.mean(0) - b * (db * b).mean(0)) / sb
    return dza, dzb


def variance_inputs(seed):
    return (0.8 * np.random.default_rng([seed, 2]).normal(size=(6, 4)),)


def variance_forward(z):
    centred = z - z.mean(axis=0)
    std = np.sqrt((centred**2).sum(axis=0) / (len(z) - 1) + 1e-4)
    return np.maximum(0, 1 - std).mean(), (centred, std)


def variance_backward(dout, cache):
    centred, std = cache
    n, d = centred.shape
    dstd = -dout * (std < 1) / d
    return dstd * centred / ((n - 1) * std)
