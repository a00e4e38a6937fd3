"""Normalisation on arrays, channel by channel: batch, group and instance norm.

Idea: two sums per sample and channel say everything, Σ x and Σ x²; mean and variance of a group,
or of the batch, follow on tiny arrays. Then y = x·scale + shift, with a number of each per sample
and channel. Backward is the same again: Σ g and Σ g·x, then dx = g·a + x·b + c.

Far from 0, x² loses the digits that the variance needs: where a mean is more than two standard
deviations from 0, all this is done with x - pivot in place of x, pivot being that mean.

How it is fast. `Box` sees x in the order of its memory, channels last or first, as three
dimensions; results keep that order, so that the next convolution finds it. Sums are products with
a vector of ones (BLAS). Several passes go over a block while it is in the cache (L2). With channels
last, the numbers of the channels are repeated until they fill a long row, as ufuncs like it.
Read next: norm_rows.py (layer norm), ../ops/norm.py (on tensors), conv.py (channels last).
"""

import functools
import math
from typing import NamedTuple

import numpy

from minigen.backend import array_module
from minigen.backend.conv import channels_first, channels_last
from minigen.backend.numpy import scratch

BLOCK = 1 << 17  # elements of each array in a block: 512 kB in float32
ROW = 1 << 11  # elements of a long row
FAR = 4.0  # mean² over variance from which there is a pivot


def workspace(xp, role, shape, dtype):
    """Memory of undefined content for one step of a loop; on the CPU this thread's scratch."""
    return scratch(role, shape, dtype) if xp is numpy else xp.empty(shape, dtype)


