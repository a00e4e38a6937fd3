"""sin(x)/x: forward thinks of 0, backward does not."""

import numpy as np


def sinc_inputs(seed):
    x = np.random.default_rng(seed).normal(size=(2, 3))
    x[0, 1] = 0
    return x


def sinc_forward(x):
    return np.where(x == 0, 1.0, np.sin(x) / np.where(x == 0, 1, x))


def sinc_backward(dout, x):
    return dout * (x * np.cos(x) - np.sin(x)) / x**2
