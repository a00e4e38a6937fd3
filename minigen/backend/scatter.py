"""Adding at positions that repeat: the gradient of reading there.

Idea: `np.add.at` takes any index, one element at a time, 10 ns each. Most indices address whole
rows, x[ids] or x[:, ids]: then the sum is a product with a matrix that has a single 1 in each
column, and SciPy's sparse product adds row by row, 20 times as fast. Rows of one number go to the
fast path that `np.add.at` has for flat arrays.

Each sum is in the order of the values, so the result does not depend on the path but for rounding.
Only a GPU's sums at other indices than of rows are in any order.
Read next: device/scatter.py (our own kernel), ../ops/index.py and ../ops/embedding.py (the users).
"""

import math

import numpy as np

from minigen.backend import array_module, is_array, ndarray, scatter_add
from minigen.backend.device import scatter as device
from minigen.backend.kernels import active

FEW = 1024  # elements: below, np.add.at costs less than looking for rows
ROWS = 8192  # elements: above, the sparse product is worth the 20 µs that it takes to set up


def scattered(values, key, shape):
    """Zeros of a shape, out[key] += values with repeats added.   values: as out[key]

    IndexError for an index out of range, on the CPU. float16 is summed in float32.
    """
    if active(values) and (found := _rows(array_module(values), key, shape)):
        rows, used = found
        values = values.reshape(len(rows), math.prod(shape[used:]))
        return device.summed_rows(values, rows, math.prod(shape[:used])).reshape(shape)
    if values.__class__ is not ndarray:
        out = array_module(values).zeros(shape, values.dtype)
        scatter_add(out, key, values)
        return out
    if values.dtype == np.float16:
        return scattered(values.astype(np.float32), key, shape).astype(np.float16)
    found = _rows(np, key, shape) if values.size >= FEW else None
    if found is None:
        out = np.zeros(shape, values.dtype)
        np.add.at(out, key, values)
        return out
    rows, used = found
    count, width = math.prod(shape[:used]), math.prod(shape[used:])
    values = values.reshape(-1, width)
    if values.dtype.kind == "f" and width > 1 and values.size >= ROWS:
        return _sums(values, rows, count).reshape(shape)
    out = np.zeros(shape, values.dtype)
    places = rows if width == 1 else (rows[:, None] * width + np.arange(width)).reshape(-1)
    np.add.at(out.reshape(-1), places, values.reshape(-1))
    return out


def _sums(values, rows, count):
    """(count, D), whose row r is the sum of those values (n, D) that have rows[i] = r."""
    from scipy import sparse

    ones, starts = np.ones(len(rows), values.dtype), np.arange(len(rows) + 1)
    return sparse.csc_matrix((ones, rows, starts), shape=(count, len(rows))) @ values


def _rows(xp, key, shape):
    """The rows that a key addresses, counted over the first dimensions of a shape, flat, and how
    many dimensions these are. None unless the key is integer arrays behind whole dimensions."""
    parts = key if isinstance(key, tuple) else (key,)
    lead = 0
    while lead < len(parts) and isinstance(parts[lead], slice) and parts[lead] == slice(None):
        lead += 1
    indices = parts[lead:]
    if not indices or len(parts) > len(shape):
        return None
    if not all(is_array(i) and i.dtype.kind in "iu" for i in indices):
        return None
    rows, after = 0, lead + max(index.ndim for index in indices)
    for size, part in zip(shape, parts, strict=False):
        if isinstance(part, slice):
            after -= 1
            place = xp.arange(size).reshape(-1, *[1] * after)
        else:
            place = xp.asarray(_counted_up(part.astype("int64", copy=False), size))
        rows = rows * size + place
    return rows.reshape(-1), len(parts)


def _counted_up(index, size):
    """An index with what counts from the end counted from the start."""
    known = index.__class__ is ndarray and index.size
    if known and not -size <= index.min() <= index.max() < size:
        raise IndexError(f"an index lies outside of [{-size}, {size})")
    return index + size * (index < 0)
