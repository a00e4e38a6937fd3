"""Indices are off by one

What it is

The numbers are right, and stand one place too far left or right along an axis. Where they come
from: padding that is cut off at one end only, or twice as much at one end; a window that begins at
i * stride + 1; x[t] where forward has x[t - 1]; a language model whose loss compares with ids[1:]
in forward and with ids[:-1] in backward; "same" padding of an even kernel, which has one zero more
on one side. A network with such a layer still trains a little, since neighbours are alike.

What looks like it:
- a flip: there the order is reversed. Here it is kept;
- a boundary: there the inside is right and the edge wrong. Here the inside is wrong, and it is
  right once it is moved;
- a wrong mask or an overwritten sum: there some numbers are wrong, not only their places.

How to find it by hand

Put a single 1 into dout, at output 2, say, and print which entries of dx are not 0. They must be
the entries that output 2 reads in forward, no others. For a kernel of 3 with a padding of 1 these
are x[1], x[2], x[3]. Print np.roll(yours, 1, axis) - numeric, and the same with -1, for each axis:
it is 0 but at the edge for one of them.

On paper: the kernel (0, 1, 0) does nothing, y = x. So dx must be dout. With dout = (5, 6, 7) the
gradient of the padded input is (0, 5, 6, 7, 0), and [1:-1] of it is dout. [:-2] is (0, 5, 6).

The formula

Let padded_(i+1) = x_i, with a zero before the first and after the last. For one channel

    y_l = sum over k of w_k padded_(l+k)

padded_j stands in y_l with k = j - l, so its gradient is

    dpadded_j = sum over k of w_k dout_(j-k)        over the k for which j - k is an output

and x_i is padded_(i+1), which is why the cut begins at 1:

    dx_i = dpadded_(i+1)                            dx = dpadded[1:-1]

For a padding of P and a length of L write dpadded[P : P + L], for dpadded[P:-P] is empty if P = 0.
"""

import numpy as np


def right_forward(x, w):
    """x (N, C, L), w (F, C, 3) -> y (N, F, L); x is padded by a zero at both ends."""
    length = x.shape[2]
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1)))
    y = sum(np.einsum("ncl,fc->nfl", padded[:, :, k : k + length], w[:, :, k]) for k in range(3))
    return y, (padded, w)


def gradients(dout, padded, w):
    """dout (N, F, L) -> dpadded (N, C, L + 2), dw (F, C, 3)."""
    length = dout.shape[2]
    dpadded, dw = np.zeros_like(padded), np.zeros_like(w)
    for k in range(3):
        window = padded[:, :, k : k + length]
        dw[:, :, k] = np.einsum("nfl,ncl->fc", dout, window)
        dpadded[:, :, k : k + length] += np.einsum("nfl,fc->ncl", dout, w[:, :, k])
    return dpadded, dw


def right_backward(dout, cache):
    """dout (N, F, L) -> dx (N, C, L), dw (F, C, 3)."""
    dpadded, dw = gradients(dout, *cache)
    return dpadded[:, :, 1:-1], dw


def right_inputs(seed):
    """x (2, 2, 6), w (3, 2, 3)."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, 2, 6)), rng.normal(size=(3, 2, 3))


wrong_forward = right_forward
wrong_inputs = right_inputs


def wrong_backward(dout, cache):
    """Both zeros are cut off at the same end."""
    dpadded, dw = gradients(dout, *cache)
    return dpadded[:, :, :-2], dw
