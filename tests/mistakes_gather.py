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
    (lambda: one(3)[0, 0], IndexError, "index: too many indices for array: array is 1-dimensional"),
    (lambda: one(3).gather(0, T([3])), IndexError,
     "gather: the index must lie in [-3, 3): dim 0 of (3,)"),
    (lambda: one(3).gather(0, T([[0]])), ValueError,
     "gather: index (1, 1) must have as many dimensions as (3,)"),
    (lambda: one(3, 2).gather(0, T([[0, 0, 0]])), ValueError,
     "gather: index (1, 3) is larger than (3, 2) in dimension 1"),
    (lambda: one(3).gather(0, T([0.0])), IndexError, "gather: the index must hold integers, not"),
    (lambda: one(3).scatter_add(0, T([5]), one(1)), IndexError, "scatter_add: the index must lie"),
    (lambda: len(T(1.0)), TypeError, "len() of a 0-dimensional tensor"),
    (lambda: [1, 2][T(1.0)], TypeError, "a float32 tensor cannot be an index; use .long()"),
]  # fmt: skip
