"""Log-sum-exp, cumulative sum, product, norm, variance and the standard deviation."""

import numpy as np


def make_inputs(seed):
    return (np.random.default_rng(seed).normal(size=(3, 4)),)


def logsumexp_forward(x):
    m = x.max(1)
    out = m + np.log(np.exp(x - m[:, None]).sum(1))
    return out, (x, out)


def logsumexp_backward(dout, cache):
    x, out = cache
    return dout[:, None] * np.exp(x - out[:, None])


def cumsum_forward(x):
    return np.cumsum(x, axis=1)


def cumsum_backward(dout, x):
    return np.cumsum(dout[:, ::-1], axis=1)[:, ::-1]


def prod_forward(x):
    out = x.prod(axis=1, keepdims=True)
    return out, (x, out)


def prod_backward(dout, cache):
    x, out = cache
    return dout * out / x


def variance_forward(x):
    return x.var(axis=0, ddof=1)


def variance_backward(dout, x):
    return 2 * dout * (x - x.mean(axis=0)) / (x.shape[0] - 1)


def standard_forward(x):
    mean, std = x.mean(0), x.std(0)
    return mean, std, (x, mean, std)


def standard_backward(dout, cache):
    dmean, dstd = dout
    x, mean, std = cache
    return dmean / len(x) + dstd * (x - mean) / (len(x) * std)
