"""The mask is inverted, or is another one

What it is

A mask in forward says where values pass: x > 0 in a ReLU, the kept units of a dropout, the tokens
that are no padding, the keys that a query may see. Backward must use the same mask. The usual ways
to miss it:
- it is inverted. In one place True means keep, in another it means leave out: PyTorch's
  key_padding_mask is True at padding, the attention_mask of other libraries is 1 at tokens;
- it is made from another array: from y, from dout, or from x after x was overwritten;
- the two branches of np.where are the wrong way round;
- a dropout draws a new one in backward.

What looks like it:
- a mask made from dout, such as np.maximum(dout, 0): then backward is not linear in dout, and the
  checker says ignores_upstream;
- a new random mask: nondeterministic;
- wrong rows at the edge alone: boundary;
- a wrong value at x = 0 alone: kink_outside_subgradient.

How to find it by hand

Print (yours != 0).astype(int) and (numeric != 0).astype(int), one below the other, and below them
the masks that might stand behind them: x > 0, the mask, its inverse. If yours is 0 exactly where
the numeric one is not, it is inverted. If the zeros are right, but some numbers are not, look at
the branch of np.where that these entries take.

Give a mask a name that says what True means: keep, or padding, but never mask. Then the mistake
looks wrong when you read it.

On paper: one sentence of three tokens, the last of them padding, D = 1. y = (x_0 + x_1) / 2. With
dout = 4 it is dx = (2, 2, 0). With the mask inverted it is (0, 0, 4): all of it goes to the
padding.

The formula

With keep_t = 1 for a token and 0 for padding

    y_d = sum over t of s_t x_td,        s_t = keep_t / sum over u of keep_u

s_t does not depend on x, so each x_td has the one weight s_t on its way to y_d:

    dx_td = s_t dout_d

In general y = m * x with a mask m has dx = m * dout, with the very same m. That is true also where
m depends on x by a comparison, as in x > 0: it does not change when x is moved a little, but at the
kink itself.
"""

import numpy as np


def right_forward(x, padding):
    """x (N, T, D), padding (N, T), True where no token is -> the mean of the tokens (N, D)."""
    keep = ~padding
    share = keep / keep.sum(axis=1, keepdims=True)
    return (share[..., None] * x).sum(axis=1), padding


def right_backward(dout, padding):
    """dout (N, D) -> dx (N, T, D)."""
    keep = ~padding
    share = keep / keep.sum(axis=1, keepdims=True)
    return share[..., None] * dout[:, None]


def right_inputs(seed):
    """x (3, 5, 2), padding (3, 5): sentences of 2, 4 and 3 tokens."""
    x = np.random.default_rng(seed).normal(size=(3, 5, 2))
    return x, np.arange(5) >= np.array([[2], [4], [3]])


wrong_forward = right_forward
wrong_inputs = right_inputs


def wrong_backward(dout, mask):
    """The cache holds a mask, and a mask says what to keep, does it not?"""
    keep = mask
    share = keep / keep.sum(axis=1, keepdims=True)
    return share[..., None] * dout[:, None]
