"""Products of matrices.

Idea: one primitive, `matmul` of two stacks of matrices; vectors become matrices with one row or
column. The gradient of a product is two products.
Read next: conv.py (convolution, a product too).
"""

import math

from minigen.ops._define import primitive
from minigen.ops.shape import permute, reshape, squeeze, unsqueeze


def _mT(x):
    return permute(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def _left(g, b):
    return _matmul(g, _mT(b))


def _right(g, a, b_shape):
    if len(b_shape) == 2 and a.ndim > 2:  # one product instead of a sum over the stack
        a, g = reshape(a, (-1, a.shape[-1])), reshape(g, (-1, g.shape[-1]))
    return _matmul(_mT(a), g)


@primitive(_left, _right)
def _matmul(a, b):
    if a.dtype != b.dtype:
        raise TypeError(f"matmul: dtypes {a.dtype} and {b.dtype} differ; cast one with .to()")
    return a @ b


def matmul(a, b):
    """Matrix product of the last two dimensions, the others broadcast; vectors as in NumPy.

        (..., n, k) @ (..., k, m) -> (..., n, m)     (k) @ (k) -> ()     (..., n, k) @ (k) -> (..., n)

    ValueError if the inner sizes differ, naming the likely transposition.
    """
    if a.ndim == 0 or b.ndim == 0:
        raise ValueError("matmul: a number has no matrix product; use *")
    inner, other = a.shape[-1], b.shape[-2] if b.ndim > 1 else b.shape[0]
    if inner != other:
        raise ValueError(_mismatch(tuple(a.shape), tuple(b.shape), inner, other))
    row, column = a.ndim == 1, b.ndim == 1
    if not (row or column):
        return _matmul(a, b)
    y = _matmul(unsqueeze(a, 0) if row else a, unsqueeze(b, -1) if column else b)
    y = squeeze(y, -1) if column else y
    return squeeze(y, -1 if column else -2) if row else y


def _mismatch(a, b, inner, other):
    fix = ""
    if len(b) > 1 and b[-1] == inner:
        fix = "; did you mean w.T?" if len(b) == 2 else "; did you mean w.mT for the second?"
    elif len(a) > 1 and a[-2] == other:
        fix = "; did you mean x.T for the first?"
    return f"matmul: {a} @ {b}: inner sizes {inner} and {other} differ{fix}"


def _linear_weight(g, x):
    return _matmul(_mT(reshape(g, (-1, g.shape[-1]))), reshape(x, (-1, x.shape[-1])))


@primitive(lambda g, weight: linear(g, _mT(weight)), _linear_weight, lambda g: g)
def _linear(x, weight, bias):
    y = x @ weight.T
    if bias is not None:
        y += bias
    return y


def linear(x, weight, bias=None):
    """x·Wᵀ + b.   x (..., in), weight (out, in), bias (out,) or None -> (..., out)"""
    if weight.ndim != 2 or x.ndim == 0 or x.shape[-1] != weight.shape[1]:
        hint = ""
        if weight.ndim == 2 and x.ndim > 2 and math.prod(x.shape[1:]) == weight.shape[1]:
            hint = "; did you mean x.flatten(1)?"
        raise ValueError(
            f"linear: x {tuple(x.shape)} with weight {tuple(weight.shape)}: the last size of x "
            f"must be weight's second{hint}"
        )
    if bias is not None and tuple(bias.shape) != (weight.shape[0],):
        raise ValueError(
            f"linear: bias {tuple(bias.shape)} must have weight's first size, ({weight.shape[0]},)"
        )
    return _linear(x, weight, bias)