def dots(a, b):
    """Σ a·b over the last dimension."""
    xp = array_module(a)
    return numpy.vecdot(a, b) if xp is numpy else xp.einsum("...j,...j->...", a, b)


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

    def __init__(self, xp, shape, dtype, groups, last, block, row):
        self.xp, self.full, self.dtype, self.last = xp, shape, dtype, last
        n, channels, *size = shape
        positions = math.prod(size)
        self.channels, self.each = channels, channels // groups if groups else 1
        self.batch = groups is None
        self.count = max(1, n * positions if self.batch else self.each * positions)
        if last:
            n, positions = (1, n * positions) if self.batch else (n, positions)
            # one row of numbers for the whole batch may be longer than one for each sample
            row = 0 if n * positions * channels <= row else 4 * row if self.batch else row
            self.repeats = _repeats(positions, row // max(channels, 1))
            self.shape = n, positions // self.repeats, self.repeats * channels
        else:
            self.shape = n, channels, positions
        blocks = _blocks(self.shape, block) if xp is numpy else []
        self.blocks = blocks if len(blocks) > 1 else []  # none: all at once

    def view(self, x):
        """An array (N, C, *size) in the shape of the box; copied if its order is another."""
        x = channels_last(x) if self.last else x
        x = x if x.flags.c_contiguous else self.xp.ascontiguousarray(x)
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
            return self.xp.broadcast_to(v[:, :, None], (*self.shape[:2], 1))
        if self.repeats == 1:
            return v[:, None]
        return v[:, None, None].repeat(self.repeats, 2).reshape(len(v), 1, self.shape[2])

    def part(self, v, at):
        """Of spread values, or None, those that belong to a block."""
        return None if v is None else v[at[0]] if self.last else v[at]

    def sums(self, x, g, pivot):
        """Σ g and Σ g·(x - pivot) per channel, in float64; without g, x - pivot stands for it."""
        pivot = self.spread(pivot)
        if not self.blocks:
            first, second = self._sums(x, g, pivot)
            return first.astype(float), second.astype(float)
        totals = self.xp.zeros((2, self.shape[0], self.channels))
        for at in self.blocks:
            work = workspace(self.xp, "product", x[at].shape, self.dtype)
            more = self._sums(x[at], None if g is None else g[at], self.part(pivot, at), work)
            to = totals[(slice(None), *(at[:1] if self.last else at))]
            to[0] += more[0]
            to[1] += more[1]
        return totals

    def _sums(self, x, g, pivot, work=None):
        """The sums of one block."""
        xp = self.xp
        x = x if pivot is None else xp.subtract(x, pivot, out=work)
        g = x if g is None else g
        n, a, b = x.shape
        if not self.last:
            return (g.reshape(n * a, b) @ xp.ones(b, self.dtype)).reshape(n, a), dots(x, g)
        a *= self.repeats
        ones, shape = xp.ones(a, self.dtype), (n, a, self.channels)
        first = ones @ g.reshape(shape)
        return first, ones @ xp.multiply(x, g, out=work).reshape(shape)

    def affine(self, x, scale, shift, pivot, g=None, slope=None):
        """(x - pivot)·scale + shift, plus g·slope if there is g, as an array (N, C, *size)."""
        values = [self.spread(v) for v in (scale, shift, pivot, slope)]
        if not self.blocks:
            return self.result(self._affine(x, g, *values))
        y = self.xp.empty(self.shape, self.dtype)
        for at in self.blocks:
            parts = [self.part(v, at) for v in values]
            self._affine(x[at], None if g is None else g[at], *parts, out=y[at])
        return self.result(y)

    def _affine(self, x, g, scale, shift, pivot, slope, out=None):
        """The values of one block."""
        xp = self.xp
        x = x if pivot is None else xp.subtract(x, pivot, out=out)
        y = xp.multiply(x, scale, out=out)
        if g is not None:
            work = None if out is None else workspace(xp, "product", g.shape, self.dtype)
            y += xp.multiply(g, slope, out=work)
        y += shift
        return y


_boxes = functools.lru_cache(256)(Box)


def _box(x, groups):
    """The box of x (N, C, *size), in the order of its memory."""
    last = channels_last(x).flags.c_contiguous
    return _boxes(array_module(x), x.shape, x.dtype, groups, last, BLOCK, ROW)


class Moments(NamedTuple):
    """Mean and variance per group."""

    box: Box
    pivot: object  # per channel, or None for 0
    offset: object  # mean - pivot, float64
    variance: object  # biased: divided by the count; float64

    def mean(self):
        """The mean, where every channel is a group of its own: (N, C), of a batch (1, C)."""
        return self.offset if self.pivot is None else self.offset + self.pivot


def moments(x, groups=None):
    """Mean and variance of each group of channels in each sample; None: of each channel.

    x (N, C, *size), float32 or float64
    """
    box = _box(x, groups)
    view, pivot = box.view(x), None
    mean, variance = _two(box, view, None)
    # on a GPU always: to look at the values would wait for them
    if box.xp is not numpy or (mean * mean > FAR * variance).any():
        pivot = box.per_channel(mean).astype(box.dtype)
        mean, variance = _two(box, view, pivot)
    return Moments(box, pivot, mean, variance)


def _two(box, view, pivot):
    first, second = box.sums(view, None, pivot)
    mean, square = box.per_group(first) / box.count, box.per_group(second) / box.count
    return mean, box.xp.maximum(square - mean * mean, 0)


def normalise(x, weight, bias, eps, moments):
    """(y, backward) of y = (x - mean) / sqrt(variance + eps) · weight + bias.

    x as in `moments`; weight, bias (C,) or None. backward(g, needs) -> dx, dweight, dbias.
    """
    box, pivot, offset, variance = moments
    inverse_std = 1 / box.xp.sqrt(variance + eps)
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
    """(y, backward) of y = (x - mean)·scale + bias, all (C,), bias or None.

    backward(g, needs) -> dx, dmean, dscale, dbias.
    """
    box = _box(x, None)
    shift = box.xp.zeros_like(mean) if bias is None else bias
    y = box.affine(box.view(x), scale[None], shift[None], mean[None])

    def backward(g, needs):
        g, dx, sums = box.view(g), None, (None, None)
        if needs.mean or needs.scale or needs.bias:
            sums = [box.total(v) for v in box.sums(box.view(x), g, mean[None])]
        if needs.x:
            dx = box.affine(g, scale[None], box.xp.zeros_like(mean)[None], None)
        return dx, -scale * sums[0] if needs.mean else None, sums[1], sums[0]

    return y, backward
