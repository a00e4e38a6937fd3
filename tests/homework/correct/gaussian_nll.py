"""Gaussian negative log-likelihood with a learned variance, and a mixture's log-likelihood."""

import numpy as np


def gaussian_nll_inputs(seed):
    rng = np.random.default_rng([seed, 1])
    return rng.normal(size=(4, 2)), rng.normal(size=(4, 2)), rng.normal(size=(4, 2))


def gaussian_nll_forward(mu, logvar, x):
    r = x - mu
    inv = np.exp(-logvar)
    nll = 0.5 * (np.log(2 * np.pi) + logvar + r**2 * inv)
    return nll.sum(1).mean(), (r, inv)


def gaussian_nll_backward(dout, cache):
    r, inv = cache
    N = r.shape[0]
    dmu = -dout * r * inv / N
    dlogvar = 0.5 * dout * (1 - r**2 * inv) / N
    return dmu, dlogvar, -dmu


def mixture_inputs(seed):
    rng = np.random.default_rng([seed, 2])
    return rng.normal(size=(5, 2)), rng.normal(size=(3, 2)), rng.normal(size=3)


def mixture_forward(x, means, logits):
    logw = logits - np.log(np.exp(logits).sum())
    diff = x[:, None] - means
    joint = logw - 0.5 * (diff**2).sum(-1)
    m = joint.max(1, keepdims=True)
    ll = m[:, 0] + np.log(np.exp(joint - m).sum(1))
    r = np.exp(joint - ll[:, None])
    return ll.mean(), (diff, r, np.exp(logw))


def mixture_backward(dout, cache):
    diff, r, w = cache
    N = len(r)
    dx = -(r[..., None] * diff).sum(1) * dout / N
    dmeans = (r[..., None] * diff).sum(0) * dout / N
    dlogits = dout * (r.mean(0) - w)
    return dx, dmeans, dlogits
