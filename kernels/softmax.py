"""Entries of softmax.cu.

Read next: softmax.cu, entry.py.
"""

import numpy as np
from minigen.kernels.entry import In, Kernel, Out, Scalar, ceil_div

# ---- rows of (outer, columns, inner), which other families have, too: see mg_rows.cuh

TEAMS = ("a_warp", "a_block", "a_thread")
HELD = 1024  # columns of a row that a warp can hold in registers
FEW = 16  # columns up to which a thread has a whole row
SIZES = (Scalar("outer"), Scalar("columns"), Scalar("inner"))


def team_for(columns, inner):
    """Who is to work on one row."""
    if inner > 1 or columns <= FEW:
        return "a_thread"
    return "a_warp" if columns <= HELD else "a_block"


def team_block(s):
    """Threads of a block: four warps, or a block that is no larger than its row."""
    if s.team != "a_block":
        return (128,)
    return (1024 if s.columns >= 1 << 14 else 256,)


def team_grid(s):
    """Enough blocks for all rows."""
    rows = s.outer * s.inner
    return (ceil_div(rows, {"a_warp": 4, "a_block": 1, "a_thread": 128}[s.team]),)


# ---- references


def _softmax(x, log):
    shifted = x - x.max(1, keepdims=True)
    y = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return y if log else np.exp(y)


def _logsumexp(x):
    top = x.max(1)
    return top + np.log(np.exp(x - top[:, None]).sum(1))


def _softmax_backward(g, y, log):
    if log:
        return g - np.exp(y) * g.sum(1, keepdims=True)
    return y * (g - (g * y).sum(1, keepdims=True))


# ---- entries

# Of a warp: the two ends, more packs than one, rows that do not fill the last block; wide (all
# types have packs in 64 columns) and not. Of a block: less than a visit of all threads, and more;
# the largest block.
_ROWS = tuple(
    {"outer": outer, "columns": columns, "inner": inner, "team": team}
    for outer, columns, inner, team in (
        (5, 1024, 1, "a_warp"),
        (4, 1, 1, "a_warp"),
        (3, 333, 1, "a_warp"),
        (2, 64, 1, "a_warp"),
        (2, 1027, 1, "a_block"),
        (1, 2560, 1, "a_block"),
        (2, 96, 1, "a_block"),
        (1, 16390, 1, "a_block"),
        (2, 5, 67, "a_thread"),
        (3, 1, 1, "a_thread"),
    )
)
_LOG = tuple({**sample, "log": log} for sample in _ROWS for log in (False, True))
_BENCH = {"outer": 8192, "columns": 4096, "inner": 1, "team": "a_block"}
_LAYOUT = "outer columns inner"


def drawn_rows(rng, s):
    """Numbers whose exponentials differ by far, so that a wrong maximum is seen."""
    return rng.normal(0, 3, (s.outer, s.columns, s.inner))


def _drawn_result(rng, s):
    """What the forward could have given."""
    return _softmax(drawn_rows(rng, s), s.log)


KERNELS = (
    Kernel(
        "softmax_forward",
        "softmax.cu",
        (In("x", "T", _LAYOUT, draw=drawn_rows), Out("y", "T", _LAYOUT), *SIZES),
        grid=team_grid,
        block=team_block,
        reference=_softmax,
        samples=_LOG,
        bench={**_BENCH, "log": False},
        bytes=lambda s: 2 * s.outer * s.columns * s.inner * s.itemsize,
        flops=lambda s: 5 * s.outer * s.columns * s.inner,
        registers=48,
        variants={"log": (False, True), "team": TEAMS},
        template="{T}, {log}, {team}",
    ),
    Kernel(
        "logsumexp",
        "softmax.cu",
        (In("x", "T", _LAYOUT, draw=drawn_rows), Out("y", "T", "outer inner"), *SIZES),
        grid=team_grid,
        block=team_block,
        reference=_logsumexp,
        samples=_ROWS,
        bench=_BENCH,
        bytes=lambda s: s.outer * (s.columns + 1) * s.inner * s.itemsize,
        flops=lambda s: 3 * s.outer * s.columns * s.inner,
        registers=48,
        variants={"team": TEAMS},
        template="{T}, {team}",
    ),
    Kernel(
        "softmax_backward",
        "softmax.cu",
        (
            In("g", "T", _LAYOUT),
            In("y", "T", _LAYOUT, draw=_drawn_result),
            Out("dx", "T", _LAYOUT),
            *SIZES,
        ),
        grid=team_grid,
        block=team_block,
        reference=_softmax_backward,
        samples=_LOG,
        bench={**_BENCH, "log": False},
        bytes=lambda s: 3 * s.outer * s.columns * s.inner * s.itemsize,
        flops=lambda s: 4 * s.outer * s.columns * s.inner,
        registers=80,  # g and y are both held
        variants={"log": (False, True), "team": TEAMS},
        template="{T}, {log}, {team}",
    ),
)
