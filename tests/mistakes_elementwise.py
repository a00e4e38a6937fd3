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
    (lambda: ops.glu(one(2, 3)), ValueError,
     "glu: dim 1 of x (2, 3) is halved into values and gates, its size must be even; did you mean "
     "another dim?"),
    (lambda: ops.glu(T(3.0)), ValueError, "glu: x () has no dimension to halve"),
    (lambda: ops.glu(one(2, 4), 2), IndexError,
     "glu: dim 2 is out of range for a tensor of 2 dimensions (expected -2 to 1)"),
    (lambda: ops.glu(one(2, 4), 1.0), TypeError, "glu: dim must be a whole number, not 1.0"),
    (lambda: ops.prelu(one(4, 2), one(3)), ValueError,
     "prelu: weight (3,) for x (4, 2), which has 2 channels (dimension 1): give weights of shape "
     "(1,) or (2,)"),
    (lambda: ops.prelu(one(4, 2), one(1, 2)), ValueError, "prelu: weight (1, 2) for x (4, 2)"),
    (lambda: ops.prelu(one(3), one(3)), ValueError, "prelu: weight (3,) for x (3,), which has 1 "),
    (lambda: ops.prelu(one(2), 0.25), TypeError,
     "prelu: weight must be a tensor, not 0.25; leaky_relu takes a number"),
    (lambda: ops.celu(one(2), 0.0), ValueError,
     "celu: alpha divides x and must not be 0; the limit is relu(x)"),
    (lambda: ops.selu(None), TypeError, "selu: None is not a tensor"),
    (lambda: ops.elu(one(2), alfa=2.0), TypeError,
     "elu: no argument alfa (it takes x, alpha); did you mean alpha?"),
    (lambda: ops.hardtanh(one(2), 1.0, -1.0), ValueError,
     "hardtanh: min_val 1.0 is above max_val -1.0; exchange them"),
    (lambda: ops.hardtanh(one(2), min=0), TypeError,
     "hardtanh: no argument min (it takes x, min_val, max_val); did you mean min_val?"),
    (lambda: ops.round(one(2), 1.5), TypeError,
     "round: decimals must be a whole number, not 1.5"),
    (lambda: ops.round(T([1, 2]), 1), TypeError,
     "round: decimals=1 is for floats, x is int64; use .float() first"),
    (lambda: ops.lerp(one(2), one(2)), TypeError,
     "lerp: argument weight is missing (x, end, weight)"),
    (lambda: ops.lerp(one(4, 3), one(4, 3), one(4)), ValueError,
     "lerp: shapes (4, 3) and (4, 3) and (4,) do not broadcast: in dimension -1 the sizes 3 and 4"),
    (lambda: ops.atan2(one(3), one(2)), ValueError,
     "atan2: shapes (3,) and (2,) do not broadcast: in dimension -1 the sizes 3 and 2 differ"),
    (lambda: ops.atan2(one(3)), TypeError, "atan2: argument other is missing (x, other)"),
    (lambda: ops.xlogy(one(2), "e"), TypeError,
     "xlogy: str 'e' is not a tensor, array or number"),
    (lambda: ops.logaddexp(one(2), None), TypeError,
     "logaddexp: None is not a tensor, array or number"),
    (lambda: ops.logsigmoid(one(2), 1), TypeError, "logsigmoid: takes 1 arguments (x), got 2"),
]  # fmt: skip
