"""Right inside, wrong at the edge

What it is

All entries are right but those in the first or last rows or columns. A loop or a slice leaves them
out, or treats them like all others though they have fewer neighbours, or more. For instance:
- range(0, H - 2, 2) ends before the window that begins at H - 2, for the stop is not reached;
- backward counts its windows by another formula than forward, H // 2 and (H - 1) // 2;
- a total variation sums (x[i + 1] - x[i])^2: inside each x is in two terms, at both ends in one;
- padding that mirrors or repeats what is near the edge: what comes back to the copies has to be
  added to the originals.
A norm over the whole image hardly shows it, and so it survives a careless check.

What looks like it:
- off by one: there the inside is wrong, too, and right once it is moved;
- rows that no window reads: 5 rows with windows of 2 leave the last row out in forward. Then its
  gradient is 0, and that is right;
- a wrong mask: its wrong entries lie anywhere, as x or the mask has it.

How to find it by hand

Print (abs(yours - numeric) > 1e-6).astype(int): a row or column of ones at the edge. --pictures
draws the same as a map. Or call backward with dout = 1 and look at dx itself: for an average
pooling with windows of 2 x 2 every entry must be 1/4. Then print the indices that both loops go
through, the one of forward and the one of backward: list(range(0, H - 2, 2)).

On paper: an image of 4 rows and 2 columns, which is two windows, one above the other. With
dout = (4, 8) the rows of dx are (1, 1), (1, 1), (2, 2), (2, 2). The windows begin at the rows 0 and
2. range(0, 4 - 2, 2) is 0 alone, and so the last two rows stay (0, 0).

The formula

    y[i, j] = 1/4 * sum over a = 0, 1 and b = 0, 1 of x[2i + a, 2j + b]

Each x[h, w] is in one window, i = h // 2 and j = w // 2:

    dx[h, w] = 1/4 * dout[h // 2, w // 2]    for all h = 0, ..., H - 1 and w = 0, ..., W - 1

In general windows of length K and stride S in a row of H begin at

    0, S, 2S, ..., the last at H - K (if S divides H - K), which are (H - K) // S + 1

so the loop is range(0, H - K + 1, S). Here that is range(0, H - 1, 2).
"""

import numpy as np


def right_forward(x):
    """x (N, C, H, W) -> y (N, C, H / 2, W / 2), the mean of each window of 2 x 2."""
    n, c, h, w = x.shape
    y = np.zeros((n, c, h // 2, w // 2))
    for i in range(h // 2):
        for j in range(w // 2):
            y[:, :, i, j] = x[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].mean(axis=(2, 3))
    return y, x.shape


def right_backward(dout, shape):
    """dout (N, C, H / 2, W / 2) -> dx (N, C, H, W)."""
    dx = np.zeros(shape)
    for h in range(0, shape[2] - 1, 2):
        for w in range(0, shape[3] - 1, 2):
            dx[:, :, h : h + 2, w : w + 2] = dout[:, :, h // 2, w // 2, None, None] / 4
    return dx


def right_inputs(seed):
    """x (2, 1, 6, 6)."""
    return (np.random.default_rng(seed).normal(size=(2, 1, 6, 6)),)


wrong_forward = right_forward
wrong_inputs = right_inputs


def wrong_backward(dout, shape):
    """The last window of each column is left out."""
    dx = np.zeros(shape)
    for h in range(0, shape[2] - 2, 2):
        for w in range(0, shape[3] - 1, 2):
            dx[:, :, h : h + 2, w : w + 2] = dout[:, :, h // 2, w // 2, None, None] / 4
    return dx
