"""A step function whose steps are near the inputs, not at them."""

import numpy as np


def staircase_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.integers(-3, 4, size=8) + rng.choice([-1, 1], 8) * 10.0 ** rng.uniform(-4, -1, 8)


def staircase_forward(x):
    return np.floor(x) + x**2, x


def staircase_backward(dout, x):
    return 2 * x * dout
