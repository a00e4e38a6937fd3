"""Batch normalisation, CS231n's way: a dict of parameters with the mode and running averages."""

import numpy as np


def batchnorm_inputs(seed):
    rng = np.random.default_rng(seed)
    x = 2 * rng.normal(size=(5, 3)) + 1
    state = {"mode": "train", "running_mean": np.zeros(3), "running_var": np.ones(3)}
    return x, rng.normal(size=3), rng.normal(size=3), state


def batchnorm_forward(x, gamma, beta, bn_param):
    eps = bn_param.get("eps", 1e-5)
    if bn_param["mode"] == "train":
        mean = x.mean(axis=0)
        var = x.var(axis=0)
        bn_param["running_mean"] = 0.9 * bn_param["running_mean"] + 0.1 * mean
        bn_param["running_var"] = 0.9 * bn_param["running_var"] + 0.1 * var
    else:
        mean, var = bn_param["running_mean"], bn_param["running_var"]
    inv = 1 / np.sqrt(var + eps)
    xhat = (x - mean) * inv
    return gamma * xhat + beta, (xhat, inv, gamma, bn_param["mode"])


def batchnorm_backward(dout, cache):
    xhat, inv, gamma, mode = cache
    dbeta = dout.sum(axis=0)
    dgamma = (dout * xhat).sum(axis=0)
    dxhat = dout * gamma
    if mode != "train":
        return dxhat * inv, dgamma, dbeta
    dx = inv * (dxhat - dxhat.mean(axis=0) - xhat * (dxhat * xhat).mean(axis=0))
    return dx, dgamma, dbeta
