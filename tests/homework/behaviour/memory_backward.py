"""All pairs of all pairs: more than a machine has."""

import numpy as np


def gram_inputs(seed):
    return np.random.default_rng(seed).normal(size=(30, 2))


def gram_forward(x):
    return x @ x.T, x


def gram_backward(dout, x):
    n = len(x)
    jacobian = np.ones((n, n, n, n, 600, 2))
    return jacobian.sum(axis=(0, 1, 2, 3, 4)) * x
