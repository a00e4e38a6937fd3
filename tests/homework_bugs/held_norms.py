"""Normalisations, by other students."""

import numpy as np

KIND = {
    "batchnorm": "missing_term",        # mean and variance as constants
    "batchnorm_mean": "missing_term",   # the mean's part
    "batchnorm_sum": "factor",          # sums, not means, in one of the terms
    "batchnorm_gamma": "factor",        # gamma
    "batchnorm_axis": "wrong_axis",     # dgamma of a square batch
    "batchnorm_output": "input_vs_output",      # dgamma with out, not with xhat
    "batchnorm_unbiased": "factor",     # n - 1
    "batchnorm_float": "wrong_precision",
    "batchnorm_inplace": "mutates_cache",
    "layernorm": "missing_term",        # the variance's part
    "layernorm_eps": "small_error",     # std + eps, sqrt(var + eps)
    "layernorm_params": "wrong_axis",
    "instancenorm": "wrong_axis",       # batch norm's axes
    "groupnorm": "wrong_formula",       # all groups as one, as in layer norm
    "rmsnorm": "factor",                # 1 / d
    "standardise": "missing_broadcast_sum",     # the mean's part unsummed
    "pixelnorm": "sign",
}
EPS = 1e-5


def batch(seed):
    rng = np.random.default_rng(seed)
    return 1.5 * rng.normal(size=(4, 4)) + 0.5, rng.normal(size=4), rng.normal(size=4)


def normalise(x, axis):
    mean = x.mean(axis=axis, keepdims=True)
    std = np.sqrt(x.var(axis=axis, keepdims=True) + EPS)
    return (x - mean) / std, std


batchnorm_inputs = batch


def batchnorm_forward(x, gamma, beta):
    xhat, std = normalise(x, 0)
    return gamma * xhat + beta, (xhat, std, gamma)


def batchnorm_backward(dout, cache):
    xhat, std, gamma = cache
    return dout * gamma / std, (dout * xhat).sum(axis=0), dout.sum(axis=0)


batchnorm_mean_inputs = batch


def batchnorm_mean_forward(x, gamma, beta):
    return batchnorm_forward(x, gamma, beta)


def batchnorm_mean_backward(dout, cache):
    xhat, std, gamma = cache
    dgamma, dbeta = (dout * xhat).sum(axis=0), dout.sum(axis=0)
    dxhat = dout * gamma
    dvar = -0.5 * (dxhat * xhat).sum(axis=0) / std**2
    dx = dxhat / std + dvar * 2 * xhat * std / len(dout)
    return dx, dgamma, dbeta


batchnorm_sum_inputs = batch


def batchnorm_sum_forward(x, gamma, beta):
    return batchnorm_forward(x, gamma, beta)


def batchnorm_sum_backward(dout, cache):
    xhat, std, gamma = cache
    n = dout.shape[0]
    dgamma, dbeta = (dout * xhat).sum(axis=0), dout.sum(axis=0)
    dx = gamma / std * (dout - dbeta / n - xhat * dgamma)
    return dx, dgamma, dbeta


batchnorm_gamma_inputs = batch


def batchnorm_gamma_forward(x, gamma, beta):
    return batchnorm_forward(x, gamma, beta)


def batchnorm_gamma_backward(dout, cache):
    xhat, std, _ = cache
    dgamma, dbeta = (dout * xhat).sum(axis=0), dout.sum(axis=0)
    dx = (dout - dout.mean(axis=0) - xhat * (dout * xhat).mean(axis=0)) / std
    return dx, dgamma, dbeta


batchnorm_axis_inputs = batch


def batchnorm_axis_forward(x, gamma, beta):
    return batchnorm_forward(x, gamma, beta)


def batchnorm_axis_backward(dout, cache):
    xhat, std, gamma = cache
    dgamma, dbeta = np.sum(dout * xhat, axis=-1), np.sum(dout, axis=-1)
    d = dout * gamma
    dx = (d - d.mean(axis=0) - xhat * (d * xhat).mean(axis=0)) / std
    return dx, dgamma, dbeta


batchnorm_output_inputs = batch


def batchnorm_output_forward(x, gamma, beta):
    xhat, std = normalise(x, 0)
    out = gamma * xhat + beta
    return out, (out, xhat, std, gamma)


def batchnorm_output_backward(dout, cache):
    out, xhat, std, gamma = cache
    d = dout * gamma
    dx = (d - d.mean(axis=0) - xhat * (d * xhat).mean(axis=0)) / std
    return dx, (dout * out).sum(axis=0), dout.sum(axis=0)


batchnorm_unbiased_inputs = batch


def batchnorm_unbiased_forward(x, gamma, beta):
    return batchnorm_forward(x, gamma, beta)


def batchnorm_unbiased_backward(dout, cache):
    xhat, std, gamma = cache
    n = len(dout)
    d = dout * gamma
    # the variance of a sample divides by n - 1
    dx = (d - d.sum(axis=0) / n - xhat * (d * xhat).sum(axis=0) / (n - 1)) / std
    return dx, (dout * xhat).sum(axis=0), dout.sum(axis=0)


batchnorm_float_inputs = batch


