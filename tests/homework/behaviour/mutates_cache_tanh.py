"""Saves memory: 1 - out² computed in out."""

import numpy as np


def tanh_inputs(seed):
    return np.random.default_rng(seed).normal(size=(3, 4))


def tanh_forward(x):
    out = np.tanh(x)
    return out.copy(), {"out": out}


def tanh_backward(dout, cache):
    slope = cache["out"]
    slope *= -slope
    slope += 1
    return dout * slope
