"""Inverted dropout: with a seed, as CS231n has it, and with a given mask."""

import numpy as np


def dropout_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 5)), {"p": 0.6, "mode": "train", "seed": seed}


def dropout_forward(x, dropout_param):
    p, mode = dropout_param["p"], dropout_param["mode"]
    rng = np.random.default_rng(dropout_param["seed"])
    mask = None
    out = x
    if mode == "train":
        mask = (rng.random(x.shape) < p) / p
        out = x * mask
    return out, (mode, mask)


def dropout_backward(dout, cache):
    mode, mask = cache
    return dout * mask if mode == "train" else dout


def drop_channels_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, 4, 3)), rng.random((2, 4)) < 0.5


def drop_channels_forward(x, keep):
    return x * keep[..., None] / 0.5, keep


def drop_channels_backward(dout, keep):
    return dout * keep[..., None] / 0.5, None
