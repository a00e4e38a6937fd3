"""Wrong calls of ops (elementwise) and what minigen says of them; see test_errors.py."""

import numpy as np

import minigen as mg
from minigen import ops

one, T = mg.ones, mg.tensor

ELEMENTWISE = [
    (lambda: one(3) + one(2), ValueError,
     "add: shapes (3,) and (2,) do not broadcast: in dimension -1 the sizes 3 and 2 differ, and "
     "neither is 1"),
    (lambda: one(4, 3) * one(4), ValueError, "did you mean reshape(-1, 1) for the second?"),
    (lambda: ops.add(np.ones(3), np.ones(2)), ValueError, "add: shapes (3,) and (2,)"),
    (lambda: ops.where(one(3) > 0, one(3), one(2)), ValueError,
     "where: shapes (3,) and (3,) and (2,) do not broadcast"),
    (lambda: ops.where(one(2), one(2), one(2)), TypeError,
     "where: the condition must be boolean, not float32; compare first"),
    (lambda: one(2) + None, TypeError, "add: None is not a tensor, array or number"),
    (lambda: one(2) * "two", TypeError, "mul: str 'two' is not a tensor, array or number"),
    (lambda: ops.exp(None), TypeError, "exp: None is not a tensor, array or number"),
    (lambda: ops.sum([1.0, 2.0]), TypeError, "sum: list [1.0, 2.0] is not a tensor"),
    (lambda: ops.clamp(one(2), None, "b"), TypeError, "clamp: str 'b' is not a tensor"),
    (lambda: ops.clamp(one(2)), ValueError, "clamp: give min, max or both"),
    (lambda: T([2]) ** -1, ValueError, "pow: Integers to negative integer powers are not allowed"),
    (lambda: ops.gelu(one(2), "fast"), ValueError,
     "gelu: approximate must be \"none\" or \"tanh\", not 'fast'"),
    (lambda: ops.tanh(one(2), 3), TypeError, "tanh: takes 1 arguments (x), got 2"),
    (lambda: one(2) & T([1, 2]), TypeError,
     "bitwise_and: only integers and booleans have bits; logical_and, logical_or and logical_not"),
    (lambda: ~one(2), TypeError, "bitwise_not: only integers and booleans have bits; logical_and"),
    (lambda: ops.add(one(2)), TypeError, "add: argument b is missing (a, b)"),
    (lambda: ops.add(one(2), a=one(2)), TypeError, "add: argument a was given twice"),
    (lambda: ops.leaky_relu(one(2), negative_slop=1), TypeError,
     "leaky_relu: no argument negative_slop (it takes x, negative_slope); did you mean "
     "negative_slope?"),
]  # fmt: skip
