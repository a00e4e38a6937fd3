"""A default argument that lives as long as the function."""

import numpy as np


def square_inputs(seed):
    return (np.random.default_rng(seed).normal(size=(2, 3)),)


def _memory(x=None, kept=[None]):  # noqa: B006
    if x is not None:
        kept[0] = x.copy()
    return kept[0]


def square_forward(x):
    _memory(x)
    return x**2, None


def square_backward(dout, cache):
    return 2 * dout * _memory()
