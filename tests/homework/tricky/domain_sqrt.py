"""Square roots of values near 0, where no step to the left is far."""

import numpy as np


def root_inputs(seed):
    return 10.0 ** np.random.default_rng(seed).uniform(-9, 0, size=(3, 4))


def root_forward(x):
    out = np.sqrt(x)
    return out, out


def root_backward(dout, out):
    return dout / (2 * out)
