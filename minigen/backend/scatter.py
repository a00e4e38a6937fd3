"""Adding at positions that repeat: the gradient of reading there, on the CPU.

Idea: `np.add.at` takes any index, one element at a time, 10 ns each. Most indices address whole
rows, x[ids] or x[:, ids]: then the sum is a product with a matrix that has a single 1 in each
column, and SciPy's sparse product adds row by row, 20 times as fast. Rows of one number go to the
fast path that `np.add.at` has for flat arrays.

Each sum is in the order of the values, so the result does not depend on the path but for rounding.
Read next: ../ops/index.py and ../ops/embedding.py (the users).
"""

import math

import numpy as np

FEW = 1024  # elements: below, np.add.at costs less than looking for rows
ROWS = 8192  # elements: above, the sparse product is worth the 20 µs that it takes to set up


def scattered(values, key, shape):
    """Zeros of a shape, out[key] += values with repeats added.   values: as out[key]

    IndexError for an index out of range. float16 is summed in float32.
    """
    if values.dtype == np.float16:
        return scattered(values.astype(np.float32), key, shape).astype(np.float16)
    found = _rows(key, shape) if values.size >= FEW else None
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


def _rows(key, shape):
    """The rows that a key addresses, counted over the first dimensions of a shape, flat, and how
    many dimensions these are. None unless the key is integer arrays behind whole dimensions."""
    parts = key if isinstance(key, tuple) else (key,)
    lead = 0
    while lead < len(parts) and isinstance(parts[lead], slice) and parts[lead] == slice(None):
        lead += 1
    indices = parts[lead:]
    if not indices or len(parts) > len(shape):
        return None
    if not all(isinstance(i, np.ndarray) and i.dtype.kind in "iu" for i in indices):
        return None
    rows, after = np.zeros((), np.intp), lead + max(index.ndim for index in indices)
    for size, part in zip(shape, parts, strict=False):
        if isinstance(part, slice):
            after -= 1
            place = np.arange(size).reshape(-1, *[1] * after)
        else:
            place = _counted_up(part, size)
        rows = rows * size + place
    return rows.reshape(-1), len(parts)


def _counted_up(index, size):
    """An index with what counts from the end counted from the start."""
    if index.size and not -size <= index.min() <= index.max() < size:
        raise IndexError(f"an index lies outside of [{-size}, {size})")
    return index + size * (index < 0)
