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
    box = np.full([n + a + b for n, (a, b) in zip(x.shape, widths, strict=True)], value)
    for place, v in np.ndenumerate(x):
        to = tuple(i + a for i, (a, _) in zip(place, widths, strict=True))
        if all(0 <= i < n for i, n in zip(to, box.shape, strict=True)):
            box[to] = v
    return box


PADDING = [
    shape_op(
        "pad", ops.pad, padded,
        run((2, 3), pad=(1, 2)),
        run((2, 3), pad=(0, 1, 2, 0), value=1.5),
        run((2, 3), pad=(-1, 1)),
        run((2, 3, 2), pad=(0, 0, -1, -1, 1, 0)),
        run((3,), pad=()),
        run((0, 2), pad=(1, 0, 1, 0)),
    ),
]

