"""The cached, normalised input used as a scratch pad at the end."""

import numpy as np


def norm_inputs(seed):
    return np.random.default_rng(seed).normal(size=(4, 3))


def norm_forward(x):
    std = x.std(axis=0)
    xhat = (x - x.mean(axis=0)) / std
    return xhat.copy(), (xhat, std)


def norm_backward(dout, cache):
    xhat, std = cache
    along = (dout * xhat).mean(axis=0)
    np.multiply(xhat, along, out=xhat)
    return (dout - dout.mean(axis=0) - xhat) / std
