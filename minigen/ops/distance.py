"""Distances between vectors, and the cosine of the angle between them.

Idea: a distance is the length of a difference, and `_length` is the one function that is not
smooth: at length 0 its derivative is 0, of every order. Distances of all pairs would need the
differences of all pairs in memory: `cdist` is fused, goes through them in blocks, and takes the
Euclidean ones, where it can, from a product of matrices.
Read next: ../backend/distance.py (that product), loss.py (triplet_margin_loss).
"""

import math
from numbers import Real

import numpy

from minigen.backend import array_module, quiet
from minigen.backend import distance as kernel
from minigen.errors import check_dim, check_tensors
from minigen.ops._define import composite, float_dtypes, fused, primitive
from minigen.ops.elementwise import abs, cast, sign, where
from minigen.ops.reduce import sum
from minigen.ops.shape import broadcast_to, squeeze, unsqueeze

# ---- the length of a vector


def _length_vjp(g, y, x, p, dim):
    safe = where(y == 0, 1.0, y)
    if p == 2:
        return x * where(y == 0, 0.0, g / safe)
    if p == 1:
        return sign(x) * g
    if p == 0:
        return sign(x) * (g * 0.0)
    if p == math.inf:  # coordinates that share the maximum share the gradient, as in amax
        largest = cast(abs(x) == y, x.dtype)
        return sign(x) * largest * (g / sum(largest, dim, True))
    ratio = where(x == 0, 1.0, abs(x) / safe)  # not 0: its power may be infinite
    return sign(x) * ratio ** (p - 1) * g


@primitive(_length_vjp)
def _length(x, p, dim):
    """(Σ |x|^p)^(1/p) over dim, which is kept; the number of nonzeros for p = 0, max |x| for inf.

    d/dx = sign(x)·(|x|/y)^(p-1), 0 where x is 0. float16 is computed in float32. For p = 2 the
    squares must stay in range: in float32 a length from 1.8e19 on is inf.
    """
    dtype, wide = float_dtypes(x)
    with quiet():
        return _norm(x.astype(wide, copy=False), p, dim).astype(dtype, copy=False)


def _norm(x, p, dim):
    xp = array_module(x)
    if p == 2:
        return xp.sqrt(_summed(xp, x * x, dim))
    if p == 0:
        return (x != 0).sum(dim, keepdims=True).astype(x.dtype)
    size = xp.abs(x)
    if p == 1:
        return _summed(xp, size, dim)
    if not x.shape[dim]:
        return size.sum(dim, keepdims=True)
    largest = size.max(dim, keepdims=True)
    if p == math.inf:
        return largest
    scale = xp.where((largest == 0) | ~xp.isfinite(largest), 1, largest)  # x^p may overflow
    return scale * _summed(xp, (size / scale) ** p, dim) ** (1 / p)


def _summed(xp, x, dim):
    """Sums over dim, kept; over the last one, which may be short, as a product with ones."""
    if dim not in (-1, x.ndim - 1):
        return x.sum(dim, keepdims=True)
    return (x @ xp.ones(x.shape[-1], x.dtype))[..., None]


@primitive(lambda g: g)
def _at_least(x, low):
    """x, and low where x is below it, with the derivative 1 everywhere, as if nothing were done."""
    return array_module(x).maximum(x, low)


# ---- of pairs in the same place


def _together(function, x1, x2):
    """The shape to which the two broadcast. ValueError, naming both, if they do not."""
    check_tensors(function, x1, x2)
    try:
        return numpy.broadcast_shapes(tuple(x1.shape), tuple(x2.shape))
    except ValueError as error:
        raise ValueError(
            f"{function}: shapes {tuple(x1.shape)} and {tuple(x2.shape)} do not broadcast; give "
            "as many vectors in x1 as in x2, or one"
        ) from error


def _check_p(function, p):
    if not (isinstance(p, Real) and p >= 0):
        raise ValueError(f"{function}: p must be 0, a positive number or inf, not {p!r}")


