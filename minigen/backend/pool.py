"""Pooling on arrays: the largest, or the mean, of each window.

Idea: the windows are those of conv.py, but nothing is copied or multiplied: for each tap of the
kernel, a strided slice holds what it reads in all windows at once. Taps that fall into the padding
are left out of the slices (`Axis.inside`), so padding never gets a value of its own.

Max pooling keeps which tap won, a byte for each window; its backward gives each tap what it won.
The mean is linear and separable: sums along one dimension after the other; the adjoint spreads
them back in the same way.

Arguments everywhere: axes, one Axis for each dimension, from `pool_axes`. Memory stays as it comes:
channels last (the convolutions'), or channels first, where each channel is a sample of its own.
Read next: windows.py (Axis), work.py (tiles), resample.py, ../ops/pool.py (the same on tensors).
"""

import functools
import math
from itertools import product

from minigen.backend import array_module
from minigen.backend.device import pool as device
from minigen.backend.kernels import active, on_device
from minigen.backend.windows import Axis
from minigen.backend.work import channels_first, channels_last, computable, share, tiles


@functools.lru_cache(1024)
def pool_axes(size, kernel, stride, padding, dilation, ceil_mode):
    """One Axis for each dimension; tuples of n ints. windows is below 1 where none fits.

    ceil_mode: a last window that is not whole counts, if it starts inside x or the padding before
    it. Padding and ceil_mode never make a window of nothing, except with dilation (see `empty`).
    """
    axes = []
    for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True):
        beyond = n + 2 * p - d * (k - 1) - 1
        windows = (-(-beyond // s) if ceil_mode else beyond // s) + 1
        if ceil_mode and (windows - 1) * s >= n + p:
            windows -= 1
        axes.append(Axis(k, s, d, p, windows if beyond >= 0 or ceil_mode else 0))
    return tuple(axes)


def empty(axis, size):
    """Whether some window has all of its taps in the padding."""
    for first in range(-axis.low, 0, axis.stride):
        tap = -(first // axis.dilation)  # the first one at or after position 0
        if tap >= axis.kernel or first + tap * axis.dilation >= size:
            return True
    return False


# -- the largest ---------------------------------------------------------------------------------


def max_pool(x, axes, find=True):
    """The largest of each window, and which tap holds it (None unless asked to find it).

    x (N, C, *size) -> y (N, C, *windows), which: a small integer for each element of y, counting
    the taps in row-major order, the first one of equals. A NaN counts as the largest. `which` lies
    in memory as `planes` arranges it: it is for the two functions below.
    """
    if active(x):
        return device.max_pool(x, axes)
    xp, samples = array_module(x), len(x)
    x = planes(x)
    y = xp.empty((len(x), *(axis.windows for axis in axes), x.shape[-1]), x.dtype)
    taps = _taps(axes, x.shape[1:-1])
    which = xp.empty(y.shape, xp.min_scalar_type(len(taps) - 1)) if find else None
    work, _ = tiles(xp, (len(x), 1, *y.shape[1:]), len(taps))

    def run(lo, hi):
        for part, _ in work[lo:hi]:
            _maximum(xp, x[part], taps, y[part])
            if find:
                _first_winner(xp, x[part], taps, y[part], which[part])

    share(xp, run, len(work))
    return unplaned(y, samples), which


@functools.lru_cache(1024)
def _taps(axes, size):
    """For each tap in row-major order: slices of (N, *windows, C) and (N, *size, C), what it reads.

    Where it reads nothing, both are empty.
    """
    found = []
    for tap in product(*(range(axis.kernel) for axis in axes)):
        inside = [axis.inside(i, n) for axis, i, n in zip(axes, tap, size, strict=True)]
        windows, positions = zip(*inside, strict=True)
        found.append(((slice(None), *windows), (slice(None), *positions)))
    return found


def _maximum(xp, x, taps, y):
    """Write the maxima of x (m, *size, C) into y (m, *windows, C)."""
    whole = (slice(None), *(slice(0, n) for n in y.shape[1:-1]))
    everywhere = [positions for windows, positions in taps if windows == whole]
    if len(everywhere) > 1:
        xp.maximum(x[everywhere[0]], x[everywhere[1]], out=y)
    else:
        y[...] = -math.inf
    for windows, positions in taps:
        if len(everywhere) < 2 or positions not in everywhere[:2]:
            xp.maximum(y[windows], x[positions], out=y[windows])


def _first_winner(xp, x, taps, y, which):
    """Write into `which` the first tap that holds the maximum: a miss passes on to the next one."""
    nan = xp.isnan(y).any()
    which[...] = 0
    for windows, positions in reversed(taps[:-1]):
        missed = x[positions] != y[windows]
        if nan:
            missed &= x[positions] == x[positions]
        which += 1
        which[windows] *= missed


def max_pool_backward(g, which, axes, size):
    """Each gradient to the position of its maximum; positions of several maxima add up.

    g (N, C, *windows), which from max_pool -> (N, C, *size)
    """
    if active(g):
        return device.max_pool_backward(g, which, axes, size)
    xp, dtype, samples = array_module(g), g.dtype, len(g)
    (g,) = computable(g)
    g = g.reshape(which.shape) if which.shape[0] != samples else channels_last(g)
    apart = all(axis.stride > (axis.kernel - 1) * axis.dilation for axis in axes)
    make = xp.empty if all(map(_covers, axes, size)) else xp.zeros
    x = make((len(g), *size, g.shape[-1]), g.dtype)
    taps = _taps(axes, size)
    work, _ = tiles(xp, (len(g), 1, *g.shape[1:]), len(taps))

    def run(lo, hi):
        for part, _ in work[lo:hi]:
            for i, (windows, positions) in enumerate(taps):
                won = which[part][windows] == i
                if apart:  # nobody else writes there
                    xp.multiply(g[part][windows], won, out=x[part][positions])
                else:
                    x[part][positions] += g[part][windows] * won

    share(xp, run, len(work))
    return unplaned(x, samples).astype(dtype, copy=False)


def _covers(axis, size):
    """Whether every position is read by exactly one tap of one window."""
    side_by_side = axis.stride == axis.kernel and axis.dilation == 1
    return side_by_side and axis.windows * axis.stride >= size + axis.low


def max_pool_index(which, axes, size, samples):
    """Where the maxima lie, in the flattened size.   which, of N samples -> (N, C, *windows) int64

    Every window must read something.
    """
    if on_device(which):
        return which.astype("int64")
    xp = array_module(which)
    index = xp.zeros(which.shape, xp.int64)
    rest = which.astype(xp.int64)
    step = 1
    for j in range(len(axes) - 1, -1, -1):
        axis = axes[j]
        first = xp.arange(axis.windows) * axis.stride - axis.low
        tap = rest % axis.kernel
        rest //= axis.kernel
        index += (tap * axis.dilation + first.reshape(-1, *[1] * (len(axes) - j))) * step
        step *= size[j]
    return unplaned(index, samples)


# -- the mean ------------------------------------------------------------------------------------


def avg_pool(x, axes, count_include_pad, divisor):
    """The sum of each window over `divisor`, or over the number of its elements if that is None.

    count_include_pad: count the zeros of the padding too.   x (N, C, *size) -> (N, C, *windows)
    """
    if active(x):
        return device.avg_pool(x, axes, count_include_pad, divisor)
    weight = _weight(x, axes, x.shape[2:], count_include_pad, divisor)
    return _moved(x, axes, tuple(axis.windows for axis in axes), weight, gather=True)


def avg_pool_adjoint(g, axes, count_include_pad, divisor, size):
    """The adjoint of avg_pool, which is its backward.   g (N, C, *windows) -> (N, C, *size)"""
    if active(g):
        return device.avg_pool_adjoint(g, axes, count_include_pad, divisor, size)
    weight = _weight(g, axes, size, count_include_pad, divisor)
    return _moved(g, axes, size, weight, gather=False)


def _moved(x, axes, shape, weight, gather):
    """All dimensions moved, the weights applied where there are fewer elements."""
    xp, dtype, samples = array_module(x), x.dtype, len(x)
    x = planes(*computable(x))
    y = xp.empty((len(x), *shape, x.shape[-1]), x.dtype)
    dims = list(enumerate(axes, 1))
    work, _ = tiles(xp, (len(x), 1, math.prod(y.shape[1:]) + math.prod(x.shape[1:])), 2)

    def run(lo, hi):
        for part, _ in work[lo:hi]:
            moved = x[part] if gather else x[part] * weight
            # the rows of long runs where there are most elements: sums first, copies last
            for dim, axis in dims if gather else reversed(dims):
                last = dim == (len(axes) if gather else 1)
                moved = move(moved, dim, axis, shape[dim - 1], gather, y[part] if last else None)
            if gather:
                moved *= weight

    share(xp, run, len(work))
    return unplaned(y, samples).astype(dtype, copy=False)


def _weight(x, axes, size, count_include_pad, divisor):
    """One over the number of elements of each window: a number, or an array (*windows, 1)."""
    if divisor is not None:
        return 1 / divisor
    # with ceil_mode the last window may reach beyond the padding: that never counts
    ends = [n + axis.low if count_include_pad else n for axis, n in zip(axes, size, strict=True)]
    reach = [(axis.windows - 1) * axis.stride - axis.low + axis.kernel for axis in axes]
    if count_include_pad and all(r <= end for r, end in zip(reach, ends, strict=True)):
        return 1 / math.prod(axis.kernel for axis in axes)
    xp = array_module(x)
    weight = xp.ones((1,) * (len(axes) + 1), computable(x)[0].dtype)
    for dim, (axis, end) in enumerate(zip(axes, ends, strict=True)):
        first = xp.arange(axis.windows) * axis.stride - axis.low
        count = xp.minimum(first + axis.kernel, end)
        count -= first if count_include_pad else xp.maximum(first, 0)
        weight = weight / count.reshape(-1, *[1] * (len(axes) - dim)).astype(weight.dtype)
    return weight


def move(x, dim, axis, size, gather, out=None):
    """Sums of windows along one dimension (gather), or each element back to all of its window.

    size: of that dimension in the result, which goes into `out` if that is given.
    """
    xp = array_module(x)
    if out is None:
        out = xp.empty((*x.shape[:dim], size, *x.shape[dim + 1 :]), x.dtype)
    before = (slice(None),) * dim
    inside = [axis.inside(tap, x.shape[dim] if gather else size) for tap in range(axis.kernel)]
    pairs = [((*before, w), (*before, p)) for w, p in inside]
    if not gather:
        if _covers(axis, size):
            for windows, positions in pairs:
                out[positions] = x[windows]
            return out
        pairs = [(positions, windows) for windows, positions in pairs]
    elif pairs[0][0] == (*before, slice(0, axis.windows)) == pairs[-1][0] and len(pairs) > 1:
        xp.add(x[pairs[0][1]], x[pairs[-1][1]], out=out)
        pairs = pairs[1:-1]
        for to, source in pairs:
            out[to] += x[source]
        return out
    out[...] = 0
    for to, source in pairs:
        out[to] += x[source]
    return out


# -- layout --------------------------------------------------------------------------------------


def planes(x):
    """x (N, C, *size) with its dimensions in the order of its memory, as far as that is useful.

    (N, *size, C); or (N·C, *size, 1) where the channels come first: each is a sample of its own.
    """
    if x.flags.c_contiguous and x.size:
        return x.reshape(-1, *x.shape[2:], 1)
    return channels_last(x)


def unplaned(y, samples):
    """The result of working on `planes`, of N samples, as (N, C, *size)."""
    if len(y) != samples:
        return y.reshape(samples, -1, *y.shape[1:-1])
    return channels_first(y)
