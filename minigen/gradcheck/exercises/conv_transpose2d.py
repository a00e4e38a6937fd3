"""Transposed convolution, stride 2: each input pixel paints a patch, and patches add up.

    y_n,f,p,q = b_f + Σ_c Σ over all (i, j, u, v) with 2i + u = p, 2j + v = q of  x_ncij w_cfuv

Shapes: x (N, C, I, J), w (C, F, K, K), b (F,), y (N, F, 2(I - 1) + K, 2(J - 1) + K). The channels
of w come in the order in, out: the other way round than for a convolution.

Derive: dx, dw and db from dout, which has the shape of y. As a linear map from x to y this is the
transpose of a convolution with stride 2 (write both as matrices to see it). What is the transpose
of a transpose, and so how is dx computed from dout? For dw ask which pairs of an x and a dout have
met at w_cfuv.
Think of: no loop over pixels is needed. For fixed (u, v) the outputs 2i + u, 2j + v of all (i, j)
are one strided slice of dout.

Course item: A-07, G-02.
Source: Zeiler, Krishnan, Taylor, Fergus, "Deconvolutional networks", CVPR 2010; Dumoulin, Visin,
"A guide to convolution arithmetic", arXiv 1603.07285.

Fill in conv_transpose2d_backward, then: minigen gradcheck --exercise conv_transpose2d
"""

import numpy as np

POINTS = 5
WRT = ("x", "w", "b")
STRIDE = 2


def conv_transpose2d_forward(x, w, b):
    """x (N, C, I, J), w (C, F, K, K), b (F,) -> y (N, F, 2(I - 1) + K, 2(J - 1) + K)."""
    n, _, rows, columns = x.shape
    _, f, kernel, _ = w.shape
    height, width = STRIDE * (rows - 1) + kernel, STRIDE * (columns - 1) + kernel
    y = np.zeros((n, f, height, width), x.dtype) + b[:, None, None]
    for u in range(kernel):
        for v in range(kernel):
            below, right = u + STRIDE * (rows - 1) + 1, v + STRIDE * (columns - 1) + 1
            y[:, :, u:below:STRIDE, v:right:STRIDE] += np.einsum("ncij,cf->nfij", x, w[:, :, u, v])
    return y, (x, w)


def conv_transpose2d_backward(dout, cache):
    """dout, of y's shape -> dx (N, C, I, J), dw (C, F, K, K), db (F,)."""
    raise NotImplementedError


def conv_transpose2d_inputs(seed):
    """x, w, b of a small case; patches of 3 by 3 at a stride of 2 overlap."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, 2, 3, 2)), rng.normal(size=(2, 3, 3, 3)), rng.normal(size=3)