def batchnorm_float_forward(x, gamma, beta):
    return batchnorm_forward(x, gamma, beta)


def batchnorm_float_backward(dout, cache):
    xhat, std, gamma = cache
    dgamma = np.zeros(len(gamma), dtype="float32")
    dbeta = np.zeros(len(gamma), dtype="float32")
    for row, normal in zip(dout, xhat, strict=True):
        dgamma += row * normal
        dbeta += row
    n = len(dout)
    dx = gamma / std * (dout - dbeta / n - xhat * dgamma / n)
    return dx, dgamma.astype("float64"), dbeta.astype("float64")


batchnorm_inplace_inputs = batch


def batchnorm_inplace_forward(x, gamma, beta):
    return batchnorm_forward(x, gamma, beta)


def batchnorm_inplace_backward(dout, cache):
    xhat, std, gamma = cache
    dgamma, dbeta = (dout * xhat).sum(axis=0), dout.sum(axis=0)
    d = dout * gamma
    m2 = (d * xhat).mean(axis=0)
    xhat *= m2
    dx = (d - d.mean(axis=0) - xhat) / std
    return dx, dgamma, dbeta


layernorm_inputs = batch


def layernorm_forward(x, gamma, beta):
    xhat, std = normalise(x, 1)
    return gamma * xhat + beta, (x, xhat, std, gamma)


def layernorm_backward(dout, cache):
    x, xhat, std, gamma = cache
    d = dout * gamma
    dx = d / std - (d / std).mean(axis=1, keepdims=True)
    return dx, (dout * xhat).sum(axis=0), dout.sum(axis=0)


layernorm_eps_inputs = batch


def layernorm_eps_forward(x, gamma, beta):
    return layernorm_forward(x, gamma, beta)


def layernorm_eps_backward(dout, cache):
    x, xhat, _, gamma = cache
    std = x.std(axis=1, keepdims=True) + EPS
    xhat = (x - x.mean(axis=1, keepdims=True)) / std
    d = dout * gamma
    m1, m2 = d.mean(axis=1, keepdims=True), (d * xhat).mean(axis=1, keepdims=True)
    return (d - m1 - xhat * m2) / std, (dout * xhat).sum(axis=0), dout.sum(axis=0)


layernorm_params_inputs = batch


def layernorm_params_forward(x, gamma, beta):
    return layernorm_forward(x, gamma, beta)


def layernorm_params_backward(dout, cache):
    x, xhat, std, gamma = cache
    d = dout * gamma
    m1, m2 = d.mean(axis=1, keepdims=True), (d * xhat).mean(axis=1, keepdims=True)
    # everything of a layer norm is summed over the features
    return (d - m1 - xhat * m2) / std, (dout * xhat).sum(axis=1), dout.sum(axis=1)


def instancenorm_inputs(seed):
    return np.random.default_rng(seed).normal(size=(2, 3, 2, 3))


def instancenorm_forward(x):
    return normalise(x, (2, 3))[0], normalise(x, (2, 3))


def instancenorm_backward(dout, cache):
    xhat, std = cache
    axes = (0, 2, 3)
    m1 = dout.mean(axis=axes, keepdims=True)
    m2 = (dout * xhat).mean(axis=axes, keepdims=True)
    return (dout - m1 - xhat * m2) / std


def groupnorm_inputs(seed):
    return np.random.default_rng(seed).normal(size=(2, 6, 3))


def groupnorm_forward(x, groups=3):
    xhat, std = normalise(x.reshape(len(x), groups, -1), 2)
    return xhat.reshape(x.shape), (xhat, std)


def groupnorm_backward(dout, cache):
    xhat, std = cache
    d = dout.reshape(xhat.shape)
    m1 = d.mean(axis=(1, 2), keepdims=True)
    m2 = (d * xhat).mean(axis=(1, 2), keepdims=True)
    return ((d - m1 - xhat * m2) / std).reshape(dout.shape)


def rmsnorm_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 5)), rng.normal(size=5)


def rmsnorm_forward(x, g):
    rms = np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + EPS)
    return g * x / rms, (x, g, rms)


def rmsnorm_backward(dout, cache):
    x, g, rms = cache
    d = dout * g
    dx = d / rms - x * np.sum(d * x, axis=-1, keepdims=True) / rms**3
    return dx, np.sum(dout * x / rms, axis=0)


def standardise_inputs(seed):
    return np.random.default_rng(seed).normal(size=(6, 3))


def standardise_forward(x):
    return normalise(x, 0)[0], normalise(x, 0)


def standardise_backward(dout, cache):
    xhat, std = cache
    n = len(dout)
    return (dout - dout / n - xhat * (dout * xhat).sum(axis=0) / n) / std


def pixelnorm_inputs(seed):
    return np.random.default_rng(seed).normal(size=(2, 3, 2, 2))


def pixelnorm_forward(x):
    """x over the root of the mean square of its channels"""
    r = 1 / np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-8)
    return x * r, (x, r)


def pixelnorm_backward(dout, cache):
    x, r = cache
    return dout * r + x * r**3 * (dout * x).mean(axis=1, keepdims=True)
