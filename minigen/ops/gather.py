"""Picking and placing: elements read, written or added along a dimension, at given indices.

Idea: `gather` reads, its adjoint `scatter_add` adds where it read. Both are made of `_index` and
`_index_add`, with a key that counts up in all other dimensions.
Read next: index.py.
"""

import contextlib

from minigen.backend import array_module
from minigen.errors import check_dim
from minigen.ops._define import composite, primitive
from minigen.ops.index import _array_key, _index, _index_add
from minigen.ops.shape import broadcast_to
from minigen.tensor import Tensor


@primitive(lambda g, key: _put(g, key, 0.0), None, lambda g, key: _index(g, key))
def _put(x, key, value):
    out = x.copy()
    out[key] = value
    return out


@composite
def put(x, key, value, accumulate=False):
    """A copy of x with x[key] = value (accumulate: += value, repeats added). x is not changed.

    value: number or tensor that broadcasts to x[key]. With an index that repeats, and without
    accumulate, which value wins is not defined, nor is its gradient.
    """
    key = _array_key("put", key)
    if not accumulate:
        return _put(x, key, value)
    read = _index(x, key)
    value = (
        value
        if isinstance(value, Tensor)
        else Tensor(array_module(x._data).asarray(value, x.dtype))
    )
    return x + _index_add(broadcast_to(value, read.shape), key, x.shape)


def _along(index, dim, shape):
    """The key that picks index along dim: all other dimensions count up."""
    xp = array_module(index)
    key = list(xp.ogrid[tuple(slice(s) for s in index.shape)])
    key[dim] = index
    return tuple(key)


def _check_gather(function, shape, dim, index):
    if index.dtype.kind not in "iu":
        raise IndexError(f"{function}: the index must hold integers, not {index.dtype}")
    if len(shape) != index.ndim:
        raise ValueError(
            f"{function}: index {tuple(index.shape)} must have as many dimensions as {tuple(shape)}"
        )
    for i, (size, of) in enumerate(zip(index.shape, shape, strict=True)):
        if i != dim and size > of:
            raise ValueError(
                f"{function}: index {tuple(index.shape)} is larger than {tuple(shape)} in "
                f"dimension {i}"
            )


@contextlib.contextmanager
def _in_range(function, shape, dim):
    """NumPy's word on an index too large, in our terms (on a GPU nobody checks)."""
    try:
        yield
    except IndexError as error:
        raise IndexError(
            f"{function}: the index must lie in [{-shape[dim]}, {shape[dim]}): dim {dim} of "
            f"{tuple(shape)}"
        ) from error


@composite
def gather(x, dim, index):
    """Elements picked along dim: y[i, j] = x[index[i, j], j] for dim=0. Shape of the index.

    index: integers, as many dimensions as x, no larger than x except along dim.
    """
    dim = check_dim("gather", dim, x.ndim)
    _check_gather("gather", x.shape, dim, index)
    data = index._data if isinstance(index, Tensor) else index
    with _in_range("gather", x.shape, dim):
        return _index(x, _along(data, dim, x.shape) if x.ndim else ())


@composite
def scatter_add(x, dim, index, src):
    """x with src added where gather would read: y[index[i, j], j] += src[i, j] for dim=0.

    index: integers, no larger than src, and than x except along dim; repeats add.
    """
    dim = check_dim("scatter_add", dim, x.ndim)
    _check_gather("scatter_add", x.shape, dim, index)
    _check_gather("scatter_add", src.shape, -1, index)
    data = index._data if isinstance(index, Tensor) else index
    src = _index(src, tuple(slice(s) for s in data.shape))
    with _in_range("scatter_add", x.shape, dim):
        return x + _index_add(src, _along(data, dim, x.shape), tuple(x.shape))
