"""Entries of softmax.cu.

Read next: softmax.cu, entry.py.
"""

import numpy as np
from minigen.kernels.entry import In, Kernel, Out, Scalar


def _row_block(s):
    """Threads for one row: as many as it has columns, in warps, at most 256."""
    return (min(256, max(32, -(-s.columns // 32) * 32)),)


def softmax(x, columns):
    """exp(x) / Σ exp(x) of each row."""
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _softmax_backward(g, y, columns):
    return y * (g - (g * y).sum(-1, keepdims=True))


_ROWS = (
    {"rows": 5, "columns": 205},
    {"rows": 3, "columns": 1},
    {"rows": 2, "columns": 33},
    {"rows": 2, "columns": 1027},
)
_BENCH = {"rows": 8192, "columns": 4096}

KERNELS = (
    Kernel(
        "softmax_forward",
        "softmax.cu",
        (In("x", "T", "rows columns"), Out("y", "T", "rows columns"), Scalar("columns")),
        grid=lambda s: (s.rows,),
        block=_row_block,
        reference=softmax,
        samples=_ROWS,
        bench=_BENCH,
        bytes=lambda s: 2 * s.rows * s.columns * s.itemsize,
        flops=lambda s: 5 * s.rows * s.columns,
    ),
    Kernel(
        "softmax_backward",
        "softmax.cu",
        (
            In("g", "T", "rows columns"),
            In("y", "T", "rows columns"),
            Out("dx", "T", "rows columns"),
            Scalar("columns"),
        ),
        grid=lambda s: (s.rows,),
        block=_row_block,
        reference=_softmax_backward,
        samples=_ROWS,
        bench=_BENCH,
        bytes=lambda s: 3 * s.rows * s.columns * s.itemsize,
        flops=lambda s: 4 * s.rows * s.columns,
    ),
)
