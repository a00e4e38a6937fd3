"""Group and instance normalisation of images."""

import numpy as np


def groupnorm_inputs(seed):
    rng = np.random.default_rng([seed, 1])
    x = rng.normal(size=(2, 4, 2, 2))
    return x, rng.normal(size=(1, 4, 1, 1)), rng.normal(size=(1, 4, 1, 1)), 2


def groupnorm_forward(x, gamma, beta, G):
    N, C, H, W = x.shape
    groups = x.reshape(N, G, -1)
    mu = groups.mean(2, keepdims=True)
    sigma = np.sqrt(groups.var(2, keepdims=True) + 1e-5)
    xhat = ((groups - mu) / sigma).reshape(N, C, H, W)
    return gamma * xhat + beta, (xhat, sigma, gamma, G)


def groupnorm_backward(dout, cache):
    xhat, sigma, gamma, G = cache
    N = dout.shape[0]
    dbeta = dout.sum(axis=(0, 2, 3), keepdims=True)
    dgamma = (dout * xhat).sum(axis=(0, 2, 3), keepdims=True)
    d = (dout * gamma).reshape(N, G, -1)
    h = xhat.reshape(N, G, -1)
    dx = (d - d.mean(2, keepdims=True) - h * (d * h).mean(2, keepdims=True)) / sigma
    return dx.reshape(dout.shape), dgamma, dbeta


def instancenorm_inputs(seed):
    return (np.random.default_rng([seed, 2]).normal(size=(2, 2, 3, 2)),)


def instancenorm_forward(x):
    mu = x.mean(axis=(2, 3), keepdims=True)
    inv = (x.var(axis=(2, 3), keepdims=True) + 1e-5) ** -0.5
    y = (x - mu) * inv
    return y, (y, inv)


def instancenorm_backward(dy, cache):
    y, inv = cache
    mean = dy.mean(axis=(2, 3), keepdims=True)
    proj = (dy * y).mean(axis=(2, 3), keepdims=True)
    return inv * (dy - mean - y * proj)
