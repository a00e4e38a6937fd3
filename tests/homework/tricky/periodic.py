"""sin(10,000 x): hundreds of periods within a step of one percent."""

import numpy as np


def wave_inputs(seed):
    return np.random.default_rng(seed).normal(size=(2, 3))


def wave_forward(x):
    return np.sin(1e4 * x), x


def wave_backward(dout, x):
    return 1e4 * dout * np.cos(1e4 * x)
