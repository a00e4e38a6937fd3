"""Everything in one dict: weights, running averages and the mode, in evaluation."""

import numpy as np


def norm_inputs(seed):
    rng = np.random.default_rng(seed)
    layer = {
        "gamma": rng.uniform(0.5, 2, size=3),
        "beta": rng.normal(size=3),
        "running_mean": rng.normal(size=3),
        "running_var": rng.uniform(0.5, 2, size=3),
    }
    return rng.normal(size=(4, 3)), layer, False


def norm_forward(x, layer, training):
    if training:
        mean, var = x.mean(axis=0), x.var(axis=0)
        layer["running_mean"] = 0.9 * layer["running_mean"] + 0.1 * mean
        layer["running_var"] = 0.9 * layer["running_var"] + 0.1 * var
    else:
        mean, var = layer["running_mean"], layer["running_var"]
    std = np.sqrt(var + 1e-5)
    xhat = (x - mean) / std
    return layer["gamma"] * xhat + layer["beta"], (xhat, std, layer["gamma"], training)


def norm_backward(dout, cache):
    xhat, std, gamma, training = cache
    grads = {"gamma": (dout * xhat).sum(axis=0), "beta": dout.sum(axis=0)}
    d = dout * gamma
    if training:
        d = d - d.mean(axis=0) - xhat * (d * xhat).mean(axis=0)
    return d / std, grads
