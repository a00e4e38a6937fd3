"""BYOL's loss: squared distance of unit vectors, gradient to the online branch only."""

import numpy as np

WRT = ("online",)


def byol_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 3)), rng.normal(size=(4, 3))


def byol_forward(online, target):
    norm = np.sqrt((online**2).sum(1, keepdims=True))
    p = online / norm
    t = target / np.sqrt((target**2).sum(1, keepdims=True))
    return ((p - t) ** 2).sum(1).mean(), (p, t, norm)


def byol_backward(dout, cache):
    p, t, norm = cache
    dp = 2 * dout * (p - t) / len(p)
    return (dp - p * np.sum(dp * p, axis=1, keepdims=True)) / norm
