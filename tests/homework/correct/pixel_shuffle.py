"""Pixel shuffle: channels become pixels; and its inverse with a ResNet shortcut."""

import numpy as np


def pixel_shuffle_inputs(seed):
    return np.random.default_rng(seed).normal(size=(2, 4, 2, 3)), 2


def pixel_shuffle_forward(x, r):
    N, C, H, W = x.shape
    c = C // r**2
    out = x.reshape(N, c, r, r, H, W).transpose(0, 1, 4, 2, 5, 3)
    return out.reshape(N, c, H * r, W * r), (x.shape, r)


def pixel_shuffle_backward(dout, cache):
    shape, r = cache
    N, C, H, W = shape
    d = dout.reshape(N, C // r**2, H, r, W, r).transpose(0, 1, 3, 5, 2, 4)
    return d.reshape(shape)
