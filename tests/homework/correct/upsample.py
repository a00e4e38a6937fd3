"""Upsampling by two: nearest neighbours, and bilinear with aligned corners."""

import numpy as np


def nearest_inputs(seed):
    return (np.random.default_rng([seed, 1]).normal(size=(2, 1, 2, 3)),)


def nearest_forward(x):
    return x.repeat(2, axis=2).repeat(2, axis=3)


def nearest_backward(dout, x):
    N, C, H, W = x.shape
    return dout.reshape(N, C, H, 2, W, 2).sum(axis=(3, 5))


def bilinear_inputs(seed):
    return np.random.default_rng([seed, 2]).normal(size=(1, 2, 3, 2)), 5, 4


def weights(size, new):
    """Matrix of linear interpolation from `size` samples to `new`, (new, size)."""
    at = np.arange(new) * (size - 1) / (new - 1)
    low = np.minimum(at.astype(int), size - 2)
    A = np.zeros((new, size))
    A[np.arange(new), low] = 1 - (at - low)
    A[np.arange(new), low + 1] = at - low
    return A


def bilinear_forward(x, height, width):
    A, B = weights(x.shape[2], height), weights(x.shape[3], width)
    return A @ x @ B.T, (A, B)


def bilinear_backward(dout, cache):
    A, B = cache
    return A.T @ dout @ B
