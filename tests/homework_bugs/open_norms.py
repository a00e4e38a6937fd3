"""Normalisations: what depends on the statistics, over which axes, and with which eps."""

import numpy as np

KIND = {
    "batchnorm": "missing_term",        # through the variance
    "batchnorm_running": "wrong_formula",   # the running variance, just updated, for the batch's
    "batchnorm_staged": "sign",         # of the derivative of var ** -0.5
    "batchnorm_eps": "small_error",     # eps is forgotten
    "spatial_batchnorm": "factor",      # the batch counts, its pixels do not
    "layernorm": "wrong_axis",          # copied from batch norm
    "groupnorm": "wrong_axis",          # over the pixels, not over the channels of the group
    "rmsnorm": "missing_term",
    "unit_vector": "missing_term",      # the norm as a constant
    "weight_norm": "factor",            # dg: the direction v / |v|, not v
}


def batchnorm_inputs(seed):
    rng = np.random.default_rng(seed)
    return 2 * rng.normal(size=(5, 3)) - 1, rng.normal(size=3), rng.normal(size=3)


def batchnorm_forward(x, gamma, beta):
    mu = x.mean(axis=0)
    std = np.sqrt(x.var(axis=0) + 1e-5)
    xhat = (x - mu) / std
    return gamma * xhat + beta, (xhat, std, gamma)


def batchnorm_backward(dout, cache):
    xhat, std, gamma = cache
    dgamma = np.sum(dout * xhat, axis=0)
    dbeta = np.sum(dout, axis=0)
    dxhat = gamma * dout
    # centring: the gradient of x - mean(x)
    dx = (dxhat - np.mean(dxhat, axis=0)) / std
    return dx, dgamma, dbeta


def batchnorm_running_inputs(seed):
    x, gamma, beta = batchnorm_inputs(seed)
    return x, gamma, beta, {"mean": np.zeros(3), "var": np.ones(3)}


def batchnorm_running_forward(x, gamma, beta, running):
    mu, var = x.mean(axis=0), x.var(axis=0)
    running["mean"] = 0.9 * running["mean"] + 0.1 * mu
    running["var"] = 0.9 * running["var"] + 0.1 * var
    xhat = (x - mu) / np.sqrt(var + 1e-5)
    return gamma * xhat + beta, (x, xhat, gamma, var, running["var"])


def batchnorm_running_backward(dout, cache):
    x, xhat, gamma, var, running_var = cache
    dgamma = (dout * xhat).sum(axis=0)
    dbeta = dout.sum(axis=0)
    dxhat = dout * gamma
    dx = dxhat - dxhat.mean(axis=0) - xhat * (dxhat * xhat).mean(axis=0)
    dx /= np.sqrt(running_var + 1e-5)
    return dx, dgamma, dbeta


batchnorm_staged_inputs = batchnorm_inputs


def batchnorm_staged_forward(x, gamma, beta):
    mu = x.mean(axis=0)
    xmu = x - mu
    var = (xmu**2).mean(axis=0)
    ivar = 1 / np.sqrt(var + 1e-5)
    return gamma * xmu * ivar + beta, (xmu, ivar, gamma)


def batchnorm_staged_backward(dout, cache):
    xmu, ivar, gamma = cache
    N = dout.shape[0]
    dbeta = dout.sum(axis=0)
    dgamma = (dout * xmu * ivar).sum(axis=0)
    dxhat = dout * gamma
    divar = (dxhat * xmu).sum(axis=0)
    dxmu = dxhat * ivar
    dvar = 0.5 * ivar**3 * divar
    dxmu = dxmu + 2 * xmu * dvar / N
    dmu = -dxmu.sum(axis=0)
    dx = dxmu + dmu / N
    return dx, dgamma, dbeta


batchnorm_eps_inputs = batchnorm_inputs


def batchnorm_eps_forward(x, gamma, beta, eps=1e-3):
    mu, var = x.mean(axis=0), x.var(axis=0)
    return gamma * (x - mu) / np.sqrt(var + eps) + beta, (x, mu, var, gamma)


def batchnorm_eps_backward(dout, cache):
    x, mu, var, gamma = cache
    sigma = np.sqrt(var)
    xhat = (x - mu) / sigma
    dgamma, dbeta = (dout * xhat).sum(axis=0), dout.sum(axis=0)
    dx = gamma / sigma * (dout - dbeta / len(x) - xhat * dgamma / len(x))
    return dx, dgamma, dbeta


