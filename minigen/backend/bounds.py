"""Index bounds on a GPU, where CuPy wraps what is out of range: of 3 elements, x[7] reads x[1].

Idea: an index out of range is an error wherever it lives, but to look at numbers of a GPU is to
wait for it, while it could have had more work queued. So the least and the greatest of an index are
computed on the GPU and looked at when somebody waits anyway: when values come to the CPU (item,
print, .to("cpu")). The error is the CPU's, raised late; anomaly mode looks after every op.

    watch(index, low, high, words)   IndexError unless low <= index < high, now or later
    look()                           now, for all that is still to be looked at

Invariants: an index on the CPU is looked at in `watch`, so it is never late. What was computed in
between comes from elements that exist: a kernel of ours that takes an index wraps or skips, too.
Read next: __init__.py (`watch_index`, `to_numpy`), ../ops/index.py (whose keys are watched).
"""

import numpy as np

MOST = 64  # indices not looked at: one more, and somebody has to wait

_watched = []  # (least, greatest, low, high, words): 0-d arrays of a GPU, numbers, a function

LATE = (
    " (seen late: the index is on a GPU and was looked at when values came to the CPU; inside "
    "minigen.anomaly() the call itself fails)"
)


def watch(index, low, high, words):
    """IndexError unless all of an integer array is in [low, high); of a GPU's: at `look`.

    words(number) -> what the error says of the number; it must not hold on to arrays.
    """
    if not index.size:
        return
    least, greatest = index.min(), index.max()
    if isinstance(index, np.ndarray):
        _check(least, greatest, low, high, words)
        return
    _watched.append((least, greatest, low, high, words))
    if len(_watched) > MOST:
        look()


def look():
    """IndexError for the first index, of those on GPUs, that was out of range; forgets all."""
    if _watched:
        watched, _watched[:] = _watched[:], ()
        for least, greatest, low, high, words in watched:
            _check(least, greatest, low, high, words, LATE)


def _check(least, greatest, low, high, words, late=""):
    least, greatest = int(least), int(greatest)
    if least < low or greatest >= high:
        raise IndexError(words(least if least < low else greatest) + late)


def words(function, dim, size, number):
    """NumPy's words on an index, in our terms."""
    return f"{function}: index {number} is out of bounds for dim {dim} with size {size}"


def indexed(key, ndim):
    """(dimension, array) of each integer array in a key of x[key], for an x of ndim dimensions."""
    parts = key if isinstance(key, tuple) else (key,)
    sizes = [_dimensions(part) for part in parts]
    dim = 0
    for part, size in zip(parts, sizes, strict=True):
        if part is Ellipsis:
            dim += max(ndim - sum(sizes), 0)
        elif dim < ndim and hasattr(part, "strides") and part.dtype.kind in "iu":
            yield dim, part
        dim += size


def _dimensions(part):
    """How many dimensions of x a part of a key takes."""
    if part is None or part is Ellipsis or isinstance(part, bool):
        return 0
    return part.ndim if getattr(part, "dtype", None) == np.bool_ else 1
