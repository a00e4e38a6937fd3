"""Picking and placing: elements read, written or added along a dimension, at given indices.

Idea: `gather` reads, its adjoint `scatter_add` adds where it read. Both are made of `_index` and
`_index_add`, with a key that counts up in all other dimensions.
Read next: index.py, embedding.py (rows of a table).
"""

import contextlib
import math
from functools import partial
from numbers import Integral

import numpy

from minigen.backend import array_module, as_array, follow, ndarray, watch_index, watch_key
from minigen.errors import check_dim, check_value
from minigen.ops._define import composite, primitive
from minigen.ops.elementwise import logical_not
from minigen.ops.index import _array_key, _index, _index_add
from minigen.ops.shape import broadcast_to, reshape
from minigen.tensor import Tensor


@primitive(lambda g, key: _put(g, key, 0.0), None, lambda g, key: _index(g, key))
def _put(x, key, value):
    check_value("put", x, value)
    out = x.copy()
    try:
        out[key] = value
    except ValueError as error:
        raise _no_fit(value, out[key].shape) from error
    return out


def _no_fit(value, shape):
    of = tuple(getattr(value, "shape", numpy.shape(value)))
    return ValueError(f"put: value {of} does not broadcast to x[key] {tuple(shape)}")


@composite
def put(x, key, value, accumulate=False):
    """A copy of x with x[key] = value (accumulate: += value, repeats added). x is not changed.

    value: number or tensor that broadcasts to x[key]. With an index that repeats, and without
    accumulate, which value wins is not defined, nor is its gradient.
    """
    key, data = _array_key("put", key), getattr(x, "_data", x)
    watch_key("put", key, data)
    if not accumulate:
        return _put(x, key, value)
    read = _index(x, key)
    check_value("put", data, value)
    if not hasattr(value, "shape"):
        value = array_module(data).asarray(value, x.dtype)
    try:
        value = broadcast_to(value, tuple(read.shape))
    except ValueError as error:
        raise _no_fit(value, read.shape) from error
    return x + _index_add(value, key, tuple(x.shape))


def _key_along(index, dim, sizes, shape):
    """The key that picks index along dim of a shape: all other dimensions count up to their sizes.

    Last dimensions that are picked whole, by one number each, are left out: rows are copied faster
    than elements.
    """
    xp, rank = array_module(index), index.ndim
    while rank > dim + 1 and 0 != sizes[rank - 1] == shape[rank - 1]:
        if index.shape[rank - 1] != 1 and index.strides[rank - 1]:
            break
        rank -= 1
    key = list(xp.ogrid[tuple(slice(s) for s in sizes[:rank])])
    key[dim] = index[(..., *[0] * (index.ndim - rank))]
    return tuple(key)


def _check_gather(function, shape, dim, index):
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
def _in_range(function, x, dim, index):
    """NumPy's word on an index too large, in our terms; on a GPU ours, which may come late."""
    n = x.shape[dim]
    if not isinstance(getattr(x, "_data", x), ndarray):
        watch_index(index, -n, n, partial(_range, function, x.shape, dim))
    try:
        yield
    except IndexError as error:
        raise IndexError(_range(function, x.shape, dim)) from error


def _range(function, shape, dim, number=None):
    n = shape[dim]
    return f"{function}: the index must lie in [{-n}, {n}): dim {dim} of {tuple(shape)}"


@composite
def gather(x, dim, index):
    """Elements picked along dim: y[i, j] = x[index[i, j], j] for dim=0. Shape of the index.

    index: integers, as many dimensions as x, no larger than x except along dim.
    """
    dim, data = check_dim("gather", dim, x.ndim), _integers("gather", index)
    if not x.ndim and data.ndim < 2:  # a number is a vector of one
        return reshape(gather(reshape(x, (1,)), 0, data.reshape(-1)), data.shape)
    _check_gather("gather", x.shape, dim, data)
    with _in_range("gather", x, dim, data):
        return _index(x, _key_along(data, dim, data.shape, x.shape))


@composite
def index_select(x, dim, index):
    """The slices of x along dim at a list of positions; repeats allowed.

    x (..., n, ...), index (k,) of integers in [-n, n) -> (..., k, ...)
    """
    dim = check_dim("index_select", dim, x.ndim)
    data = _integers("index_select", index)
    if data.ndim > 1:
        raise ValueError(
            f"index_select: index {tuple(data.shape)} must have one dimension; x[index] takes more"
        )
    data = data.reshape(-1)
    if not x.ndim:  # a number stays one, as in PyTorch
        return reshape(index_select(reshape(x, (1,)), 0, data), ())
    with _in_range("index_select", x, dim, data):
        return _index(x, ((slice(None),) * dim + (data,)) if dim else data)


