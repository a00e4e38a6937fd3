"""A gradient through the Fourier transform, without taking the real part."""

import numpy as np


def lowpass_inputs(seed):
    return np.random.default_rng(seed).normal(size=(2, 8))


def lowpass_forward(x):
    f = np.fft.fft(x, axis=1)
    f[:, 3:-2] = 0
    return np.fft.ifft(f, axis=1).real


def lowpass_backward(dout, x):
    f = np.fft.fft(dout, axis=1)
    f[:, 3:-2] = 0
    return np.fft.ifft(f, axis=1)
