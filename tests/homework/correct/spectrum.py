"""Magnitude of the discrete Fourier transform of a real signal, written as two matrices."""

import numpy as np


def spectrum_inputs(seed):
    return (np.random.default_rng(seed).normal(size=(2, 6)),)


def basis(n):
    angle = 2 * np.pi * np.outer(np.arange(n), np.arange(n // 2 + 1)) / n
    return np.cos(angle), -np.sin(angle)


def spectrum_forward(x):
    C, S = basis(x.shape[1])
    re, im = x @ C, x @ S
    mag = np.sqrt(re**2 + im**2 + 1e-3)
    return mag, (re, im, mag)


def spectrum_backward(dout, cache):
    re, im, mag = cache
    n = 2 * (re.shape[1] - 1)
    C, S = basis(n)
    dre = dout * re / mag
    dim = dout * im / mag
    return dre @ C.T + dim @ S.T
