"""Does not even load."""

import numpy as np

LAYERS = undefined_name  # noqa: F821


def double_inputs(seed):
    return np.random.default_rng(seed).normal(size=3)


def double_forward(x):
    return 2 * x


def double_backward(dout, x):
    return 2 * dout