def spatial_batchnorm_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, 3, 2, 2)), rng.normal(size=3), rng.normal(size=3)


def spatial_batchnorm_forward(x, gamma, beta):
    axes = (0, 2, 3)
    mu = x.mean(axis=axes, keepdims=True)
    istd = 1 / np.sqrt(x.var(axis=axes, keepdims=True) + 1e-5)
    xhat = (x - mu) * istd
    out = gamma.reshape(1, -1, 1, 1) * xhat + beta.reshape(1, -1, 1, 1)
    return out, (xhat, istd, gamma)


def spatial_batchnorm_backward(dout, cache):
    xhat, istd, gamma = cache
    N, C, H, W = dout.shape
    axes = (0, 2, 3)
    dbeta = dout.sum(axis=axes)
    dgamma = (dout * xhat).sum(axis=axes)
    dxhat = dout * gamma.reshape(1, C, 1, 1)
    s1 = dxhat.sum(axis=axes, keepdims=True)
    s2 = (dxhat * xhat).sum(axis=axes, keepdims=True)
    dx = istd / N * (N * dxhat - s1 - xhat * s2)
    return dx, dgamma, dbeta


def layernorm_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 5)), rng.normal(size=5), rng.normal(size=5)


def layernorm_forward(x, gamma, beta):
    mu = x.mean(axis=1, keepdims=True)
    std = np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
    xhat = (x - mu) / std
    return gamma * xhat + beta, (xhat, std, gamma)


def layernorm_backward(dout, cache):
    xhat, std, gamma = cache
    dgamma = (dout * xhat).sum(axis=0)
    dbeta = dout.sum(axis=0)
    dxhat = dout * gamma
    dx = (dxhat - dxhat.mean(axis=0) - xhat * (dxhat * xhat).mean(axis=0)) / std
    return dx, dgamma, dbeta


def groupnorm_inputs(seed):
    rng = np.random.default_rng(seed)
    x, gamma, beta = (rng.normal(size=s) for s in ((2, 4, 2, 3), (1, 4, 1, 1), (1, 4, 1, 1)))
    return x, gamma, beta


def groupnorm_forward(x, gamma, beta, G=2):
    N, C, H, W = x.shape
    g = x.reshape(N, G, C // G, H, W)
    mean = g.mean(axis=(2, 3, 4), keepdims=True)
    std = np.sqrt(g.var(axis=(2, 3, 4), keepdims=True) + 1e-5)
    xhat = (g - mean) / std
    return gamma * xhat.reshape(x.shape) + beta, (xhat, std, gamma)


def groupnorm_backward(dout, cache):
    xhat, std, gamma = cache
    N, C, H, W = dout.shape
    dbeta = dout.sum(axis=(0, 2, 3), keepdims=True)
    dgamma = (dout * xhat.reshape(dout.shape)).sum(axis=(0, 2, 3), keepdims=True)
    d = (dout * gamma).reshape(xhat.shape)
    spatial = (3, 4)
    m1 = d.mean(axis=spatial, keepdims=True)
    m2 = (d * xhat).mean(axis=spatial, keepdims=True)
    dx = (d - m1 - xhat * m2) / std
    return dx.reshape(dout.shape), dgamma, dbeta


def rmsnorm_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 4)), rng.normal(size=4)


def rmsnorm_forward(x, g):
    r = np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6)
    return g * x / r, (x, g, r)


def rmsnorm_backward(dout, cache):
    x, g, r = cache
    # no mean is subtracted, so there is no second term
    return dout * g / r, (dout * x / r).sum(0)


def unit_vector_inputs(seed):
    return np.random.default_rng(seed).normal(size=(3, 4))


def unit_vector_forward(x):
    norm = np.sqrt((x * x).sum(axis=1, keepdims=True))
    return x / norm, (x, norm)


def unit_vector_backward(dout, cache):
    x, norm = cache
    return dout / norm


def weight_norm_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 3)), 2 * rng.normal(size=(3, 2)), rng.normal(size=(1, 2))


def weight_norm_forward(x, v, g):
    norm = np.linalg.norm(v, axis=0, keepdims=True)
    return x @ (g * v / norm), (x, v, g, norm)


def weight_norm_backward(dout, cache):
    x, v, g, norm = cache
    w = g * v / norm
    dw = x.T @ dout
    dg = (dw * v).sum(axis=0, keepdims=True)
    dv = g / norm * (dw - v * (dw * v).sum(axis=0, keepdims=True) / norm**2)
    dx = dout @ w.T
    return dx, dv, dg
