"""A list of arrays as one argument, its gradients as a list."""

import numpy as np


def stack_inputs(seed):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(2, 2)) for _ in range(3)], np.array([0.2, 0.3, 0.5])


def stack_forward(xs, weights):
    return sum(w * x for w, x in zip(weights, xs, strict=True)), (xs, weights)


def stack_backward(dout, cache):
    xs, weights = cache
    dweights = np.array([(dout * x).sum() for x in xs])
    return [w * dout for w in weights], dweights
