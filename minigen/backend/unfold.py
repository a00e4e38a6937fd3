"""The windows of images as columns, and columns added back to images.

Idea: for each tap of the kernel a strided slice of the image holds what it reads in all windows at
once (`Axis.inside`), and that is one row of the columns. Padding is what no slice reaches. Samples
go in blocks that stay in the cache, in two halves.

Arguments everywhere: axes, one for each of the two dimensions of images.
Read next: windows.py (Axis), ../ops/unfold.py (the same on tensors).
"""

import functools
import math
from itertools import product

from minigen.backend import array_module
from minigen.backend.work import share

BLOCK = 1 << 16  # elements of the images that are worked on at a time
SHARED = 1 << 18  # elements of the columns from which a second thread is of use


def unfold(x, axes):
    """x (N, C, H, W) -> columns (N, C, kh, kw, windows, windows), zeros where padding is read."""
    xp = array_module(x)
    shape = *x.shape[:2], *(axis.kernel for axis in axes), *(axis.windows for axis in axes)
    taps, whole = _taps(axes, x.shape[2:])
    columns = (xp.empty if whole else xp.zeros)(shape, x.dtype)

    def run(samples):
        for tap, windows, positions in taps:
            columns[(samples, slice(None), *tap, *windows)] = x[(samples, slice(None), *positions)]

    _each_block(xp, run, x.shape, columns.size)
    return columns


def fold(columns, axes, size):
    """The adjoint: columns (N, C, kh, kw, windows, windows) -> x (N, C, H, W), overlaps summed."""
    xp = array_module(columns)
    x = xp.zeros((*columns.shape[:2], *size), columns.dtype)
    taps, _ = _taps(axes, size)

    def run(samples):
        for tap, windows, positions in taps:
            x[(samples, slice(None), *positions)] += columns[(samples, slice(None), *tap, *windows)]

    _each_block(xp, run, x.shape, columns.size)
    return x


@functools.lru_cache(1024)
def _taps(axes, size):
    """(tap, the windows in which it reads inside the image, the positions it reads there), of each
    tap; and whether these are all windows for all taps."""
    taps, every = [], tuple(slice(0, axis.windows) for axis in axes)
    for tap in product(*(range(axis.kernel) for axis in axes)):
        inside = [axis.inside(i, n) for axis, i, n in zip(axes, tap, size, strict=True)]
        taps.append((tap, *map(tuple, zip(*inside, strict=True))))
    return taps, all(windows == every for _, windows, _ in taps)


def _each_block(xp, run, shape, work):
    """run(samples) for blocks of samples; large work in two halves."""
    samples = max(1, BLOCK // max(1, math.prod(shape[1:])))
    count = -(-shape[0] // samples)

    def loop(lo, hi):
        for i in range(lo, hi):
            run(slice(i * samples, (i + 1) * samples))

    if work < BLOCK:
        run(slice(None))
    elif work < SHARED:
        loop(0, count)
    else:
        share(xp, loop, count)
