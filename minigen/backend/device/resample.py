"""Resampling on a device; see ../resample.py for what the functions mean, and kernels/resample.cu.

Two dimensions go in one launch; of three, the first goes alone, as rows of long columns.
Read next: ../resample.py (Map, entries).
"""

import functools

import numpy

from minigen.backend import array_module, device_of
from minigen.backend.kernels import launch


def resample(x, maps, entries):
    """resample.resample; entries: its function of that name."""
    shape = *x.shape[:2], *(map.size for map in maps)
    maps = [None if map.is_identity() else map for map in maps]
    if len(maps) == 1:
        y = _plane(x.reshape(-1, 1, x.shape[2]), None, maps[0], entries)
    elif len(maps) == 2:
        y = _plane(x.reshape(-1, *x.shape[2:]), *maps, entries)
    else:
        depth, height, width = x.shape[2:]
        y = _plane(x.reshape(-1, depth, height * width), maps[0], None, entries)
        y = _plane(y.reshape(-1, height, width), *maps[1:], entries)
    return y.reshape(shape)


def _plane(x, rows, columns, entries):
    """x (planes, height, width) by a Map, or None for none, along each of its two dimensions."""
    sizes = [
        n if map is None else map.size
        for n, map in zip(x.shape[1:], (rows, columns), strict=True)
    ]
    sparse = [
        part
        for n, map in zip(x.shape[1:], (rows, columns), strict=True)
        for part in _sparse(array_module(x), device_of(x), n, map, entries, _wide(x.dtype))
    ]
    return launch(
        "resample_plane",
        *(x, *sparse),
        out_height=sizes[0],
        out_width=sizes[1],
        count=len(x) * sizes[0] * sizes[1],
    )


def _wide(dtype):
    """The dtype that a kernel for this one adds up in."""
    return "float64" if dtype == "float64" else "float32"


@functools.lru_cache(256)
def _sparse(xp, device, n, map, entries, dtype):
    """(start of each row, columns, weights) of a map's matrix, where x lives; made once."""
    if map is None:
        start, columns, weights = numpy.arange(n + 1), numpy.arange(n), numpy.ones(n)
    else:
        rows, columns, weights = entries(map)
        start = numpy.searchsorted(rows, numpy.arange(map.size + 1))
    numbers = [xp.asarray(part.astype("int32")) for part in (start, columns)]
    return *numbers, xp.asarray(weights.astype(dtype))
