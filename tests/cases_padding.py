"""Rows of ops/padding.py.

Read next: cases_row.py (the words used here).
"""

import numpy as np
from cases_row import run
from cases_shape import shape_op

from minigen import ops


def padded(x, pad, value=0.0):
    """From the definition: a box full of value, and x moved into it."""
    widths = [(0, 0)] * (x.ndim - len(pad) // 2) + list(zip(pad[-2::-2], pad[::-2], strict=True))
    box = np.full([n + a + b for n, (a, b) in zip(x.shape, widths, strict=True)], value or 0.0)
    for place, v in np.ndenumerate(x):
        to = tuple(i + a for i, (a, _) in zip(place, widths, strict=True))
        if all(0 <= i < n for i, n in zip(to, box.shape, strict=True)):
            box[to] = v
    return box


def bordered(x, pad, mode):
    """From the definition: which element of x each place of the larger box shows."""
    for k, (a, b) in enumerate(zip(pad[::2], pad[1::2], strict=True)):
        n = x.shape[-1 - k]
        if mode == "reflect":  # 0 1 2 3 | 2 1 0 1 ...: a swing of 2(n - 1) steps
            shown = [abs((i + n - 1) % max(2 * n - 2, 1) - (n - 1)) for i in range(-a, n + b)]
        elif mode == "replicate":
            shown = [min(max(i, 0), n - 1) for i in range(-a, n + b)]
        else:
            shown = [i % n for i in range(-a, n + b)]
        x = np.take(x, shown, -1 - k)
    return x


PADDING = [
    shape_op(
        "pad", ops.pad, padded,
        run((2, 3), pad=(1, 2)),
        run((2, 3), pad=(0, 1, 2, 0), value=1.5),
        run((2, 3), pad=(-1, 1)),
        run((2,), pad=(1, 1), value=None),
        run((2, 3, 2), pad=(0, 0, -1, -1, 1, 0)),
        run((3,), pad=()),
        run((0, 2), pad=(1, 0, 1, 0)),
    ),
    shape_op(
        "pad", ops.pad, bordered,
        run((1, 1, 3), pad=(2, 1), mode="reflect"),
        run((2, 3, 3), pad=(1, 2, 2, 0), mode="reflect"),
        run((1, 2, 3, 2), pad=(1, 1, 0, 2, 1, 0), mode="reflect"),
        run((1, 2), pad=(3, 2), mode="replicate"),
        run((2, 2, 1), pad=(1, 2, 3, 1), mode="replicate"),
        run((1, 1, 2, 2, 2), pad=(1, 0, 2, 1, 0, 1), mode="replicate"),
        run((1, 3), pad=(3, 1), mode="circular"),
        run((2, 2, 3), pad=(1, 2, 2, 1), mode="circular"),
        run((1, 2, 1, 2), pad=(2, 1, 1, 0, 0, 2), mode="circular"),
        run((0, 2, 3), pad=(1, 1), mode="reflect"),
        run((3,), pad=(0, 0), mode="circular"),
    ),
]

