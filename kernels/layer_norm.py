"""Entries of layer_norm.cu: layer norm, and RMS norm, which is centre=0.

Read next: layer_norm.cu, entry.py.
"""

import numpy as np
from minigen.kernels.entry import In, Kernel, Out, Scalar, ceil_div

HELD = 1 << 16  # bytes of shared memory, at most, in which a team keeps what it visits again
TEAMS = 8  # in a block, where a team is a warp


def team(elements, itemsize, wide, most=512):
    """(threads for so many neighbouring elements, teams in a block); see mg_moments.cuh."""
    accesses = ceil_div(elements, 16 // itemsize if wide else 1)
    if accesses <= 64:
        return 32, TEAMS
    return min(most, ceil_div(accesses, 32) * 32), 1


def far(rng, s, shape):
    """Normal numbers whose mean is far from 0, as far as the type can say."""
    return rng.standard_normal(shape) + (1e4 if s.T in ("float32", "float64") else 3)


def centred_twice(x):
    """x minus the mean of each row; the first mean was rounded."""
    x = x - x.mean(1, keepdims=True)
    return x - x.mean(1, keepdims=True)


def _block(s):
    return team(s.columns, s.itemsize, s.wide)


def _teams(s, count):
    return (ceil_div(count, _block(s)[1]),)


def _accumulator_size(s):
    return max(4, s.itemsize)


def layer_norm(x, weight, bias, eps, centre):
    """(x - mean) / sqrt(variance + eps) · weight + bias of each row; and mean, None, 1 / sqrt()."""
    mean = x.mean(1) if centre else np.zeros(len(x))
    x = centred_twice(x) if centre else x
    inverse_std = 1 / np.sqrt((x * x).mean(1) + eps)
    y = x * inverse_std[:, None] * (1 if weight is None else weight)
    return y + (0 if bias is None else bias), mean, None, inverse_std


def _layer_norm_backward(g, x, mean, rest, inverse_std, weight, centre, band, bands):
    unit = (x - mean[:, None] - rest[:, None]) * inverse_std[:, None]
    upper = g if weight is None else g * weight
    dx = upper - unit * (upper * unit).mean(1, keepdims=True)
    if centre:
        dx -= upper.mean(1, keepdims=True)
    dx *= inverse_std[:, None]
    parts = [slice(i * band, (i + 1) * band) for i in range(bands)]
    return dx, np.stack([[(g * unit)[at].sum(0), g[at].sum(0)] for at in parts])


_FORWARD = (
    {"rows": 9, "columns": 40, "eps": 1e-5, "centre": 1, "held": 1, "wide": True},
    {"rows": 3, "columns": 37, "eps": 0.1, "centre": 0, "held": 0, "wide": False, "bias": None},
    {"rows": 2, "columns": 1, "eps": 0.1, "centre": 1, "held": 1, "wide": False, "weight": None},
    {"rows": 2, "columns": 205, "eps": 1e-5, "centre": 1, "held": 1, "wide": False},
    {"rows": 3, "columns": 1128, "eps": 1e-5, "centre": 1, "held": 0, "wide": True},
    {"rows": 2, "columns": 4200, "eps": 1e-5, "centre": 0, "held": 1, "wide": True},
)
_BACKWARD = (
    {"rows": 29, "columns": 40, "bands": 10, "band": 3, "centre": 1, "held": 1, "wide": True},
    {"rows": 7, "columns": 37, "bands": 4, "band": 2, "centre": 0, "held": 0, "wide": False,
     "weight": None},
    {"rows": 3, "columns": 205, "bands": 2, "band": 2, "centre": 1, "held": 1, "wide": False},
    {"rows": 2, "columns": 1128, "bands": 1, "band": 2, "centre": 1, "held": 0, "wide": True},
    {"rows": 3, "columns": 4200, "bands": 1, "band": 3, "centre": 1, "held": 1, "wide": True},
)  # fmt: skip
_BENCH = {"rows": 16384, "columns": 1024, "centre": 1, "held": 1, "wide": True}

KERNELS = (
    Kernel(
        "layer_norm_forward",
        "layer_norm.cu",
        (
            In("x", "T", "rows columns", draw=lambda rng, s: far(rng, s, (s.rows, s.columns))),
            In("weight", "A", "columns", optional=True),
            In("bias", "A", "columns", optional=True),
            Out("y", "T", "rows columns"),
            Out("mean", "A", "rows"),
            Out("rest", "A", "rows"),
            Out("inverse_std", "A", "rows"),
            Scalar("rows"),
            Scalar("columns"),
            Scalar("eps", "A"),
            Scalar("centre"),
            Scalar("held"),
        ),
        grid=lambda s: _teams(s, s.rows),
        block=_block,
        shared=lambda s: s.held * _block(s)[1] * s.columns * s.itemsize,
        reference=layer_norm,
        samples=_FORWARD,
        bench=_BENCH | {"eps": 1e-5},
        bytes=lambda s: 2 * s.rows * s.columns * s.itemsize,
        flops=lambda s: 8 * s.rows * s.columns,
        variants={"wide": (False, True)},
        template="{T}, {wide}",
        registers=48,
    ),
    Kernel(
        "layer_norm_backward",
        "layer_norm.cu",
        (
            In("g", "T", "rows columns"),
            In("x", "T", "rows columns"),
            In("mean", "A", "rows"),
            In("rest", "A", "rows"),
            In("inverse_std", "A", "rows"),
            In("weight", "A", "columns", optional=True),
            Out("dx", "T", "rows columns"),
            Out("sums", "A", "bands 2 columns"),
            Scalar("rows"),
            Scalar("columns"),
            Scalar("bands"),
            Scalar("band"),
            Scalar("centre"),
            Scalar("held"),
        ),
        grid=lambda s: _teams(s, s.bands),
        block=_block,
        shared=lambda s: s.held * _block(s)[1] * 2 * s.columns * _accumulator_size(s),
        reference=_layer_norm_backward,
        samples=_BACKWARD,
        bench=_BENCH | {"bands": 512, "band": 32},
        bytes=lambda s: 3 * s.rows * s.columns * s.itemsize,
        flops=lambda s: 16 * s.rows * s.columns,
        variants={"wide": (False, True)},
        template="{T}, {wide}",
        registers=56,
    ),
)