@composite
def pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    """‖x1 - x2 + eps‖_p over the last dimension: (..., D), (..., D) -> (...).

    The rest broadcasts. eps keeps the derivative at equal vectors away from 0; with eps = 0 it is
    0 there. ValueError for p < 0, or shapes that do not broadcast.
    """
    _check_p("pairwise_distance", p)
    if not _together("pairwise_distance", x1, x2):
        raise ValueError("pairwise_distance: x1 and x2 are numbers; a vector has a dimension")
    y = _length(x1 - x2 + eps, p, -1)
    return y if keepdim else squeeze(y, -1)


@composite
def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """x1·x2 / (max(‖x1‖, eps)·max(‖x2‖, eps)) over dim: the cosine of the angle between them.

    x1 and x2 broadcast. The derivative ignores the maximum: a vector of zeros has the other one,
    divided by both norms, as its gradient. ValueError for shapes that do not broadcast,
    IndexError for a dim out of range (for two vectors give dim=0).
    """
    shape = _together("cosine_similarity", x1, x2)
    dim = check_dim("cosine_similarity", dim, len(shape)) - len(shape)
    if not shape:
        raise ValueError("cosine_similarity: x1 and x2 are numbers; a vector has a dimension")
    sizes = [x.shape[dim] if x.ndim >= -dim else None for x in (x1, x2)]
    # norms of what was not repeated, unless it was along dim
    x1, x2 = (
        broadcast_to(x, shape) if size != shape[dim] else x
        for x, size in zip((x1, x2), sizes, strict=True)
    )
    x1, x2 = (x / _at_least(_length(x, 2, dim), eps) for x in (x1, x2))
    return sum(x1 * x2, dim)


# ---- of all pairs


def _differences(x1, x2):
    """(..., P, M), (..., R, M) -> (..., P, R, M)."""
    return x1[..., :, None, :] - x2[..., None, :, :]


def _all_pairs(x1, x2, p):
    return squeeze(_length(unsqueeze(x1, -2) - unsqueeze(x2, -3), p, -1), -1)


@fused("x1", "x2", reference=_all_pairs)
def _cdist(x1, x2, p):
    dtype, wide = float_dtypes(x1, x2)
    x1, x2 = (x.astype(wide, copy=False) for x in (x1, x2))
    near = None
    if p == 2 and kernel.worthwhile(x1, x2):
        y, near = kernel.euclidean(x1, x2)
    if near is None:
        y = kernel.empty(x1, x2)
        for rows in kernel.blocks(x1, x2):
            d = _differences(x1[..., rows, :], x2)
            y[..., rows, :] = _length.op.forward(d, p, -1)[..., 0]

    def backward(g, needs):
        if near is not None:
            return kernel.euclidean_pull(g, y, near, x1, x2)
        dx1, dx2 = kernel.zeros(x1, x2)
        for rows in kernel.blocks(x1, x2):
            d = _differences(x1[..., rows, :], x2)
            pulled = _length_vjp(g[..., rows, :, None], y[..., rows, :, None], d, p, -1)
            dx1[..., rows, :] = pulled.sum(-2)
            dx2 -= pulled.sum(-3)
        return dx1, dx2

    return y.astype(dtype, copy=False), backward


@composite
def cdist(x1, x2, p=2.0):
    """The distance of each row of x1 to each of x2: (..., P, M), (..., R, M) -> (..., P, R).

        y[i, j] = ‖x1[i] - x2[j]‖_p        the leading dimensions broadcast

    Gradient 0 at distance 0; for p = inf coordinates that tie share it (PyTorch gives it to each).
    Euclidean distances of more than 25 rows come from |a|² + |b|² - 2a·b, centred; where that
    cancels to less than a 25th, the pair is computed again from its difference, and so is its
    gradient. ValueError for p < 0, or sizes M that differ.
    """
    check_tensors("cdist", x1, x2)
    _check_p("cdist", p)
    a, b = tuple(x1.shape), tuple(x2.shape)
    if min(len(a), len(b)) < 2 or a[-1] != b[-1]:
        raise ValueError(
            f"cdist: x1 {a} and x2 {b} must be (..., P, M) and (..., R, M): rows of vectors of "
            "one size M"
        )
    try:
        numpy.broadcast_shapes(a[:-2], b[:-2])
    except ValueError as error:
        raise ValueError(f"cdist: the leading sizes of {a} and {b} do not broadcast") from error
    return _cdist(x1, x2, p)
