"""Batch, group and instance norm on the CPU, in few visits of the memory.

Idea: two sums per sample and channel say everything, Σ x and Σ x²; mean and variance of a group,
or of the batch, follow on tiny arrays. Then y = x·scale + shift, with a number of each per sample
and channel. Backward is the same again: Σ g and Σ g·x, then dx = g·a + x·b + c.

Far from 0, x² loses the digits that the variance needs: where a mean is more than two standard
deviations from 0, all this is done with x - pivot in place of x, pivot being that mean.

How it is fast. `Box` sees x in the order of its memory, channels last or first, as three
dimensions; results keep that order. Sums are products with a vector of ones (BLAS). Several passes
go over a block while it is in the cache (L2). With channels last, the numbers of the channels are
repeated until they fill a long row, as ufuncs like it. Large arrays are done in two halves.
Read next: norm.py (the formula, and who calls this), norm_rows.py (layer norm), conv.py.
"""

import functools
import math
from typing import NamedTuple

import numpy

from minigen.backend.numpy import halves, scratch
from minigen.backend.rows import LONG, sum_columns, sum_rows
from minigen.backend.work import channels_first, channels_last

BLOCK = 1 << 17  # elements of each array in a block: 512 kB in float32
ROW = 1 << 11  # elements of a long row
MANY = 1 << 19  # elements from which two threads gain
FAR = 4.0  # mean² over variance from which there is a pivot


def _repeats(positions, most):
    """The largest divisor of positions up to `most`; at least 1."""
    return next(k for k in range(max(1, min(most, positions)), 0, -1) if positions % k == 0)


