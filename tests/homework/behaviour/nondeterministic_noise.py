"""A noisy layer whose noise comes from the system."""

import os

import numpy as np


def noisy_inputs(seed):
    return np.random.default_rng(seed).normal(size=(2, 4))


def noisy_forward(x):
    noise = np.frombuffer(os.urandom(8), np.uint8) / 255
    return x * noise.reshape(2, 4), noise.reshape(2, 4)


def noisy_backward(dout, noise):
    return dout * noise
