"""Several losses in a dict, with an integer beside them that has no gradient."""

import numpy as np


def losses_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 3)), rng.normal(size=(4, 3))


def losses_forward(pred, target):
    r = pred - target
    right = int((np.abs(r) < 0.5).sum())
    return {"mse": (r**2).mean(), "sum": r.sum(), "right": right}, r


def losses_backward(dout, r):
    d = dout["mse"] * 2 * r / r.size + dout["sum"]
    return d, -d
