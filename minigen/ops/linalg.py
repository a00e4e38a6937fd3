"""Products of matrices, vectors and tensors.

Idea: one primitive, `matmul` of two stacks of matrices; vectors become matrices with one row or
column, tensors matrices with merged dimensions. The gradient of a product is two products.
Read next: einsum.py (any product of tensors), systems.py (equations), conv.py.
"""

import math
import operator

from minigen.backend import linalg as arrays
from minigen.errors import check_dim, check_tensors
from minigen.ops._define import composite, primitive
from minigen.ops.shape import permute, reshape, squeeze, unsqueeze


@primitive(lambda g: _mT(g))
def _mT(x):
    return x.swapaxes(-1, -2)


def _rows(x):
    """x (..., k) as one matrix; not by -1, which nothing can be found for where k = 0."""
    return reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))


def _left(g, a_shape, b):
    if b.ndim == 1:
        return g[..., None] * b
    if len(a_shape) == 1:
        return squeeze(matmul(unsqueeze(g, -2), _mT(b)), -2)
    return matmul(g, _mT(b))


def _right(g, a, b_shape):
    if len(b_shape) == 1:
        if a.ndim > 2:
            g, a = reshape(g, (-1,)), _rows(a)
        return g * a if a.ndim == 1 else matmul(g, a)
    if a.ndim == 1:
        return unsqueeze(a, -1) * unsqueeze(g, -2)
    if len(b_shape) == 2 and a.ndim > 2:  # one product instead of a sum over the stack
        a, g = _rows(a), _rows(g)
    return matmul(_mT(a), g)


@primitive(_left, _right)
def matmul(a, b):
    """Matrix product of the last two dimensions, the others broadcast; vectors as in NumPy.

        (..., n, k) @ (..., k, m) -> (..., n, m)   (..., n, k) @ (k) -> (..., n)   (k) @ (k) -> ()

    ValueError if the inner sizes differ, with the likely transposition; TypeError if the dtypes do.
    """
    if a.dtype != b.dtype:
        raise _unlike("matmul", a, b)
    try:
        return arrays.matmul(a, b)
    except ValueError as error:
        raise ValueError(_mismatch(a.shape, b.shape)) from error


def _unlike(function, a, b):
    return TypeError(f"{function}: dtypes {a.dtype} and {b.dtype} differ; cast one with .to()")


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
        g, x = _rows(g), _rows(x)
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
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(
            f"linear: bias {bias.shape} must have weight's first size, ({weight.shape[0]},)"
        )
    return arrays.linear(x, weight, bias)


@composite
def outer(a, b):
    """All products of two vectors: y[i, j] = a[i]·b[j].   (n), (m) -> (n, m)"""
    _check_vectors("outer", a, b, "for stacks, a.unsqueeze(-1) * b.unsqueeze(-2)")
    return unsqueeze(a, -1) * b


@composite
def dot(a, b):
    """Σ a[i]·b[i] of two vectors.   (n), (n) -> ()   ValueError for more dimensions or two sizes"""
    _check_vectors("dot", a, b, "matrices take matmul, or (a * b).sum()")
    if a.shape != b.shape:
        raise ValueError(f"dot: sizes {a.shape[0]} and {b.shape[0]} differ")
    if a.dtype != b.dtype:
        raise _unlike("dot", a, b)
    return matmul(a, b)


def _check_vectors(function, a, b, instead):
    check_tensors(function, a, b)
    if a.ndim != 1 or b.ndim != 1:
        raise ValueError(
            f"{function}: a {tuple(a.shape)} and b {tuple(b.shape)} must be vectors, (n,); "
            f"{instead}"
        )


@composite
def tensordot(a, b, dims=2):
    """Products summed over pairs of dimensions: what is left of a's, then what is left of b's.

    dims: how many, the last of a with the first of b in order; or two lists, a's and b's.
    dims=0: all products. ValueError if paired sizes differ.
    """
    check_tensors("tensordot", a, b)
    if a.dtype != b.dtype:
        raise _unlike("tensordot", a, b)
    ours, theirs = _paired(a, b, dims)
    for i, j in zip(ours, theirs, strict=True):
        if a.shape[i] != b.shape[j]:
            raise ValueError(
                f"tensordot: dim {i} of a {tuple(a.shape)} and dim {j} of b {tuple(b.shape)} are "
                f"summed together, but their sizes {a.shape[i]} and {b.shape[j]} differ"
            )
    left = [i for i in range(a.ndim) if i not in ours]
    right = [j for j in range(b.ndim) if j not in theirs]
    rows, columns = [a.shape[i] for i in left], [b.shape[j] for j in right]
    inner = math.prod(a.shape[i] for i in ours)
    a = reshape(permute(a, left + ours), (math.prod(rows), inner))
    b = reshape(permute(b, theirs + right), (inner, math.prod(columns)))
    return reshape(matmul(a, b), (*rows, *columns))


def _count(dims):
    try:
        return operator.index(dims)
    except TypeError:
        raise TypeError(f"tensordot: dims is a whole number or two lists, not {dims!r}") from None


def _paired(a, b, dims):
    """The dimensions of a and of b that are summed, as two lists."""
    if isinstance(dims, (tuple, list)):
        if len(dims) != 2:
            raise ValueError(f"tensordot: dims is a number or two lists, not {dims!r}")
        pair = [[d] if not isinstance(d, (tuple, list)) else list(d) for d in dims]
        ours = [check_dim("tensordot", d, a.ndim) for d in pair[0]]
        theirs = [check_dim("tensordot", d, b.ndim) for d in pair[1]]
    else:
        count = _count(dims)
        if not 0 <= count <= min(a.ndim, b.ndim):
            raise ValueError(
                f"tensordot: dims={count} of a {tuple(a.shape)} with b {tuple(b.shape)}: give "
                f"0 to {min(a.ndim, b.ndim)}, or two lists"
            )
        ours, theirs = list(range(a.ndim - count, a.ndim)), list(range(count))
    if len(ours) != len(theirs) or len({*ours}) < len(ours) or len({*theirs}) < len(theirs):
        raise ValueError(
            f"tensordot: dims {dims!r} must pair as many dimensions of a as of b, each once"
        )
    return ours, theirs
