"""Products of matrices.

Idea: one primitive, `matmul` of two stacks of matrices; vectors become matrices with one row or
column. The gradient of a product is two products.
Read next: conv.py (convolution, a product too).
"""

import math

from minigen.ops._define import primitive
from minigen.ops.shape import reshape, squeeze, unsqueeze


@primitive(lambda g: _mT(g))
def _mT(x):
    return x.swapaxes(-1, -2)


def _left(g, a_shape, b):
    if b.ndim == 1:
        return g[..., None] * b
    if len(a_shape) == 1:
        return squeeze(matmul(unsqueeze(g, -2), _mT(b)), -2)
    return matmul(g, _mT(b))


def _right(g, a, b_shape):
    if len(b_shape) == 1:
        if a.ndim > 2:
            g, a = reshape(g, (-1,)), reshape(a, (-1, a.shape[-1]))
        return g * a if a.ndim == 1 else matmul(g, a)
    if a.ndim == 1:
        return unsqueeze(a, -1) * unsqueeze(g, -2)
    if len(b_shape) == 2 and a.ndim > 2:  # one product instead of a sum over the stack
        a, g = reshape(a, (-1, a.shape[-1])), reshape(g, (-1, g.shape[-1]))
    return matmul(_mT(a), g)


@primitive(_left, _right)
def matmul(a, b):
    """Matrix product of the last two dimensions, the others broadcast; vectors as in NumPy.

        (..., n, k) @ (..., k, m) -> (..., n, m)   (..., n, k) @ (k) -> (..., n)   (k) @ (k) -> ()

    ValueError if the inner sizes differ, with the likely transposition; TypeError if the dtypes do.
    """
    if a.dtype != b.dtype:
        raise TypeError(f"matmul: dtypes {a.dtype} and {b.dtype} differ; cast one with .to()")
    try:
        return a @ b
    except ValueError as error:
        raise ValueError(_mismatch(a.shape, b.shape)) from error


def _mismatch(a, b):
    """The sentence about two shapes that cannot be multiplied."""
    if not a or not b:
        return "matmul: a number has no matrix product; use *"
    inner, other = a[-1], b[-2] if len(b) > 1 else b[0]
    if inner == other:
        return f"matmul: {a} @ {b}: the leading sizes do not broadcast"
    fix = ""
    if len(b) > 1 and b[-1] == inner:
        fix = "; did you mean w.T?" if len(b) == 2 else "; did you mean w.mT for the second?"
    elif len(a) > 1 and a[-2] == other:
        fix = "; did you mean x.T for the first?"
    return f"matmul: {a} @ {b}: inner sizes {inner} and {other} differ{fix}"


def _linear_weight(g, x):
    if g.ndim != 2:
        g, x = reshape(g, (-1, g.shape[-1])), reshape(x, (-1, x.shape[-1]))
    return matmul(_mT(g), x)


@primitive(lambda g, weight: matmul(g, weight), _linear_weight, lambda g: g)
def linear(x, weight, bias=None):
    """x·Wᵀ + b.   x (..., in), weight (out, in), bias (out,) or None -> (..., out)"""
    if weight.ndim != 2 or not x.ndim or x.shape[-1] != weight.shape[1]:
        hint = ""
        if weight.ndim == 2 and x.ndim > 2 and math.prod(x.shape[1:]) == weight.shape[1]:
            hint = "; did you mean x.flatten(1)?"
        raise ValueError(
            f"linear: x {x.shape} with weight {weight.shape}: the last size of x must be weight's "
            f"second{hint}"
        )
    y = x @ weight.T
    if bias is not None:
        if bias.shape != weight.shape[:1]:
            raise ValueError(
                f"linear: bias {bias.shape} must have weight's first size, ({weight.shape[0]},)"
            )
        y += bias
    return y
