"""Softmax and the losses of a classifier."""

import numpy as np

KIND = {
    "softmax": "missing_term",          # the diagonal of the Jacobian alone
    "softmax_channels": "wrong_axis",   # classes are axis 1, the sum is over the last
    "log_softmax": "missing_broadcast_sum",     # p * dout, where dout has to be summed
    "softmax_temperature": "factor",
    "cross_entropy": "factor",          # the mean over the batch
    "cross_entropy_indexed": "wrong_mask",      # p[:, y], not p[arange(n), y]
    "cross_entropy_smooth": "missing_term",     # the smoothing is forgotten
    "cross_entropy_weighted": "factor",     # the weight of the class
    "cross_entropy_inplace": "mutates_cache",
    "cross_entropy_ones": "ignores_upstream",
    "nll": "sign",
    "bce": "wrong_formula",             # the gradient of the logits, for probabilities
}
WRT = {"cross_entropy_weighted": ("x",), "bce": ("p",)}


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def logits_and_labels(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 3)), rng.permutation(4) % 3


def softmax_inputs(seed):
    return logits_and_labels(seed)[0]


def softmax_forward(x):
    p = softmax(x)
    return p, p


def softmax_backward(dout, p):
    # derivative of the softmax is p (1 - p), just like the sigmoid's
    return dout * p * (1 - p)


def softmax_channels_inputs(seed):
    return np.random.default_rng(seed).normal(size=(2, 3, 4))


def softmax_channels_forward(x):
    p = softmax(x, axis=1)
    return p, p


def softmax_channels_backward(dout, p):
    return p * (dout - np.sum(dout * p, axis=-1, keepdims=True))


def log_softmax_inputs(seed):
    return logits_and_labels(seed)[0]


def log_softmax_forward(x):
    out = x - x.max(axis=1, keepdims=True)
    out = out - np.log(np.exp(out).sum(axis=1, keepdims=True))
    return out, out


def log_softmax_backward(dout, out):
    return dout - np.exp(out) * dout


def softmax_temperature_inputs(seed):
    return logits_and_labels(seed)[0]


def softmax_temperature_forward(x, T=4.0):
    p = softmax(x / T)
    return p, (p, T)


def softmax_temperature_backward(dout, cache):
    p, T = cache
    g = p * dout
    return g - p * g.sum(axis=-1, keepdims=True)


cross_entropy_inputs = logits_and_labels


def cross_entropy_forward(x, y):
    p = softmax(x)
    loss = -np.mean(np.log(p[np.arange(len(y)), y]))
    return loss, (p, y)


def cross_entropy_backward(dout, cache):
    p, y = cache
    onehot = np.eye(p.shape[1])[y]
    return dout * (p - onehot)


cross_entropy_indexed_inputs = logits_and_labels


def cross_entropy_indexed_forward(x, y):
    p = softmax(x)
    return -np.log(p[range(len(y)), y]).sum() / len(y), (p, y)


def cross_entropy_indexed_backward(dout, cache):
    p, y = cache
    dx = p.copy()
    dx[:, y] -= 1
    return dout * dx / len(y)


cross_entropy_smooth_inputs = logits_and_labels


def cross_entropy_smooth_forward(x, y, eps=0.1):
    n, k = x.shape
    target = np.full((n, k), eps / k)
    target[np.arange(n), y] += 1 - eps
    p = softmax(x)
    return -(target * np.log(p)).sum() / n, (p, y)


def cross_entropy_smooth_backward(dout, cache):
    p, y = cache
    dx = p.copy()
    dx[np.arange(len(y)), y] -= 1
    return dout * dx / len(y)


def cross_entropy_weighted_inputs(seed):
    x, y = logits_and_labels(seed)
    return x, y, np.array([1.0, 0.2, 3.0])


def cross_entropy_weighted_forward(x, y, weight):
    p = softmax(x)
    n = len(y)
    loss = -(weight[y] * np.log(p[np.arange(n), y])).sum() / n
    return loss, (p, y, weight)


def cross_entropy_weighted_backward(dout, cache):
    p, y, weight = cache
    n = len(y)
    dx = p.copy()
    dx[np.arange(n), y] -= 1
    return dout * dx / n


cross_entropy_inplace_inputs = logits_and_labels


def cross_entropy_inplace_forward(x, y):
    p = softmax(x)
    return -np.log(p[np.arange(len(y)), y]).mean(), (p, y)


def cross_entropy_inplace_backward(dout, cache):
    dx, y = cache
    dx[np.arange(len(y)), y] -= 1
    dx /= len(y)
    return dout * dx


cross_entropy_ones_inputs = logits_and_labels


def cross_entropy_ones_forward(x, y):
    p = softmax(x)
    return -np.log(p[np.arange(len(y)), y]).mean(), (p, y)


def cross_entropy_ones_backward(dout, cache):
    p, y = cache
    dx = p.copy()
    dx[np.arange(len(y)), y] -= 1
    return dx / len(y)


nll_inputs = logits_and_labels


def nll_forward(logp, y):
    n = logp.shape[0]
    return -logp[np.arange(n), y].mean(), (logp.shape, y)


def nll_backward(dout, cache):
    shape, y = cache
    dlogp = np.zeros(shape)
    dlogp[np.arange(shape[0]), y] = 1
    return dlogp * dout / shape[0]


def bce_inputs(seed):
    return np.random.default_rng(seed).uniform(0.1, 0.9, size=6), np.array([0.0, 1, 1, 0, 1, 0])


def bce_forward(p, t):
    return -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p)), (p, t)


def bce_backward(dout, cache):
    p, t = cache
    return dout * (p - t) / p.size
