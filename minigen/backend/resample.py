"""Resampling on arrays: the same picture with another number of pixels.

Idea: along one dimension, each of the m results is a weighted sum of a few of the n inputs: a
sparse matrix (`Map`). A picture is resampled by one such product for each dimension, and the
adjoint, which is the derivative, by the transposed ones.

How it is fast. Whole-number ratios of "nearest" and "area" are strided slices, as in pool.py. All
else is a dense matrix product, in blocks of rows so that few zeros are multiplied: BLAS does this
faster than NumPy adds a few slices. But 0·inf is nan, so one bad pixel would spread: an image that
is not finite takes the plain path (`_added`), which reads only what it should; so does a GPU.

Read next: pool.py (slices, memory order), ../ops/resample.py (the same on tensors).
"""

import functools
import math
from typing import NamedTuple

import numpy

from minigen.backend import array_module, quiet
from minigen.backend.device import resample as device
from minigen.backend.kernels import active
from minigen.backend.numpy import scratch
from minigen.backend.pool import move, planes, unplaned
from minigen.backend.windows import Axis
from minigen.backend.work import computable, share, tiles

BLOCK = 64  # rows of a matrix product

CUBIC = -0.75  # Keys' parameter; PyTorch's choice


class Map(NamedTuple):
    """A linear map along one dimension, from n numbers to m; turned: its adjoint, from m to n."""

    kind: str  # "nearest", "nearest-exact", "linear", "cubic" or "area"
    n: int
    m: int
    step: float  # from one result to the next, in inputs
    align_corners: bool = False  # step was made for it: the ends lie on the ends
    turned: bool = False

    @property
    def size(self):
        """How many numbers it gives."""
        return self.n if self.turned else self.m

    def adjoint(self):
        """The transposed map."""
        return self._replace(turned=not self.turned)

    def is_identity(self):
        """Whether it gives what it takes; as in PyTorch, these two do so for equal sizes."""
        return self.n == self.m and (self.step == 1 or self.kind in ("linear", "nearest"))


# -- the matrix ----------------------------------------------------------------------------------


@functools.lru_cache(1024)
def entries(map):
    """The matrix as (row, column, weight) arrays, ordered by row; a place may occur twice.

    A result at place u (a real number, in inputs) is made of
        nearest   x[floor(u)]
        linear    (1 - t)·x[i] + t·x[i+1],              i = floor(u), t = u - i
        cubic     the four neighbours of u, weighted by Keys' kernel with a = -0.75
        area      the mean of x[floor(i·n/m) : ceil((i+1)·n/m)]
    and what lies outside x is the element at its edge.
    Source: Keys, Cubic Convolution Interpolation for Digital Image Processing, 1981.
    """
    i, n, m = numpy.arange(map.m), map.n, map.m
    if map.kind == "area":
        start, stop = i * n // m, -(-(i + 1) * n // m)
        rows = i.repeat(stop - start)
        columns = numpy.concatenate([numpy.arange(a, b) for a, b in zip(start, stop, strict=True)])
        weights = (1 / (stop - start)).repeat(stop - start)
    else:
        columns, weights = _taps(map, i)
        rows = i.repeat(columns.shape[1])
        columns, weights = columns.clip(0, n - 1).reshape(-1), weights.reshape(-1)
    read = weights != 0  # where a place is a whole pixel, its neighbours are not read
    rows, columns, weights = rows[read], columns[read], weights[read]
    if map.turned:
        order = columns.argsort(kind="stable")
        rows, columns, weights = columns[order], rows[order], weights[order]
    return rows, columns, weights


def _taps(map, i):
    """Columns and weights (m, taps) of results i; columns may lie outside of x."""
    if map.kind == "nearest" and map.m == 2 * map.n:  # PyTorch doubles exactly, whatever the step
        return i[:, None] // 2, numpy.ones((len(i), 1))
    if map.kind == "nearest":  # in float32, as in PyTorch: rounding decides
        columns = numpy.floor(i.astype("float32") * numpy.float32(map.step)).astype(int)
        return columns[:, None], numpy.ones((len(i), 1))
    if map.kind == "nearest-exact":  # in float32 too, in its order
        half = numpy.float32(0.5)
        place = (i + half).astype("float32") * numpy.float32(map.step) - half
        columns = numpy.floor(numpy.maximum(place, 0) + half).astype(int)
        return columns[:, None], numpy.ones((len(i), 1))
    place = i * map.step if map.align_corners else (i + 0.5) * map.step - 0.5
    if map.kind == "linear":
        place = place.clip(0, map.n - 1)
        first = numpy.floor(place).astype(int)
        t = place - first
        return first[:, None] + numpy.arange(2), numpy.stack([1 - t, t], 1)
    first = numpy.floor(place).astype(int)
    columns = first[:, None] + numpy.arange(-1, 3)
    d = numpy.abs(place[:, None] - columns)  # at most 2
    near = ((CUBIC + 2) * d - (CUBIC + 3)) * d * d + 1
    far = CUBIC * (((d - 5) * d + 8) * d - 4)
    return columns, numpy.where(d <= 1, near, far)


