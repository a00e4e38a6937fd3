"""Max pooling, 2 by 2: of each block of four pixels the largest.

    y_ncij = max of x_n,c,2i+u,2j+v over u, v in {0, 1}

Shapes: x (N, C, H, W) with even H and W, y (N, C, H/2, W/2).

Derive: dx from dout, of y's shape. Near a point without ties the same pixel stays the largest, and
y is just a copy of it: what is the derivative with respect to it, and to the three others?
Think of: with a tie, a step up of either pixel raises the maximum and a step down does not: a kink.
Give the whole gradient to one of them, or shares that sum to 1, but not the whole to both: if both
rise together the maximum rises once. One of the blocks of the inputs has such a tie. The cache
holds x and y; argmax over blocks of four is another way.

Course item: A-17 (AlexNet).
Source: Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional neural
networks", NIPS 2012; Scherer, Müller, Behnke, "Evaluation of pooling operations", ICANN 2010.

Fill in max_pool2d_backward, then: minigen gradcheck --exercise max_pool2d
"""

import numpy as np

POINTS = 3
WRT = ("x",)


def max_pool2d_forward(x):
    """x (N, C, H, W), H and W even -> y (N, C, H/2, W/2). The cache is x and y."""
    n, c, h, w = x.shape
    blocks = x.reshape(n, c, h // 2, 2, w // 2, 2)
    y = blocks.max(axis=(3, 5))
    return y, (x, y)


def max_pool2d_backward(dout, cache):
    """dout (N, C, H/2, W/2) -> dx (N, C, H, W)."""
    raise NotImplementedError


def max_pool2d_inputs(seed):
    """x of a small case, with a tie in the first block."""
    x = np.random.default_rng(seed).normal(size=(2, 2, 4, 6))
    x[0, 0, 0, 0] = x[0, 0, 1, 1] = x[0, 0, :2, :2].max()
    return (x,)
