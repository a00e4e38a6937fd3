"""Pooling on arrays: the largest, or the mean, of each window.

Idea: the windows are those of conv.py, but nothing is copied or multiplied: for each tap of the
kernel, a strided slice holds what it reads in all windows at once. Taps that fall into the padding
are left out of the slices (`Axis.inside`), so padding never gets a value of its own.

Max pooling keeps where each maximum lay; its backward adds there. The mean is linear and separable:
sums along one dimension after the other; the adjoint spreads them back in the same way.

Arguments everywhere: kernel, stride and padding are tuples of n ints, with 2·padding <= kernel.
Results have channels-last memory, as in conv.py.
Read next: windows.py (Axis), conv.py (tiles), ../ops/pool.py (the same on tensors).
"""

import math
from itertools import product

from minigen.backend import array_module, scatter_add
from minigen.backend.conv import channels_first, channels_last, computable, share, tiles
from minigen.backend.windows import window_axes


def _axes(size, kernel, stride, padding):
    pairs = tuple((p, p) for p in padding)
    return window_axes(tuple(size), tuple(kernel), tuple(stride), pairs, (1,) * len(kernel))


def max_pool(x, kernel, stride, padding):
    """The largest of each window, and where it lies.

    x (N, C, *size) -> y (N, C, *windows), index (N, C, *windows) of int64: the position of the
    maximum in the flattened size, the first one of equals. A NaN counts as the largest.
    """
    xp = array_module(x)
    axes = _axes(x.shape[2:], kernel, stride, padding)
    x = channels_last(x)
    y = xp.empty((len(x), *(axis.windows for axis in axes), x.shape[-1]), x.dtype)
    index = xp.empty(y.shape, xp.int64)
    cut, _ = tiles(xp, (len(x), 1, *y.shape[1:]), math.prod(kernel))

    def run(lo, hi):
        for samples, _ in cut[lo:hi]:
            index[samples] = _maximum(xp, x[samples], axes, y[samples])

    share(xp, run, len(cut))
    return channels_first(y), channels_first(index)


def _maximum(xp, x, axes, y):
    """Write the maxima of x (m, *size, C) into y (m, *windows, C); return their positions."""
    size = x.shape[1:-1]
    taps = list(product(*(range(axis.kernel) for axis in axes)))
    read = [_slices(axes, tap, size) for tap in taps]
    y[...] = -math.inf
    for windows, positions in read:
        xp.maximum(y[windows], x[positions], out=y[windows])
    # which[u] = the first tap that holds the maximum, by Horner: a miss passes on to the next tap
    nan = xp.isnan(y).any()
    which = xp.zeros(y.shape, xp.min_scalar_type(len(taps)))
    for windows, positions in reversed(read[:-1]):
        which += 1
        missed = x[positions] != y[windows]
        if nan:
            missed &= x[positions] == x[positions]
        which[windows] *= missed
    steps = [math.prod(size[j + 1 :]) for j in range(len(size))]
    position = xp.asarray([sum(map(math.prod, zip(tap, steps, strict=True))) for tap in taps])
    position = position.take(which)
    for j, (axis, step) in enumerate(zip(axes, steps, strict=True)):
        first = (xp.arange(axis.windows) * axis.stride - axis.low) * step
        position += first.reshape(-1, *[1] * (len(axes) - j))
    return position


def _slices(axes, tap, size):
    """Where this tap reads: slices of (N, *windows, C) and of (N, *size, C)."""
    inside = [axis.inside(i, n) for axis, i, n in zip(axes, tap, size, strict=True)]
    windows, positions = zip(*inside, strict=True)
    return (slice(None), *windows), (slice(None), *positions)


def max_pool_backward(g, index, size):
    """Each gradient to the position of its maximum; positions of several maxima add up.

    g (N, C, *windows), index like g, from max_pool -> (N, C, *size)
    """
    xp = array_module(g)
    g, index = channels_last(g), channels_last(index)
    samples, channels = len(g), g.shape[-1]
    x = xp.zeros((samples, *size, channels), g.dtype)
    flat = index * channels
    flat += xp.arange(channels)
    flat += (xp.arange(samples) * math.prod(x.shape[1:])).reshape(-1, *[1] * (index.ndim - 1))
    scatter_add(x.reshape(-1), flat.reshape(-1), g.reshape(-1))
    return channels_first(x)


def avg_pool(x, kernel, stride, padding, count_include_pad):
    """The mean of each window.   x (N, C, *size) -> (N, C, *windows)

    count_include_pad: divide by all taps, as if the padding held zeros; else by those inside.
    """
    dtype, size = x.dtype, x.shape[2:]
    axes = _axes(size, kernel, stride, padding)
    weight = _weight(x, axes, size, count_include_pad)
    x = channels_last(*computable(x))
    for dim, axis in enumerate(axes, 1):
        x = _move(x, dim, axis, x.shape[dim], gather=True)
    x *= weight
    return channels_first(x).astype(dtype, copy=False)


def avg_pool_adjoint(g, kernel, stride, padding, count_include_pad, size):
    """The adjoint of avg_pool, which is its backward.   g (N, C, *windows) -> (N, C, *size)"""
    dtype = g.dtype
    axes = _axes(size, kernel, stride, padding)
    g = channels_last(*computable(g))
    g = g * _weight(g, axes, size, count_include_pad)
    for dim, axis in enumerate(axes, 1):
        g = _move(g, dim, axis, size[dim - 1], gather=False)
    return channels_first(g).astype(dtype, copy=False)


def _weight(x, axes, size, count_include_pad):
    """One over the number of elements of each window: a number, or an array (*windows, 1)."""
    if count_include_pad:
        return 1 / math.prod(axis.kernel for axis in axes)
    xp = array_module(x)
    weight = xp.ones((1,) * (len(axes) + 1), computable(x)[0].dtype)
    for dim, (axis, n) in enumerate(zip(axes, size, strict=True)):
        first = xp.arange(axis.windows) * axis.stride - axis.low
        count = xp.minimum(first + axis.kernel, n) - xp.maximum(first, 0)
        weight = weight / count.reshape(-1, *[1] * (len(axes) - dim)).astype(weight.dtype)
    return weight


def _move(x, dim, axis, size, gather):
    """Sums of windows along one dimension (gather), or each element back to all of its window."""
    xp = array_module(x)
    shape = *x.shape[:dim], axis.windows if gather else size, *x.shape[dim + 1 :]
    out = xp.zeros(shape, x.dtype)
    before = (slice(None),) * dim
    for tap in range(axis.kernel):
        windows, positions = axis.inside(tap, size)
        to, source = (windows, positions) if gather else (positions, windows)
        out[(*before, to)] += x[(*before, source)]
    return out
