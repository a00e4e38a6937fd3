"""Differences of almost equal numbers: 1 - cos, log1p, expm1, a residual of a good fit."""

import numpy as np


def cosine_inputs(seed):
    return 1e-3 * np.random.default_rng(seed).normal(size=(2, 4))


def cosine_forward(x):
    return 1 - np.cos(x), x


def cosine_backward(dout, x):
    return dout * np.sin(x)


def naive_variance_inputs(seed):
    return 1e3 + np.random.default_rng([seed, 1]).normal(size=(5, 2))


def naive_variance_forward(x):
    return (x**2).mean(axis=0) - x.mean(axis=0) ** 2, x


def naive_variance_backward(dout, x):
    return 2 * dout * (x - x.mean(axis=0)) / len(x)
