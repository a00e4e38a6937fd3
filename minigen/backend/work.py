"""What array kernels share: how work is cut and done, in which dtype and order of memory.

Idea: large work is cut into tiles that fit the cache, by their shapes alone, so that results are
the same every time; on the CPU two threads share them. A GPU gets few and large ones.
Read next: numpy.py (threads, scratch memory), conv.py, pool.py.
"""

import math
from itertools import pairwise, product

import numpy

from minigen.backend.numpy import halves, scratch

# Measured on two cores with 1 MB of L2 each; half or double changes little.
TILE = 1 << 19  # elements of U in a tile: 2 MB in float32
GPU_TILE = 1 << 26  # there a launch costs more than the cache gains
SHARED = 1 << 17  # elements of U from which two threads gain: about 0.3 ms of work


def tiles(xp, shape, depth):
    """How to cut U of (N, *windows) rows and `depth` columns: a list of (samples, part), and the
    number of parts into which the first dimension of the windows is cut.

    It depends on shapes alone. Where two threads gain, the number of tiles is even.
    """
    samples, rows = shape[:2]
    elements = math.prod(shape) * depth
    count = -(-elements // (TILE if xp is numpy else GPU_TILE))
    if xp is numpy and elements >= SHARED:
        count += count % 2
    slabs = max(1, min(samples, count))
    parts = max(1, min(rows, -(-count // slabs)))
    bounds = [samples * i // slabs for i in range(slabs + 1)]
    return list(product((slice(a, b) for a, b in pairwise(bounds)), range(parts))), parts


def share(xp, run, count):
    """Run the tiles: on the CPU in two halves."""
    if xp is numpy:
        halves(run, count)
    else:
        run(0, count)


def workspace(xp, role, shape, dtype):
    """`scratch` on the CPU; elsewhere a new array, which the GPU's pool has at once."""
    return scratch(role, shape, dtype) if xp is numpy else xp.empty(shape, dtype)


def channels_last(x):
    """(N, C, *size) -> (N, *size, C), a view."""
    return x.transpose(0, *range(2, x.ndim), 1)


def channels_first(x):
    """(N, *size, C) -> (N, C, *size), a view."""
    return x.transpose(0, x.ndim - 1, *range(1, x.ndim - 1))


def computable(*arrays):
    """The arrays in float64 if one of them is, else in float32; None stays None."""
    double = any(a is not None and a.dtype == numpy.float64 for a in arrays)
    dtype = numpy.float64 if double else numpy.float32
    return [None if a is None else a.astype(dtype, copy=False) for a in arrays]
