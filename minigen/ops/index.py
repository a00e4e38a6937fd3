"""Reading at positions: x[key].

Idea: `_index` reads, its adjoint `_index_add` adds where it read; each one's VJP is the other.
Read next: shape.py, gather.py (picking and placing along a dimension).
"""

import numpy

from minigen import backend
from minigen.backend import ndarray
from minigen.backend.scatter import scattered
from minigen.ops._define import primitive
from minigen.tensor import Tensor


def _index_vjp(g, x_shape, key):
    # of several slices of one x, the engine adds the parts into one array
    if backend.is_array(g) and _is_basic(key):
        return backend.Part(g, key, x_shape)
    return _index_add(g, key, x_shape)


@primitive(_index_vjp)
def _index(x, key):
    if type(key) is type(x) is ndarray and key.dtype.kind == "i" and x.ndim:
        return x.take(key, 0)  # rows: some times faster than x[key]
    return x[key]


@primitive(lambda g, key: _index(g, key))
def _index_add(g, key, shape):
    """Zeros of a shape with g added at key: the adjoint of reading at key."""
    if not _is_basic(key):
        return scattered(g, key, shape)
    return backend.Part(g, key, shape).whole()


def _is_basic(key):
    """Whether the key addresses each element at most once: slices, numbers, one boolean mask."""
    parts = key if isinstance(key, tuple) else (key,)
    return all(
        isinstance(k, (int, slice, numpy.integer))
        or k is None
        or k is Ellipsis
        or getattr(k, "dtype", None) == numpy.bool_
        for k in parts
    )


def _array_key(function, key):
    """A key with its tensors and lists as arrays. IndexError for a float index."""
    if isinstance(key, tuple):
        return tuple(_array_key(function, k) for k in key)
    key = key._data if isinstance(key, Tensor) else key
    if isinstance(key, list):
        key = numpy.asarray(key) if key else numpy.zeros(0, numpy.int64)
    dtype = getattr(key, "dtype", None)
    if isinstance(key, float) or (dtype is not None and dtype.kind not in "iub"):
        raise IndexError(
            f"{function}: {key if dtype is None else dtype} cannot be an index; "
            "use integers, slices, or a boolean mask"
        )
    return key


def index(x, key):
    """x[key]: numbers, slices, None, ..., integer arrays (copies, repeats allowed), boolean masks.

    What NumPy accepts, with its result shapes. IndexError out of range (of an index on a GPU: when
    values next come to the CPU, see backend/bounds.py) or for floats.
    """
    key, data = _array_key("index", key), getattr(x, "_data", x)
    if data.__class__ is not ndarray:
        backend.watch_key("index", key, data)
    return _index(x, key)
