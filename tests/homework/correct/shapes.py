"""Layers that only move entries: flatten, transpose, concatenate, split, stack and slice."""

import numpy as np


def flatten_inputs(seed):
    return (np.random.default_rng([seed, 1]).normal(size=(3, 2, 2)),)


def flatten_forward(x):
    return x.reshape(len(x), -1), x.shape


def flatten_backward(dout, cache):
    return dout.reshape(cache)


def nchw_inputs(seed):
    return (np.random.default_rng([seed, 2]).normal(size=(2, 3, 2, 2)),)


def nchw_forward(x):
    return 2 * np.transpose(x, (0, 2, 3, 1))


def nchw_backward(dout, x):
    return 2 * np.transpose(dout, (0, 3, 1, 2))


def concat_inputs(seed):
    rng = np.random.default_rng([seed, 3])
    return rng.normal(size=(2, 3)), rng.normal(size=(2, 1)), rng.normal(size=(2, 2))


def concat_forward(a, b, c):
    sizes = [a.shape[1], b.shape[1], c.shape[1]]
    return np.concatenate([a, b, c], axis=1), np.cumsum(sizes)[:-1]


def concat_backward(dout, cache):
    return np.split(dout, cache, axis=1)


def chunk_inputs(seed):
    return (np.random.default_rng([seed, 4]).normal(size=(3, 6)),)


def chunk_forward(x):
    q, k, v = x[:, :2], x[:, 2:4], x[:, 4:]
    return q * 2, k**2, v, (k,)


def chunk_backward(dout, cache):
    (k,) = cache
    dq, dk, dv = dout
    return np.concatenate([2 * dq, 2 * k * dk, dv], axis=1)


def crop_inputs(seed):
    return np.random.default_rng([seed, 5]).normal(size=(2, 4, 5)), 1, 2


def crop_forward(x, top, left):
    return x[:, top : top + 2, left:][:, ::-1], (x, top, left)


def crop_backward(dout, cache):
    x, top, left = cache
    dx = np.zeros_like(x)
    dx[:, top : top + 2, left:] = dout[:, ::-1]
    return dx
