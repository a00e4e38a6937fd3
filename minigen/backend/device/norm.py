"""Normalisation on a device; see ../norm.py for what the functions mean, and kernels/layer_norm.cu,
group_norm.cu and batch_norm.cu for how it is done.

Idea: x may have 16 bits, and keeps them; its parameters and all statistics are in the type in which
kernels accumulate. Of a forward only means and variances (or inverse standard deviations) stay, per
row, group or channel.
Read next: ../norm.py.
"""

import math
from typing import NamedTuple

from minigen.backend import byte_range
from minigen.backend.kernels import dtype_of, launch
from minigen.backend.work import computable
from minigen.kernels.batch_norm import CHUNK
from minigen.kernels.entry import ceil_div
from minigen.kernels.layer_norm import HELD, team


def _accumulated(x, *arrays):
    """The arrays in the dtype in which a kernel for x accumulates; None stays None."""
    dtype = dtype_of("A", x.dtype.name)
    return [None if v is None else v.astype(dtype, copy=False) for v in arrays]


def _wide(count, x, *arrays):
    """Whether a kernel may access 16 bytes at a time: counts and addresses must be multiples."""
    if count % (16 // x.itemsize):
        return False
    given = [v for v in (x, *arrays) if v is not None and v.flags.c_contiguous]  # else copied
    return all(byte_range(v)[0] % 16 == 0 for v in given)


def _fits(x, elements, wide):
    """1 if the teams of a block can hold so many elements of x each in shared memory, else 0."""
    return int(elements * x.itemsize * team(elements, x.itemsize, wide)[1] <= HELD)


def _added(sums):
    """(dweight, dbias), as one array, from parts of them (parts, 2, columns)."""
    parts, _, columns = sums.shape
    return launch("column_sum", sums.reshape(parts, 2 * columns)).reshape(2, columns)


# ---- rows: layer norm and RMS norm


def row_norm(x, weight, bias, eps, centre):
    """norm.row_norm, also for 16 bits."""
    (rows, columns), size = x.shape, x.itemsize
    weight, bias = _accumulated(x, weight, bias)
    wide, centre = _wide(columns, x, weight, bias), int(centre)
    y, *statistics = launch(
        "layer_norm_forward", x, weight, bias, eps=eps, centre=centre,
        held=_fits(x, columns, wide), wide=wide,
    )  # fmt: skip

    def backward(g, needs):
        g = g.astype(x.dtype, copy=False)
        wide = _wide(columns, g, x, weight)
        band = max(1, rows * max(columns, 256) >> 17)  # for 512 teams, more if the rows are short
        held = 2 * columns * max(4, size) * team(columns, size, wide)[1] <= HELD
        dx, sums = launch(
            "layer_norm_backward", g, x, *statistics, weight, bands=ceil_div(rows, band),
            band=band, centre=centre, held=int(held), wide=wide,
        )  # fmt: skip
        return dx, *_added(sums)

    return y, backward


# ---- channels: batch, group and instance norm


def _stretches(x):
    """x (N, C, *size) as (N, C, positions)."""
    return x.reshape(*x.shape[:2], math.prod(x.shape[2:]))


class Moments(NamedTuple):
    """norm.Moments, on a device: a row for each sample, or one for the batch."""

    batch: bool  # of each channel in all samples; else of each group in each
    mean: object
    rest: object
    variance: object


def moments(x, groups):
    """norm.moments, also for 16 bits."""
    x = _stretches(x)
    if groups is not None:  # a group is one stretch of memory: a channel of one large sample
        n, channels, positions = x.shape
        each = channels // max(groups, 1)
        x = x.reshape(1, n * groups, each * positions)
    samples, channels, positions = x.shape
    count = samples * positions
    chunk, chunks = _chunks(count)
    found = launch("batch_norm_moments", x, chunk=chunk, chunks=chunks, wide=_wide(positions, x))
    if chunks > 1:
        found = launch("batch_norm_finish", *found, chunk=chunk, count=count)
    shape = (1, channels) if groups is None else (n, groups)
    return Moments(groups is None, *(v.reshape(shape) for v in found))


def _chunks(count):
    """How many elements of a channel a block has, and how many blocks a channel."""
    chunk = max(1, min(count, CHUNK))
    return chunk, ceil_div(count, chunk)


def moved(moments, running_mean, running_var, momentum, correction):
    """norm.moved."""
    given = computable(*moments[1:], running_mean, running_var)
    return launch("batch_norm_running", *given, momentum=momentum, correction=correction)


def normalise(x, weight, bias, eps, moments):
    """norm.normalise, also for 16 bits."""
    if not moments.batch:  # a group's moments are found again on the way: it is there anyway
        return group_norm(x, weight, bias, eps, moments.mean.shape[1])
    shape, statistics = x.shape, [v.reshape(-1) for v in moments[1:]]
    weight, bias = _accumulated(x, weight, bias)
    x = _stretches(x)
    y = _apply(x, *statistics, weight, bias, eps)

    def backward(g, needs):
        g = _stretches(g.astype(x.dtype, copy=False))
        sums, dx = _channel_sums(g, x, *statistics, eps), None
        if needs.x:
            wide = _wide(x.shape[2], g, x)
            dx = launch("batch_norm_backward", g, x, *statistics, weight, sums, eps=eps, wide=wide)
            dx = dx.reshape(shape)
        return dx, *sums

    return y.reshape(shape), backward


def _apply(x, mean, rest, variance, weight, bias, eps=0.0):
    wide = _wide(x.shape[2], x)
    return launch("batch_norm_apply", x, mean, rest, variance, weight, bias, eps=eps, wide=wide)


def _channel_sums(g, x, mean, rest, variance, eps=0.0):
    """Σ g·x̂ and Σ g of each channel: (2, C)."""
    samples, _, positions = x.shape
    chunk, chunks = _chunks(samples * positions)
    return _added(
        launch(
            "batch_norm_sums", g, x, mean, rest, variance, chunk=chunk, chunks=chunks, eps=eps,
            wide=_wide(positions, g, x),
        )
    )  # fmt: skip


def group_norm(x, weight, bias, eps, groups):
    """norm.group_norm, also for 16 bits."""
    shape, x = x.shape, _stretches(x)
    weight, bias = _accumulated(x, weight, bias)
    samples, channels, positions = x.shape
    each = channels // max(groups, 1)
    how, wide = {"groups": groups, "each": each}, _wide(positions, x)
    y, *statistics = launch(
        "group_norm_forward", x, weight, bias, eps=eps, all=samples * groups,
        held=_fits(x, each * positions, wide), wide=wide, **how,
    )  # fmt: skip

    def backward(g, needs):
        g = _stretches(g.astype(x.dtype, copy=False))
        wide = _wide(positions, g, x)
        dx, sums = launch("group_norm_backward", g, x, *statistics, weight, wide=wide, **how)
        return dx.reshape(shape), *_added(sums)

    return y.reshape(shape), backward


def shift_scale(x, mean, scale, bias):
    """norm.shift_scale, also for 16 bits."""
    shape, x = x.shape, _stretches(x)
    mean, scale, bias = _accumulated(x, mean, scale, bias)
    y = _apply(x, mean, None, None, scale, bias)

    def backward(g, needs):
        g, dx, sums = _stretches(g.astype(x.dtype, copy=False)), None, (None, None)
        if needs.mean or needs.scale or needs.bias:
            sums = _channel_sums(g, x, mean, None, None)
        if needs.x:
            dx = _apply(g, None, None, None, scale, None).reshape(shape)
        return dx, -scale * sums[1] if needs.mean else None, *sums

    return y.reshape(shape), backward
