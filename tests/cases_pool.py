"""Rows of ops/pool.py; pooling as loops, which say what the ops mean.

Read next: cases_row.py (the words used here).
"""

import numpy as np
from cases_conv import each
from cases_row import apart, at, case, run

from minigen import ops


def pool_by_loops(pick, fill):
    """pick(the elements of one window), for every window; fill stands around x (N, C, H, W)."""

    def pool(x, kernel_size, stride=None, padding=0, **options):
        kernel, around = each(kernel_size, 2), each(padding, 2)
        stride = kernel if stride is None else each(stride, 2)
        x = np.pad(x, [(0, 0), (0, 0), *[(p, p) for p in around]], constant_values=fill)
        out = [(n - k) // s + 1 for n, k, s in zip(x.shape[2:], kernel, stride, strict=True)]
        y = np.empty((*x.shape[:2], *out))
        for n, c, i, j in np.ndindex(*y.shape):
            top, left = i * stride[0], j * stride[1]
            y[n, c, i, j] = pick(x[n, c, top : top + kernel[0], left : left + kernel[1]], **options)
        return y

    return pool


def window_mean(window, count_include_pad=True):
    """nan stands for the padding."""
    return np.nansum(window) / (window.size if count_include_pad else np.isfinite(window).sum())


WINDOWS = [
    run((1, 2, 4, 4), kernel_size=2),
    run((1, 1, 3, 4), kernel_size=(2, 3), stride=1),
    run((2, 1, 5, 3), kernel_size=(3, 2), stride=(2, 1), padding=1),
    run((1, 1, 4, 5), kernel_size=2, stride=3),
    run((1, 1, 1, 1), kernel_size=1),
    run((0, 2, 2, 2), kernel_size=2),
]


POOLING = [
    case(
        "max_pool2d", ops.max_pool2d, pool_by_loops(np.max, -np.inf), WINDOWS, apart,
        # the first of several equal elements takes the gradient
        kinks=[at([[[[1.0, 1.0], [1.0, 1.0]]]], kernel_size=2, y=[[[[1]]]],
                  grads=([[[[1, 0], [0, 0]]]],))],
    ),
    case(
        "avg_pool2d", ops.avg_pool2d, pool_by_loops(window_mean, np.nan),
        [
            *WINDOWS,
            run((1, 1, 3, 4), kernel_size=2, padding=1, count_include_pad=False),
            run((1, 1, 4, 3), kernel_size=(3, 2), padding=(1, 0), count_include_pad=False),
        ],
        linear=(0,),
    ),
]