@functools.lru_cache(256)
def blocks(map, dtype):
    """The matrix in blocks: [(rows, columns, dense matrix)], rows and columns as slices."""
    rows, columns, weights = entries(map)
    found = []
    for start in range(0, map.size, BLOCK):
        stop = min(start + BLOCK, map.size)
        inside = slice(*numpy.searchsorted(rows, [start, stop]))
        first = columns[inside].min(initial=map.n + map.m) if rows[inside].size else 0
        last = columns[inside].max(initial=-1) + 1
        matrix = numpy.zeros((stop - start, last - first))
        numpy.add.at(matrix, (rows[inside] - start, columns[inside] - first), weights[inside])
        found.append((slice(start, stop), slice(int(first), int(last)), matrix.astype(dtype)))
    return found


@functools.lru_cache(256)
def terms(map):
    """The matrix as a sum of maps that take each result from one input: [(rows, columns, weights)].

    Only the results that have so many inputs are in rows, each once.
    """
    rows, columns, weights = entries(map)
    nth = numpy.arange(len(rows)) - numpy.searchsorted(rows, rows)  # of those in its row
    picks = [nth == k for k in range(nth.max(initial=-1) + 1)]
    return [(rows[pick], columns[pick], weights[pick]) for pick in picks]


@functools.lru_cache(1024)
def slices(map):
    """(Axis, gather, weight) of `move`, where the map is one of its; else None."""
    n, m = map.n, map.m
    if map.kind.startswith("nearest") and m % n == 0:
        picked = entries(map._replace(turned=False))[1]
        if not numpy.array_equal(picked, numpy.arange(m) // (m // n)):
            return None
        return Axis(m // n, m // n, 1, 0, n), map.turned, 1
    if map.kind == "area" and n % m == 0:
        return Axis(n // m, n // m, 1, 0, m), not map.turned, m / n
    return None


# -- the product ---------------------------------------------------------------------------------


def resample(x, maps):
    """x (N, C, *size), a Map for each dimension of size -> (N, C, *results)"""
    if active(x):
        return device.resample(x, maps, entries)
    xp, dtype, samples = array_module(x), x.dtype, len(x)
    x = planes(*computable(x))
    y = xp.empty((len(x), *(map.size for map in maps), x.shape[-1]), x.dtype)
    dims = [(dim, map) for dim, map in enumerate(maps, 1) if not map.is_identity()]
    # first what makes it small; the long runs of the first dimension where there are most elements
    grows = [map.size > n for map, n in zip(maps, x.shape[1:-1], strict=True)]
    steps = [step for step in dims if not grows[step[0] - 1]]
    steps += [step for step in reversed(dims) if grows[step[0] - 1]]
    work, _ = tiles(xp, (len(x), 1, math.prod(y.shape[1:]) + math.prod(x.shape[1:])), 2)

    def run(lo, hi):
        for part, _ in work[lo:hi]:
            block = x[part]
            # the sum is nan or inf if an element is, at a small part of the cost of asking each
            with quiet():
                finite = xp is numpy and bool(numpy.isfinite(block.sum()))
            for i, (dim, map) in enumerate(steps):
                out = y[part] if i == len(steps) - 1 else None
                block = _along(xp, block, dim, map, finite, out)
            if not steps:
                y[part] = block

    share(xp, run, len(work))
    return unplaned(y, samples).astype(dtype, copy=False)


def _along(xp, x, dim, map, finite, out):
    """One dimension mapped; into out, (m, *size, C) and contiguous, or new memory."""
    shape = *x.shape[:dim], map.size, *x.shape[dim + 1 :]
    if out is None and xp is numpy:  # a role for each dimension: it reads what another wrote
        out = scratch(f"resampled{dim}", shape, x.dtype)
    elif out is None:
        out = xp.empty(shape, x.dtype)
    if sliced := slices(map):
        axis, gather, weight = sliced
        move(x, dim, axis, map.size, gather, out)
        if weight != 1:
            out *= weight
    elif finite:
        _multiplied(x, dim, map, out)
    else:
        _added(xp, x, dim, map, out)
    return out


def _multiplied(x, dim, map, out):
    """By matrix products, which BLAS does."""
    before, after = math.prod(x.shape[:dim]), math.prod(x.shape[dim + 1 :])
    x, y = (a.reshape(before, a.shape[dim], after) for a in (x, out))
    if after == 1:
        x, y = x[None, :, :, 0], y[None, :, :, 0]
    for rows, columns, matrix in blocks(map, x.dtype):
        if after == 1:  # one product instead of many small ones
            numpy.matmul(x[..., columns], matrix.T, out=y[..., rows])
        else:
            numpy.matmul(matrix, x[:, columns], out=y[:, rows])


def _added(xp, x, dim, map, out):
    """By the definition: each result adds up its own few inputs."""
    before, column = (slice(None),) * dim, (-1, *[1] * (x.ndim - dim - 1))
    out[...] = 0
    for rows, columns, weights in terms(map):
        weights = xp.asarray(weights.astype(x.dtype).reshape(column))
        out[(*before, rows)] += x.take(xp.asarray(columns), dim) * weights
