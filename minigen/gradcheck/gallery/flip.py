"""The gradient is read backwards along an axis

What it is

The numbers are right, and their order along an axis is reversed. It happens in two places.

Convolution: the layer of that name in networks slides the kernel over the input as it is, which
mathematics calls a correlation. np.convolve, scipy.signal.convolve and convolve2d turn the kernel
round first. Who uses one of these in forward and the formulas of the other in backward gets dw
reversed, or a dx made with a reversed kernel.

Time: what runs from the last step to the first, such as the second direction of a bidirectional
network or the returns of an episode, fills a list from its end. A [::-1] in forward needs a [::-1]
in backward. (The same goes for images that are mirrored.)

What looks like it:
- off by one: there the order is kept, and all is moved;
- a transpose: there rows and columns are exchanged;
- an inner flip: dx is a sum over the kernel, so a reversed kernel makes it wrong without making it
  reversed. Then dw is right and dx fits nothing.
Kernels that are the same from both sides, (1, 2, 1) or all ones, hide it. Test with random ones.

How to find it by hand

Print yours[::-1] - numeric, for every axis. Or choose a dout with a single 1: then dw shows, in
plain sight, the piece of x that this output read, and in which order.

On paper: x = (1, 2, 3), w = (w_0, w_1). np.convolve(x, w, "valid") is
(2 w_0 + 1 w_1, 3 w_0 + 2 w_1): it is w_1, the last, that meets the first x. With dout = (1, 0) the
gradient is dw = (2, 1); np.correlate(x, dout, "valid") gives (1, 2).

The formula

With a kernel of K numbers np.convolve(x, w, "valid") is

    y_i = sum over k of w_(K-1-k) x_(i+k)

Let c = np.correlate(x, dout, "valid"), that is c_k = sum over i of dout_i x_(i+k). The number w_m
stands where K-1-k = m, so k = K-1-m:

    dw_m = sum over i of dout_i x_(i+K-1-m) = c_(K-1-m)        dw = c[::-1]

x_j stands in y_i with k = j - i, so its weight there is w_(K-1-j+i):

    dx_j = sum over i of dout_i w_(K-1-j+i)                    dx = np.correlate(dout, w, "full")

If forward were np.correlate(x, w, "valid"), with w_k in place of w_(K-1-k), the flip would move
from the one to the other: dw = c, and dx = np.convolve(dout, w, "full").
"""

import numpy as np


def right_forward(x, w):
    """x (L,), w (K,) -> y (L - K + 1,)."""
    return np.convolve(x, w, "valid"), (x, w)


def right_backward(dout, cache):
    """dout (L - K + 1,) -> dx (L,), dw (K,)."""
    x, w = cache
    dx = np.correlate(dout, w, "full")
    dw = np.correlate(x, dout, "valid")[::-1]
    return dx, dw


def right_inputs(seed):
    """x (8,), w (4,)."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=8), rng.normal(size=4)


wrong_forward = right_forward
wrong_inputs = right_inputs


def wrong_backward(dout, cache):
    """The dw of a layer that does not turn its kernel round."""
    x, w = cache
    dx = np.correlate(dout, w, "full")
    dw = np.correlate(x, dout, "valid")
    return dx, dw