@composite
def take_along_dim(x, indices, dim=None):
    """Elements picked along dim, as `gather`, but all other dimensions broadcast.

    y[i, j] = x[indices[i, j], j] for dim=0. What argmax and argsort return fits. Without dim,
    indices count in the flattened x.
    """
    data = _integers("take_along_dim", indices)
    if dim is None:
        x, data, dim = reshape(x, (math.prod(x.shape),)), data.reshape(-1), 0
    elif not x.ndim and not data.ndim:  # numbers are vectors of one
        dim = check_dim("take_along_dim", dim, 0)
        return reshape(take_along_dim(reshape(x, (1,)), data.reshape(1), 0), ())
    dim = check_dim("take_along_dim", dim, x.ndim)
    shapes = tuple(x.shape), tuple(data.shape)
    pairs = zip(*shapes, strict=False)
    if len(shapes[0]) != len(shapes[1]) or any(
        a != b and 1 not in (a, b) for i, (a, b) in enumerate(pairs) if i != dim
    ):
        raise ValueError(
            f"take_along_dim: x {shapes[0]} and indices {shapes[1]} must have as many dimensions, "
            f"and sizes that agree or are 1 in all but dim {dim}"
        )
    with _in_range("take_along_dim", x, dim, data):
        return _index(x, _key_along(data, dim, x.shape, x.shape))


def _integers(function, index):
    """An index as an array. IndexError if it does not hold integers."""
    data = index._data if isinstance(index, Tensor) else index
    if getattr(getattr(data, "dtype", None), "kind", "") not in ("i", "u"):
        held = getattr(data, "dtype", type(data).__name__)
        raise IndexError(f"{function}: the index must be a tensor of integers, not {held}")
    follow(data)
    return data


@composite
def scatter_add(x, dim, index, src):
    """x with src added where gather would read: y[index[i, j], j] += src[i, j] for dim=0.

    index: integers, no larger than src, and than x except along dim; repeats add.
    """
    dim, data = check_dim("scatter_add", dim, x.ndim), _integers("scatter_add", index)
    if not x.ndim and data.ndim < 2 and src.ndim < 2:  # a number is a vector of one
        y = scatter_add(reshape(x, (1,)), 0, data.reshape(-1), reshape(src, (-1,)))
        return reshape(y, ())
    _check_gather("scatter_add", x.shape, dim, data)
    _check_gather("scatter_add", src.shape, -1, data)
    check_value("scatter_add", x, src)
    src = _index(src, tuple(slice(s) for s in data.shape))
    with _in_range("scatter_add", x, dim, data):
        return x + _index_add(src, _key_along(data, dim, data.shape, x.shape), tuple(x.shape))


# ---- by a mask, and by class


@primitive(
    lambda g, mask: masked_fill(g, mask, 0.0),
    None,
    lambda g, mask: masked_fill(g, logical_not(mask), 0.0),
    settles=False,
)
def masked_fill(x, mask, value):
    """x with a number where the mask holds; both gradients are 0 where the other is taken.

    mask: booleans, broadcasts with x; value: a number or a tensor of 0 dimensions. The result has
    x's dtype. Attention hides positions so: masked_fill(scores, mask, -inf).
    """
    if mask.dtype != numpy.bool_:
        raise TypeError(f"masked_fill: the mask must be boolean, not {mask.dtype}; compare first")
    if getattr(value, "shape", ()) != ():
        raise ValueError(
            f"masked_fill: value {tuple(value.shape)} must be one number; where(mask, value, x) "
            "takes one for each element"
        )
    check_value("masked_fill", x, value)
    shape = numpy.broadcast_shapes(x.shape, mask.shape)
    xp = array_module(x)
    x = as_array(x)     # of 0 dimensions, a gradient may be a NumPy scalar
    y = x.copy(order="K") if shape == x.shape else xp.broadcast_to(x, shape).copy()
    xp.copyto(y, value, "unsafe", mask)
    return y


@primitive()
def one_hot(x, num_classes=-1):
    """A row of zeros with a 1 at the class, for each class number in x.   (...) -> (..., C) int64

    num_classes: C; -1 for the largest of x plus 1. ValueError for a number outside of [0, C).
    """
    if x.dtype.kind not in "iu":
        raise TypeError(f"one_hot: class numbers are integers, not {x.dtype}; use .long()")
    if not isinstance(num_classes, Integral) or num_classes < -1:
        raise ValueError(
            f"one_hot: num_classes must be a whole number >= 0, or -1, not {num_classes!r}"
        )
    if num_classes == -1:
        if not x.size:
            raise ValueError(f"one_hot: no classes in x {x.shape}; give num_classes")
        num_classes = int(x.max()) + 1
    if x.size and not 0 <= int(x.min()) <= int(x.max()) < num_classes:
        raise ValueError(
            f"one_hot: x {x.shape} holds numbers from {int(x.min())} to {int(x.max())}; "
            f"num_classes={num_classes} allows 0 to {num_classes - 1}"
        )
    xp = array_module(x)
    y = xp.zeros((x.size, num_classes), "int64")
    y[xp.arange(x.size), x.reshape(-1)] = 1
    return y.reshape(*x.shape, num_classes)
