"""Convolution of images, stride 2, padding 1: what deep learning calls so is a cross-correlation.

    y_nfij = b_f + Σ_c Σ_u Σ_v  x̄_n,c,2i+u,2j+v  w_fcuv

where x̄ is x with a frame of one zero around each image.

Shapes: x (N, C, H, W), w (F, C, K, K), b (F,), y (N, F, I, J) with I = ⌊(H + 2 - K) / 2⌋ + 1, and J
from W in the same way.

Derive: dx, dw and db from dout (N, F, I, J). For dw collect the windows that an entry of w has
met; the forward has cut them out already. For dx turn the question round: which outputs has a
pixel x̄_ncpq been used in? All (i, j, u, v) with 2i + u = p and 2j + v = q. It is easiest to let
each output give its share back: for every (u, v) the pixels 2i + u, 2j + v are a strided slice of
dx̄, to which Σ_f dout_nfij w_fcuv is *added*. At last the frame comes off.
Think of: windows overlap, so shares add up. And what comes back to the frame of zeros is lost.

Course item: A-07.
Source: LeCun, Boser, Denker et al., "Backpropagation applied to handwritten zip code recognition",
1989; Dumoulin, Visin, "A guide to convolution arithmetic", arXiv 1603.07285.

Fill in conv2d_backward, then: minigen gradcheck --exercise conv2d
"""

import numpy as np

POINTS = 5
WRT = ("x", "w", "b")
STRIDE, PADDING = 2, 1


def conv2d_forward(x, w, b):
    """x (N, C, H, W), w (F, C, K, K), b (F,) -> y (N, F, I, J).

    The cache is the windows (N, C, I, J, K, K), w, and the shape of x.
    """
    kernel = w.shape[2:]
    frame = ((0, 0), (0, 0), (PADDING, PADDING), (PADDING, PADDING))
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, frame), kernel, axis=(2, 3))
    windows = windows[:, :, ::STRIDE, ::STRIDE]
    y = np.einsum("ncijuv,fcuv->nfij", windows, w) + b[:, None, None]
    return y, (windows, w, x.shape)


def conv2d_backward(dout, cache):
    """dout (N, F, I, J) -> dx (N, C, H, W), dw (F, C, K, K), db (F,)."""
    raise NotImplementedError


def conv2d_inputs(seed):
    """x, w, b of a small case; the last row of padding meets no window."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2, 2, 6, 5))
    return x, rng.normal(size=(3, 2, 3, 3)), rng.normal(size=3)
