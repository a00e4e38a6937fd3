"""Rows of convolution; convolution as loops.

The loops say what the ops mean, in any dimension, and share nothing with how they are computed.
Read next: cases_row.py (the words used here), test_properties.py (the loops on random shapes).
"""

from itertools import product

import numpy as np
from cases_row import case, run

from minigen import ops


def each(value, n):
    """An option for every one of n dimensions."""
    return (value,) * n if isinstance(value, int) else tuple(value)


def pairs(padding, kernel, dilation=1):
    """(zeros before, zeros after) for every dimension; an odd one of "same" stands after."""
    if padding == "same":
        reach = [d * (k - 1) for k, d in zip(kernel, each(dilation, len(kernel)), strict=True)]
        return [(r // 2, (r + 1) // 2) for r in reach]
    padding = 0 if padding == "valid" else padding
    return [p if isinstance(p, tuple) else (p, p) for p in each(padding, len(kernel))]


def conv_by_loops(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
    """y[n, o, u] = b[o] + Σ over c, k of w[o, c, k] · x[n, c, u·stride + k·dilation - low]

    x (N, C, *size), w (O, C/groups, *kernel) -> (N, O, *out)
    """
    n, kernel = w.ndim - 2, w.shape[2:]
    around = pairs(padding, kernel, dilation)
    stride, dilation = each(stride, n), each(dilation, n)
    x = np.pad(x, [(0, 0), (0, 0), *around])
    reach = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    out = [(s - r - 1) // t + 1 for s, r, t in zip(x.shape[2:], reach, stride, strict=True)]
    y = np.zeros((len(x), len(w), *out))
    inputs, outputs = w.shape[1], len(w) // groups
    for o, u, k in product(range(len(w)), np.ndindex(*out), np.ndindex(*kernel)):
        q = [i * t + j * d for i, t, j, d in zip(u, stride, k, dilation, strict=True)]
        first = o // outputs * inputs
        y[(slice(None), o, *u)] += (
            x[(slice(None), slice(first, first + inputs), *q)] @ w[(o, slice(None), *k)]
        )
    return y if b is None else y + b.reshape(-1, *[1] * n)


def conv_transpose_by_loops(
    x, w, b=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """y[n, o, u·stride + k·dilation - low] += w[c, o, k] · x[n, c, u], then + b[o]

    x (N, C, *size), w (C, O/groups, *kernel) -> (N, O, *out)
    """
    n, kernel, size = w.ndim - 2, w.shape[2:], x.shape[2:]
    around = pairs(padding, kernel)
    stride, dilation, extra = each(stride, n), each(dilation, n), each(output_padding, n)
    full = [
        (s - 1) * t + d * (k - 1) + e + 1
        for s, t, d, k, e in zip(size, stride, dilation, kernel, extra, strict=True)
    ]
    inputs, outputs = len(w) // groups, w.shape[1]
    y = np.zeros((len(x), outputs * groups, *full))
    for c, u, k in product(range(len(w)), np.ndindex(*size), np.ndindex(*kernel)):
        q = [i * t + j * d for i, t, j, d in zip(u, stride, k, dilation, strict=True)]
        first = c // inputs * outputs
        y[(slice(None), slice(first, first + outputs), *q)] += np.outer(
            x[(slice(None), c, *u)], w[(c, slice(None), *k)]
        )
    cut = [slice(low, f - high) for (low, high), f in zip(around, full, strict=True)]
    y = y[(..., *cut)]
    return y if b is None else y + b.reshape(-1, *[1] * n)


CONV = [
    case(
        name, getattr(ops, name), conv_by_loops,
        [
            run((2, 2, 5), (3, 2, 3), (3,)),
            run((1, 1, 4), (2, 1, 2), padding="same"),
            run((1, 1, 5), (1, 1, 2), padding="valid", dilation=3),
            run((1, 2, 5), (2, 2, 2), padding=((2, 0),), stride=2),
            run((1, 4, 4), (4, 1, 2), (4,), groups=4, padding=1),
            run((1, 4, 6), (2, 2, 3), groups=2, stride=3, padding=1),
            run((2, 1, 1), (1, 1, 1), (1,)),
            run((1, 6, 3), (1, 6, 2)),
            run((0, 1, 3), (1, 1, 2), (1,)),
        ],
        linear=(0, 1, 2),
    )
    for name in ("conv1d", "conv")
]
CONV += [
    case(
        name, getattr(ops, name), conv_by_loops,
        [
            run((1, 2, 3, 4), (2, 2, 2, 3), (2,)),
            run((1, 1, 4, 5), (1, 1, 3, 2), stride=(2, 1), padding=(1, 0)),
            run((1, 1, 5, 4), (1, 1, 2, 2), dilation=(3, 2), padding="same"),
            run((2, 2, 3, 3), (2, 1, 2, 2), (2,), groups=2, padding=((1, 0), (0, 2)), stride=2),
            run((1, 1, 2, 2), (6, 1, 1, 1)),
        ],
        linear=(0, 1, 2),
    )
    for name in ("conv2d", "conv")
]
CONV += [
    case(
        "conv3d", ops.conv3d, conv_by_loops,
        [
            run((1, 1, 2, 3, 2), (2, 1, 2, 2, 1), (2,), padding=(0, 1, 0)),
            run((1, 2, 3, 2, 3), (2, 1, 2, 1, 2), groups=2, stride=(1, 2, 1), dilation=(2, 1, 1)),
            run((1, 1, 2, 2, 2), (1, 1, 2, 1, 2), padding="same"),
        ],
        linear=(0, 1, 2),
    ),
]

CONV += [
    case(
        name, getattr(ops, name), conv_transpose_by_loops,
        [
            run((2, 2, 3), (2, 3, 2), (3,)),
            run((1, 1, 3), (1, 1, 3), stride=2, padding=1, output_padding=1),
            run((1, 1, 3), (1, 2, 2), stride=3, dilation=2),
            run((1, 2, 3), (2, 6, 2), (6,), padding=((1, 0),)),
            run((1, 4, 2), (4, 1, 3), groups=4, stride=2, padding=1),
            run((1, 4, 2), (4, 1, 2), (2,), groups=2),
            run((1, 1, 2), (1, 1, 1), (1,), stride=3, output_padding=2),
            run((1, 1, 3), (1, 1, 2), (1,), dilation=2, output_padding=1),
            run((1, 1, 3), (1, 1, 2), (1,), padding=1, dilation=3, output_padding=2),
            run((1, 1, 1), (1, 1, 1)),
            run((0, 1, 2), (1, 1, 2)),
        ],
        linear=(0, 1, 2),
    )
    for name in ("conv_transpose1d", "conv_transpose")
]
CONV += [
    case(
        name, getattr(ops, name), conv_transpose_by_loops,
        [
            run((1, 2, 2, 3), (2, 2, 2, 2), (2,)),
            run((1, 1, 2, 2), (1, 1, 3, 3), stride=2, padding=1, output_padding=1),
            run((1, 2, 2, 2), (2, 1, 2, 1), stride=(1, 2), groups=2, output_padding=(0, 1)),
            run((1, 1, 2, 2), (1, 6, 2, 2), dilation=(1, 2), padding=((0, 1), (1, 0))),
        ],
        linear=(0, 1, 2),
    )
    for name in ("conv_transpose2d", "conv_transpose")
]
CONV += [
    case(
        "conv_transpose3d", ops.conv_transpose3d, conv_transpose_by_loops,
        [
            run((1, 1, 2, 1, 2), (1, 2, 2, 2, 1), (2,), stride=(1, 2, 1), padding=(1, 0, 0)),
            run((1, 2, 1, 2, 2), (2, 1, 1, 2, 2), groups=2, dilation=(1, 2, 1)),
        ],
        linear=(0, 1, 2),
    ),
]