def _blocks(shape, elements):
    """Slices of the first two of three dimensions, with about so many elements each."""
    n, a, b = shape
    samples = max(1, elements // max(a * b, 1))
    rows = max(1, a if samples > 1 else elements // max(b, 1))
    return [
        (slice(i, min(i + samples, n)), slice(j, min(j + rows, a)))
        for i in range(0, n, samples)
        for j in range(0, a, rows)
    ]


class Box:
    """How arrays (N, C, *size) are cut, as (N, C, positions) or (N, rows, repeats·C), and grouped.

    groups: of channels in a sample that share mean and variance; None: each channel has its own,
    shared by all samples (N is 1 here if the channels are last). Values per channel are arrays
    (N, C), or (1, C) for all samples; values per group are (N, groups), or (1, C).
    """

    def __init__(self, shape, dtype, groups, last, block, row):
        self.full, self.dtype, self.last = shape, dtype, last
        n, channels, *size = shape
        positions = math.prod(size)
        self.channels, self.each = channels, channels // groups if groups else 1
        self.batch = groups is None
        self.count = n * positions if self.batch else self.each * positions
        if last:
            n, positions = (1, n * positions) if self.batch else (n, positions)
            # one row of numbers for the whole batch may be longer than one for each sample
            self.repeats = _repeats(positions, (4 * row if self.batch else row) // channels)
            self.shape = n, positions // self.repeats, self.repeats * channels
        else:
            self.shape = n, channels, positions
        self.blocks = _blocks(self.shape, block)

    def view(self, x):
        """An array (N, C, *size) in the shape of the box; copied if its order is another."""
        x = channels_last(x) if self.last else x
        x = x if x.flags.c_contiguous else numpy.ascontiguousarray(x)
        x = x.reshape(self.shape)
        return x if x.dtype is self.dtype else x.astype(self.dtype, copy=False)

    def result(self, y):
        """An array in the shape of the box as (N, C, *size)."""
        if not self.last:
            return y.reshape(self.full)
        n, channels, *size = self.full
        return channels_first(y.reshape(n, *size, channels))

    def per_group(self, v):
        """Sums per channel, added up."""
        if self.batch:
            return v if len(v) == 1 else v.sum(0, keepdims=True)
        if self.each == 1:
            return v
        return v.reshape(len(v), self.channels // self.each, self.each).sum(2)

    def total(self, v):
        """Sums per channel, added up over the samples: (C,)."""
        return (v[0] if len(v) == 1 else v.sum(0)).astype(self.dtype)

    def per_channel(self, v):
        """Values per group, repeated."""
        return v if self.each == 1 else v.repeat(self.each, 1)

    def spread(self, v):
        """Values per channel, or None, so that they broadcast with the box."""
        if v is None:
            return None
        v = v.astype(self.dtype)
        if not self.last:
            return numpy.broadcast_to(v[:, :, None], (*self.shape[:2], 1))
        if self.repeats == 1:
            return v[:, None]
        return v[:, None, None].repeat(self.repeats, 2).reshape(len(v), 1, self.shape[2])

    def part(self, v, at):
        """Of spread values those that belong to a block."""
        return v[at[0]] if self.last else v[at]

    def sums(self, x, g, pivot):
        """Σ g and Σ g·(x - pivot) per channel, in float64; without g, x - pivot stands for it."""
        pivot, parts = self.spread(pivot), {}

        def run(lo, hi):
            totals = parts[lo] = numpy.zeros((2, self.shape[0], self.channels))
            for at in self.blocks[lo:hi]:
                there = x[at]
                work = scratch("product", there.shape, self.dtype)
                if pivot is not None:
                    there = numpy.subtract(there, self.part(pivot, at), out=work)
                upper = there if g is None else g[at]
                to = totals[(slice(None), *(at[:1] if self.last else at))]
                to[0] += self.over_positions(upper)
                to[1] += self.over_positions(numpy.multiply(there, upper, out=work))

        self.share(run)
        return sum(parts[lo] for lo in sorted(parts))  # in a fixed order: the same bits every time

    def share(self, run):
        """Run the blocks: many in two halves."""
        if math.prod(self.shape) >= MANY:
            halves(run, len(self.blocks))
        else:
            run(0, len(self.blocks))

    def over_positions(self, block):
        """Sums of a block over its positions: (samples, channels)."""
        n, a, b = block.shape
        if not self.last:
            return sum_rows(block.reshape(n * a, b)).reshape(n, a)
        a *= self.repeats
        block = block.reshape(n, a, self.channels)
        if a > LONG:
            return numpy.stack([sum_columns(sample) for sample in block])
        return numpy.ones(a, self.dtype) @ block

    def affine(self, x, scale, shift, pivot, g=None, slope=None):
        """(x - pivot)·scale + shift, plus g·slope if there is g, as an array (N, C, *size)."""
        scale, shift, pivot, slope = map(self.spread, (scale, shift, pivot, slope))
        y = numpy.empty(self.shape, self.dtype)

        def run(lo, hi):
            for at in self.blocks[lo:hi]:
                here, there = y[at], x[at]
                if pivot is not None:
                    there = numpy.subtract(there, self.part(pivot, at), out=here)
                numpy.multiply(there, self.part(scale, at), out=here)
                if g is not None:
                    work = scratch("product", here.shape, self.dtype)
                    here += numpy.multiply(g[at], self.part(slope, at), out=work)
                here += self.part(shift, at)

        self.share(run)
        return self.result(y)


_boxes = functools.lru_cache(256)(Box)


def _box(x, groups):
    """The box of x (N, C, *size), in the order of its memory."""
    last = channels_last(x).flags.c_contiguous
    return _boxes(x.shape, x.dtype, groups, last, BLOCK, ROW)


class Moments(NamedTuple):
    """Mean and variance per group."""

    box: Box
    pivot: object  # per channel, or None for 0
    offset: object  # mean - pivot, float64
    variance: object  # biased: divided by the count; float64

    def average(self):
        """Mean and variance, averaged over the samples: (C,) where each channel is a group."""
        mean = self.offset if self.pivot is None else self.offset + self.pivot
        return mean.mean(0), self.variance.mean(0)


def moments(x, groups):
    """The moments of x (N, C, *size), float32 or float64; groups as in `Box`."""
    box = _box(x, groups)
    view, pivot = box.view(x), None
    mean, variance = _two(box, view, None)
    # on a GPU always: to look at the values would wait for them
    if (mean * mean > FAR * variance).any():
        pivot = box.per_channel(mean).astype(box.dtype)
        mean, variance = _two(box, view, pivot)
    return Moments(box, pivot, mean, variance)


def _two(box, view, pivot):
    first, second = box.sums(view, None, pivot)
    mean, square = box.per_group(first) / box.count, box.per_group(second) / box.count
    return mean, numpy.maximum(square - mean * mean, 0)


def normalise(x, weight, bias, eps, moments):
    """norm.normalise, with the moments of this file."""
    box, pivot, offset, variance = moments
    inverse_std = 1 / numpy.sqrt(variance + eps)
    scale = box.per_channel(inverse_std)
    scale = scale if weight is None else scale * weight
    shift = -box.per_channel(offset) * scale
    shift = shift if bias is None else shift + bias
    y = box.affine(box.view(x), scale, shift, pivot)

    def backward(g, needs):
        # with x̂ = (x - mean)·inverse_std and E over the group:
        #     dx = inverse_std·(g·weight - E[g·weight] - x̂·E[g·weight·x̂])
        view, g = box.view(x), box.view(g)
        sum_g, sum_gx = box.sums(view, g, pivot)
        sum_gx = (sum_gx - box.per_channel(offset) * sum_g) * box.per_channel(inverse_std)
        dx = None
        if needs.x:
            mean_g, mean_gx = (
                box.per_group(v if weight is None else v * weight) / box.count
                for v in (sum_g, sum_gx)
            )
            along = inverse_std * inverse_std * mean_gx
            shift = box.per_channel(along * offset - inverse_std * mean_g)
            dx = box.affine(view, -box.per_channel(along), shift, pivot, g, scale)
        return dx, box.total(sum_gx), box.total(sum_g)

    return y, backward


def shift_scale(x, mean, scale, bias):
    """norm.shift_scale."""
    box = _box(x, None)
    shift = numpy.zeros_like(mean) if bias is None else bias
    y = box.affine(box.view(x), scale[None], shift[None], mean[None])

    def backward(g, needs):
        g, dx, sums = box.view(g), None, (None, None)
        if needs.mean or needs.scale or needs.bias:
            sums = [box.total(v) for v in box.sums(box.view(x), g, mean[None])]
        if needs.x:
            dx = box.affine(g, scale[None], numpy.zeros_like(mean)[None], None)
        return dx, -scale * sums[0] if needs.mean else None, sums[1], sums[0]

    return y, backward
