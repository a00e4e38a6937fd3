"""A forward that raises outside of its domain, close to where the inputs are."""

import numpy as np


def probability_inputs(seed):
    return 1 - 10.0 ** np.random.default_rng(seed).uniform(-4, -1, size=5)


def probability_forward(p):
    if (p <= 0).any() or (p >= 1).any():
        raise ValueError("probabilities are between 0 and 1")
    return np.log(p / (1 - p)), p


def probability_backward(dout, p):
    return dout / (p * (1 - p))
