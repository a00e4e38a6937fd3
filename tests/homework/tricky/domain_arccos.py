"""arccos near 1, arctanh near ±1, and arcsin on the edge side of 1."""

import numpy as np


def angle_inputs(seed):
    return 1 - 10.0 ** np.random.default_rng(seed).uniform(-6, -1, size=5)


def angle_forward(c):
    return np.arccos(c), c


def angle_backward(dout, c):
    return -dout / np.sqrt((1 - c) * (1 + c))


def atanh_inputs(seed):
    rng = np.random.default_rng([seed, 1])
    return rng.choice([-1, 1], 5) * (1 - 10.0 ** rng.uniform(-5, -1, size=5))


def atanh_forward(x):
    return np.arctanh(x)


def atanh_backward(dout, x):
    return dout / ((1 - x) * (1 + x))
