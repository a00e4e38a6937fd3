"""A broadcast scale whose gradient is not summed over the batch."""

import numpy as np


def scale_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 4)), rng.normal(size=4)


def scale_forward(x, g):
    return x * g, (x, g)


def scale_backward(dout, cache):
    x, g = cache
    return dout * g, dout * x
