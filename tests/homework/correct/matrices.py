"""Inverse, log-determinant and squared distances: a little matrix calculus."""

import numpy as np


def inverse_inputs(seed):
    return (np.random.default_rng([seed, 1]).normal(size=(3, 3)) + 3 * np.eye(3),)


def inverse_forward(A):
    out = np.linalg.inv(A)
    return out, out


def inverse_backward(dout, cache):
    B = cache
    return -B.T @ dout @ B.T


def logdet_inputs(seed):
    M = np.random.default_rng([seed, 2]).normal(size=(2, 3, 3))
    return (M @ M.transpose(0, 2, 1) + np.eye(3),)


def logdet_forward(A):
    return np.linalg.slogdet(A)[1], A


def logdet_backward(dout, A):
    return dout[:, None, None] * np.linalg.inv(A).transpose(0, 2, 1)


def distances_inputs(seed):
    rng = np.random.default_rng([seed, 3])
    return rng.normal(size=(3, 2)), rng.normal(size=(4, 2))


def distances_forward(x, c):
    d = (x**2).sum(1)[:, None] + (c**2).sum(1) - 2 * x @ c.T
    return d, (x, c)


def distances_backward(dd, cache):
    x, c = cache
    dx = 2 * (dd.sum(1)[:, None] * x - dd @ c)
    dc = 2 * (dd.sum(0)[:, None] * c - dd.T @ x)
    return dx, dc
