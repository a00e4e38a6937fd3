"""Wrong calls of ops (gather) and what minigen says of them; see test_errors.py."""

import minigen as mg
from minigen import ops

one, T = mg.ones, mg.tensor


def set_item(x, key, value):
    x[key] = value


INDEXING = [
    (lambda: set_item(one(3), 0, 5.0), TypeError,
     "x[i] = v: tensors are not changed in place; use minigen.ops.put(x, i, v) for a changed copy, "
     "minigen.ops.where(mask, v, x), or minigen.assign(x, values) for a leaf"),
    (lambda: one(3)[1.5], IndexError, "index: 1.5 cannot be an index; use integers, slices, or a"),
    (lambda: one(3)[T([1.0])], IndexError, "index: float32 cannot be an index"),
    (lambda: ops.put(one(3), 1.5, 0), IndexError, "put: 1.5 cannot be an index"),
    (lambda: one(3)[7], IndexError, "index: index 7 is out of bounds for dim 0 with size 3"),
    (lambda: one(3)[T([0, 7])], IndexError,
     "index: index 7 is out of bounds for dim 0 with size 3"),
    (lambda: one(3)[0, 0], IndexError, "index: too many indices for array: array is 1-dimensional"),
    (lambda: one(3).gather(0, T([3])), IndexError,
     "gather: the index must lie in [-3, 3): dim 0 of (3,)"),
    (lambda: one(3).gather(0, T([[0]])), ValueError,
     "gather: index (1, 1) must have as many dimensions as (3,)"),
    (lambda: one(3, 2).gather(0, T([[0, 0, 0]])), ValueError,
     "gather: index (1, 3) is larger than (3, 2) in dimension 1"),
    (lambda: one(3).gather(0, T([0.0])), IndexError, "gather: the index must hold integers, not"),
    (lambda: one(3).scatter_add(0, T([5]), one(1)), IndexError, "scatter_add: the index must lie"),
    (lambda: ops.index_select(one(2, 3), 1, T([0, 3])), IndexError,
     "index_select: the index must lie in [-3, 3): dim 1 of (2, 3)"),
    (lambda: ops.index_select(one(3), 0, T([[0]])), ValueError,
     "index_select: index (1, 1) must have one dimension; x[index] takes more"),
    (lambda: ops.index_select(one(3), 0, T([0.0])), IndexError,
     "index_select: the index must be a tensor of integers, not float32"),
    (lambda: ops.index_select(one(3), 0, [0]), IndexError,
     "index_select: the index must be a tensor of integers, not list"),
    (lambda: ops.take_along_dim(one(2, 3), T([[0], [0], [0]]), 1), ValueError,
     "take_along_dim: x (2, 3) and indices (3, 1) must have as many dimensions, and sizes that "
     "agree or are 1 in all but dim 1"),
    (lambda: ops.take_along_dim(one(2, 3), T([0]), 1), ValueError, "must have as many dimensions"),
    (lambda: ops.take_along_dim(one(2, 3), T([[3]]), 1), IndexError,
     "take_along_dim: the index must lie in [-3, 3): dim 1 of (2, 3)"),
    (lambda: ops.masked_fill(one(2), T([1, 0]), 0.0), TypeError,
     "masked_fill: the mask must be boolean, not int64; compare first"),
    (lambda: ops.masked_fill(one(2), T([True, False]), one(2)), ValueError,
     "masked_fill: value (2,) must be one number; where(mask, value, x) takes one for each"),
    (lambda: ops.masked_fill(T([1, 2]), T([True, False]), 0.5), TypeError,
     "masked_fill: 0.5 is no int64, as x is; use x.float() first"),
    (lambda: ops.masked_fill(one(2), T([True, False, True]), 0.0), ValueError,
     "masked_fill: shapes (2,) and (3,) do not broadcast"),
    (lambda: ops.one_hot(T([0, 3]), 3), ValueError,
     "one_hot: x (2,) holds numbers from 0 to 3; num_classes=3 allows 0 to 2"),
    (lambda: ops.one_hot(T([0, -1])), ValueError, "one_hot: x (2,) holds numbers from -1 to 0;"),
    (lambda: ops.one_hot(one(2)), TypeError,
     "one_hot: class numbers are integers, not float32; use .long()"),
    (lambda: ops.one_hot(mg.zeros(0, dtype="int64")), ValueError,
     "one_hot: no classes in x (0,); give num_classes"),
    (lambda: ops.embedding(T([1, 3]), one(3, 2)), IndexError,
     "embedding: x (2,) holds id 3; weight (3, 2) has rows 0 to 2"),
    (lambda: ops.embedding(T([[-1, 3]]), one(3, 2)), IndexError,
     "embedding: x (1, 2) holds id -1; weight (3, 2) has rows 0 to 2"),
    (lambda: ops.embedding(one(2), one(3, 2)), TypeError,
     "embedding: x must be a tensor of integers, not float32; use x.long()"),
    (lambda: ops.embedding(one(3, 2), T([0, 1])), TypeError,
     "embedding: x must be a tensor of integers, not float32; the ids come first, then weight"),
    (lambda: ops.embedding(T([0]), one(3)), ValueError,
     "embedding: weight (3,) must be a table (V, D)"),
    (lambda: ops.embedding(T([0]), one(3, 2), padding_idx=3), ValueError,
     "embedding: padding_idx 3 is no row of weight (3, 2)"),
    (lambda: ops.embedding(T([0]), one(3, 2), axis=0), TypeError, "embedding: no argument axis"),
    (lambda: len(T(1.0)), TypeError, "len() of a 0-dimensional tensor"),
    (lambda: [1, 2][T(1.0)], TypeError, "a float32 tensor cannot be an index; use .long()"),
]  # fmt: skip
