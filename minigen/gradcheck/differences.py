"""What differs between two nested values, and where: for arrays that nobody may change.

Idea: NaN equals NaN, sizes are relative to the largest entry of an array, and of many differences
the sentence names one entry, as the student would index it.
Read next: structure.py.
"""

from dataclasses import dataclass

import numpy as np

from minigen.gradcheck.child import trees


@dataclass
class Change:
    """The largest difference between two nested values, relative to the array it is in."""

    size: float = 0.0       # 0: the same bits; infinity: nested or shaped differently
    path: tuple = ()
    index: list | None = None
    eps: float = 0.0        # the coarsest float's


def largest_change(before, after, least=0.0):
    """The largest relative difference between the numbers of two nested values: a `Change`.

    least: what counts as the size of an array whose entries are all smaller.
    """
    first, second = trees.leaves(before), trees.leaves(after)
    if [path for path, _ in first] != [path for path, _ in second]:
        return Change(np.inf)
    worst = Change()
    for (path, a), (_, b) in zip(first, second, strict=True):
        if not is_numeric(a) or not is_numeric(b):
            continue
        a, b = np.asarray(a), np.asarray(b)
        worst.eps = max(worst.eps, float(np.finfo(a.dtype).eps) if a.dtype.kind in "fc" else 0.0)
        if a.shape != b.shape:
            return Change(np.inf, path)
        if same(a, b):
            continue
        with np.errstate(all="ignore"):
            gap = np.abs(a.astype(np.complex128 if a.dtype.kind == "c" else np.float64) - b)
            size = np.abs(a[np.isfinite(a)], dtype=np.float64).max(initial=least)
            gap = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, gap)
            gap = np.where(np.isfinite(gap), gap, np.inf)
            relative = float(gap.max() / size) if size else np.inf
        if relative > worst.size:
            worst.size, worst.path, worst.index = relative, path, first_index(gap == gap.max())
    return worst


def rounding_size(arrays):
    """The size of a result that may be 0 but for rounding, next to these floating arrays.

    A gradient of a bias before batch norm is: what little it has changes from call to call if the
    order of a sum does.
    """
    arrays = [np.asarray(a) for a in arrays]
    finite = [np.abs(a[np.isfinite(a)], dtype=np.float64).max(initial=0.0) for a in arrays]
    eps = max((float(np.finfo(a.dtype).eps) for a in arrays if a.dtype.kind == "f"), default=0.0)
    return eps**0.25 * float(max(finite, default=0.0))


def changes(before, after):
    """The numbers and arrays of `before` that are others in `after`: [(path, index, array before)].
    """
    now = dict(trees.leaves(after))
    found = []
    for path, a in trees.leaves(before):
        b = now.get(path)
        if not is_numeric(a) or not is_numeric(b) or same(a, b):
            continue
        a, b = np.asarray(a), np.asarray(b)
        differ = (a != b) & ~((a != a) & (b != b)) if a.shape == b.shape else None
        found.append((path, None if differ is None else first_index(differ), a))
    return found


def same(a, b):
    """Whether two arrays or numbers are the same in shape and value, NaN included."""
    a, b = np.asarray(a), np.asarray(b)
    floats = a.dtype.kind in "fc" and b.dtype.kind in "fc"
    return np.array_equal(a, b) or (floats and np.array_equal(a, b, equal_nan=True))


def is_numeric(value):
    """Whether value is an array of numbers, or a number."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.dtype.kind in "biufc"
    return isinstance(value, (int, float))


def not_finite(value, most=5):
    """Indices of the entries that are NaN or infinite, at most so many: lists."""
    if not is_numeric(value):
        return []
    bad = ~np.isfinite(np.asarray(value))
    return [list(map(int, index)) for index in np.argwhere(bad)[:most]] if bad.any() else []


def first_index(mask):
    """The index of the first true entry, as a list: [] for a 0-d array."""
    return list(map(int, np.unravel_index(np.argmax(mask), np.shape(mask))))


def entry(name, index):
    """An entry as the student would write it: x[0, 2]; the name alone without an index."""
    return f"{name}[{', '.join(map(str, index))}]" if index else name
