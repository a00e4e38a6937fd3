"""Rows of the scans: ops/scan.py.

Read next: cases_row.py (the words used here).
"""

import numpy as np
from cases_row import at, case, run

from minigen import ops

ALONG = [
    run((2, 3), dim=0),
    run((2, 3), dim=-1, exclusive=True),
    run((3, 2, 2), dim=0),
    run((2, 5, 2), dim=1, exclusive=True),
    run((9,), dim=0),
    run((), dim=0),
    run((), dim=-1, exclusive=True),
    run((1,), dim=0, exclusive=True),
    run((3, 0), dim=0),
    run((0, 2), dim=0, exclusive=True),
]


def scanned(function, start):
    """Of x up to each element, from the definition."""

    def scan(x, dim, exclusive=False):
        x = x if x.ndim else x.reshape(1)
        y, moved = np.empty_like(x), np.moveaxis(x, dim, 0)
        for i in range(len(moved)):
            part = moved[: i if exclusive else i + 1]
            np.moveaxis(y, dim, 0)[i] = function(part, axis=0) if len(part) else start
        return y

    return lambda x, dim, exclusive=False: scan(x, dim, exclusive).reshape(x.shape)


SCANS = [
    case(
        "cumsum", ops.cumsum, scanned(np.sum, 0), ALONG, linear=(0,),
        kinks=[at([3, 1, 2], dim=0, exclusive=True, y=[0, 3, 4])],
    ),
    case(
        "cumprod", ops.cumprod, scanned(np.prod, 1), ALONG,
        # PyTorch's: one zero, two, all; the last element counts once
        kinks=[
            at([2.0, 0.0, 3.0], dim=0, y=[2, 0, 0], grads=([1, 8, 0],), second=[4, 6, 2]),
            at([2.0, 0.0, 0.0], dim=0, y=[2, 0, 0], grads=([1, 2, 0],), second=[1, 3, 2]),
            at([0.0, 0.0, 3.0], dim=-1, y=[0, 0, 0], grads=([1, 0, 0],), second=[4, 4, 0]),
            at([2.0, 0.0, 3.0], dim=0, exclusive=True, y=[1, 2, 0], grads=([1, 2, 0],)),
            at([3, 1, 2], dim=0, exclusive=True, y=[1, 3, 3]),
            at([1e-30, 1e-30, 1e30], dim=0, y=[1e-30, 0, 0], grads=([2, 1, 0],)),
        ],
    ),
]
