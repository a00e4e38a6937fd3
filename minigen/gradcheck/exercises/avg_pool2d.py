"""Average pooling, 2 by 2: of each block of four pixels the mean.

    y_ncij = 1/4 Σ_u Σ_v x_n,c,2i+u,2j+v,    u, v in {0, 1}

Shapes: x (N, C, H, W) with even H and W, y (N, C, H/2, W/2).

Derive: dx from dout, of y's shape. It is linear: every pixel has had the same weight in exactly one
output.
Think of: the result is an image in blocks of equal pixels. The sum of dx equals that of dout: why?
(Take x = 1 everywhere and the linear map's transpose.)

Course item: B-01 (ResNet).
Source: LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition",
1998.

Fill in avg_pool2d_backward, then: minigen gradcheck --exercise avg_pool2d
"""

import numpy as np

POINTS = 1
WRT = ("x",)


def avg_pool2d_forward(x):
    """x (N, C, H, W), H and W even -> y (N, C, H/2, W/2). The cache is the shape of x."""
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).mean(axis=(3, 5)), x.shape


def avg_pool2d_backward(dout, cache):
    """dout (N, C, H/2, W/2) -> dx (N, C, H, W)."""
    raise NotImplementedError


def avg_pool2d_inputs(seed):
    """x of a small case."""
    return (np.random.default_rng(seed).normal(size=(2, 2, 4, 6)),)
