"""Nearest-neighbour upsampling by 2: every pixel becomes a block of four.

    y_n,c,2i+u,2j+v = x_ncij,    u, v in {0, 1}

Shapes: x (N, C, H, W), y (N, C, 2H, 2W).

Derive: dx from dout, of y's shape. A pixel that was copied four times is used four times, and the
gradients of all its uses add up.
Think of: average pooling goes the other way. Is the backward of one the forward of the other, and
up to which factor?

Course item: A-08 (U-Net), D-04.
Source: Odena, Dumoulin, Olah, "Deconvolution and checkerboard artifacts", Distill 2016.

Fill in upsample_nearest_backward, then: minigen gradcheck --exercise upsample_nearest
"""

import numpy as np

POINTS = 1
WRT = ("x",)


def upsample_nearest_forward(x):
    """x (N, C, H, W) -> y (N, C, 2H, 2W). The cache is the shape of x."""
    return x.repeat(2, axis=2).repeat(2, axis=3), x.shape


def upsample_nearest_backward(dout, cache):
    """dout (N, C, 2H, 2W) -> dx (N, C, H, W)."""
    raise NotImplementedError


def upsample_nearest_inputs(seed):
    """x of a small case."""
    return (np.random.default_rng(seed).normal(size=(2, 2, 3, 2)),)
