"""Resampling on a device; see ../resample.py for what the functions mean, and kernels/resample.cu.

Two dimensions go in one launch; of three, the first goes alone, as rows of long columns.
Read next: ../resample.py (Map, entries).
"""

import functools

import numpy

from minigen.backend import device_of, to_device
from minigen.backend.kernels import launch
from minigen.kernels.entry import accumulator


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
    each = list(zip(x.shape[1:], (rows, columns), strict=True))
    sizes = [n if map is None else map.size for n, map in each]
    device, dtype = device_of(x), accumulator(x.dtype.name)
    sparse = [part for n, map in each for part in _sparse(device, n, map, entries, dtype)]
    return launch(
        "resample_plane",
        *(x, *sparse),
        out_height=sizes[0],
        out_width=sizes[1],
        count=len(x) * sizes[0] * sizes[1],
    )


@functools.lru_cache(256)
def _sparse(device, n, map, entries, dtype):
    """(start of each row, columns, weights) of a map's matrix, where x lives; made once."""
    if map is None:
        start, columns, weights = numpy.arange(n + 1), numpy.arange(n), numpy.ones(n)
    else:
        rows, columns, weights = entries(map)
        start = numpy.searchsorted(rows, numpy.arange(map.size + 1))
    made = start.astype("int32"), columns.astype("int32"), weights.astype(dtype)
    return [to_device(part, device) for part in made]
