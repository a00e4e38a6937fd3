"""Wrong calls of ops (reduce, scan, sort) and what minigen says of them; see test_errors.py."""

import minigen as mg
from minigen import ops

one, T = mg.ones, mg.tensor

REDUCTIONS = [
    (lambda: ops.prod(one(2, 3), 2), IndexError,
     "prod: dim 2 is out of range for a tensor of 2 dimensions (expected -2 to 1)"),
    (lambda: ops.norm(one(2, 3), 2, (0, 2)), IndexError,
     "norm: dim 2 is out of range for a tensor of 2 dimensions (expected -2 to 1)"),
    (lambda: ops.norm(one(2, 2), "nuc"), ValueError,
     "norm: p must be a number, inf, -inf or \"fro\", not 'nuc'"),
    (lambda: ops.norm(mg.zeros(2, 0), float("inf"), 1), ValueError,
     "norm: shape (2, 0) has nothing to choose from in dim 1"),
    (lambda: ops.any(one(2), axis=0), TypeError,
     "any: the argument is called dim here, not axis (as in PyTorch)"),
    (lambda: ops.all(one(2), keepdims=True), TypeError,
     "all: the argument is called keepdim here, not keepdims (as in PyTorch)"),
    (lambda: ops.prod(one(2), 0.5), TypeError,
     "prod: 'float' object cannot be interpreted as an integer"),
    (lambda: ops.sum(one(80, 80), (0, 2)), IndexError,
     "sum: dim 2 is out of range for a tensor of 2 dimensions (expected -2 to 1)"),
    (lambda: ops.sum(one(80, 80), (0, -2)), ValueError, "sum: duplicate value in 'dim'"),
    (lambda: ops.sum(one(80, 80), 0.5), TypeError,
     "sum: 'float' object cannot be interpreted as an integer"),
    (lambda: ops.softmax(one(80, 80), 2), IndexError,
     "softmax: dim 2 is out of range for a tensor of 2 dimensions (expected -2 to 1)"),
    (lambda: ops.log_softmax(one(2), "a"), TypeError,
     "log_softmax: 'str' object cannot be interpreted as an integer"),
]  # fmt: skip

SCANS = [
    (lambda: ops.cumsum(one(2, 3), 2), IndexError,
     "cumsum: dim 2 is out of range for a tensor of 2 dimensions (expected -2 to 1)"),
    (lambda: ops.cumprod(one(2), 1.0), TypeError, "cumprod: dim must be a whole number, not 1.0"),
    (lambda: ops.cumprod(one(2), dim=None), TypeError,
     "cumprod: dim must be a whole number, not None"),
    (lambda: ops.cumsum(one(2), axis=0), TypeError,
     "cumsum: the argument is called dim here, not axis (as in PyTorch)"),
    (lambda: ops.cumprod(one(2), 0, exclude=True), TypeError,
     "cumprod: no argument exclude (it takes x, dim, exclusive); did you mean exclusive?"),
]  # fmt: skip

SORTING = [
    (lambda: ops.sort(one(2), 1), IndexError,
     "sort: dim 1 is out of range for a tensor of 1 dimensions (expected -1 to 0)"),
    (lambda: ops.argsort(one(2), reverse=True), TypeError,
     "argsort: no argument reverse (it takes x, dim, descending, stable)"),
    (lambda: ops.topk(one(2, 3), 4), ValueError,
     "topk: k = 4 of 3 elements in dim 1 of (2, 3); k must lie in [0, 3]"),
    (lambda: ops.topk(one(3), -1), ValueError, "topk: k = -1 of 3 elements in dim 0 of (3,)"),
    (lambda: ops.topk(one(3), 1.0), TypeError, "topk: k must be a whole number, not 1.0"),
    (lambda: ops.quantile(one(3), 1.5), ValueError,
     "quantile: q is a fraction, 1.5 is not in [0, 1]"),
    (lambda: ops.quantile(one(3), T([0.5, float("nan")])), ValueError,
     "quantile: q is a fraction, [0.5, nan] is not in [0, 1]"),
    (lambda: ops.quantile(one(3), one(1, 2)), ValueError,
     "quantile: q (1, 2) must be a number or have one dimension"),
    (lambda: ops.quantile(one(3), "half"), TypeError,
     "quantile: q must be a number or a tensor, not str"),
    (lambda: ops.quantile(one(3), 0.5, interpolation="cubic"), ValueError,
     "quantile: interpolation must be one of linear, lower, higher, midpoint, nearest, not "
     "'cubic'"),
    (lambda: ops.quantile(mg.zeros(2, 0), 0.5, 1), ValueError,
     "quantile: shape (2, 0) has nothing to choose from in dim 1"),
    (lambda: ops.quantile(one(3), 0.5, 1), IndexError,
     "quantile: dim 1 is out of range for a tensor of 1 dimensions (expected -1 to 0)"),
    (lambda: ops.bincount(T([0, -2])), ValueError,
     "bincount: counts whole numbers from 0 up, but there is a -2"),
    (lambda: ops.bincount(T([[0, 2]])), ValueError,
     "bincount: x (1, 2) must have one dimension; use flatten()"),
    (lambda: ops.bincount(one(2)), TypeError,
     "bincount: x must hold whole numbers, not float32; use .long()"),
    (lambda: ops.bincount(T([0, 1]), one(3)), ValueError,
     "bincount: weights (3,) must have the shape of x, (2,)"),
    (lambda: ops.bincount(T([0, 1]), minlength=-1), ValueError,
     "bincount: minlength must be a whole number >= 0, not -1"),
    (lambda: ops.searchsorted(one(2, 3), one(3, 3)), ValueError,
     "searchsorted: sorted_sequence (2, 3) and values (3, 3) must agree in all dimensions but the "
     "last, or the sequence must have one dimension"),
    (lambda: ops.searchsorted(one(2), one(3), side="middle"), ValueError,
     "searchsorted: side must be \"left\" or \"right\", not 'middle'"),
    (lambda: ops.searchsorted(one(2), one(3), right=True, side="left"), ValueError,
     'searchsorted: side="left" contradicts right=True; give one of them'),
]  # fmt: skip
