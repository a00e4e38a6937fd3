"""Reductions: many elements to one.

Idea: `dim` is a number, a tuple of numbers, or None for all; with keepdim the reduced dimensions
stay, of size 1. A reduction's VJP spreads the upstream gradient over what was reduced.
Read next: softmax.py, shape.py.
"""

import builtins
import math
import numbers
from operator import index
from typing import NamedTuple

from numpy.exceptions import AxisError

from minigen.backend import array_module, quiet, rows
from minigen.errors import check_dim
from minigen.ops._define import composite, primitive
from minigen.ops.elementwise import abs, cast, logical_or, maximum, minimum, sign, where, zero
from minigen.ops.gather import gather
from minigen.ops.scan import product_of_others
from minigen.ops.shape import broadcast_to, permute, reshape, squeeze
from minigen.tensor import Tensor


def _axis(x, dim):
    """dim as NumPy's axis; () means all, as in PyTorch. errors.explain translates the errors."""
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return None
    if not x.ndim:  # a number has the dims 0 and -1, as in PyTorch
        for d in dim if isinstance(dim, (tuple, list)) else (dim,):
            if index(d) not in (0, -1):
                raise AxisError(d, 0)
        return None
    return tuple(dim) if isinstance(dim, list) else dim


def _axes(dim, ndim):
    """dim as a set of numbers in [0, ndim)."""
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return set(range(ndim))
    return {d % (ndim or 1) for d in (dim if isinstance(dim, (tuple, list)) else (dim,))}


def _kept(value, shape, dim):
    """A reduced value with its reduced dimensions put back as 1."""
    if value.ndim == len(shape):
        return value
    axes = _axes(dim, len(shape))
    return reshape(value, tuple([1 if i in axes else size for i, size in enumerate(shape)]))


def _spread(g, shape, dim):
    """g repeated over the dimensions that were reduced, as a view."""
    return broadcast_to(_kept(g, shape, dim), shape)


def _count(shape, dim):
    """How many elements each result was made of."""
    axes = _axes(dim, len(shape))
    return math.prod(size for i, size in enumerate(shape) if i in axes)


@primitive(lambda g, x_shape, dim: _spread(g, x_shape, dim))
def sum(x, dim=None, keepdim=False):
    """Sum over dim; integers and booleans give int64."""
    y = rows.total(x, _axis(x, dim), keepdim)
    return y.astype("int64") if y.dtype.kind == "u" else rows.narrow(y, x)


def _mean_vjp(g, x_shape, dim):
    count = math.prod(x_shape) // builtins.max(math.prod(g.shape), 1)
    return _spread(g * (1 / builtins.max(count, 1)), x_shape, dim)


@primitive(_mean_vjp)
def mean(x, dim=None, keepdim=False):
    """Arithmetic mean over dim; nan over nothing. 16 bits are summed in float32."""
    total = rows.total(x, _axis(x, dim), keepdim)
    if x.size:
        y = total / (x.size // total.size)
    else:
        with quiet():  # nothing over nothing
            y = array_module(x).true_divide(total, _count(x.shape, dim))
    return rows.narrow(y, x)


def _var_vjp(g, x, dim, correction):
    centred = x - mean(x, dim, True)
    freedom = builtins.max(_count(x.shape, dim) - correction, 0)
    return _spread(g * (2 / freedom if freedom else math.nan), x.shape, dim) * centred


def _variance(x, dim, correction, keepdim):
    axis, x = _axis(x, dim), rows.wide(x)
    squares = x - mean.op.forward(x, dim, True)
    squares *= squares
    freedom = builtins.max(_count(x.shape, dim) - correction, 0)
    with quiet():
        return array_module(x).true_divide(rows.total(squares, axis, keepdim), freedom)


@primitive(_var_vjp)
def var(x, dim=None, correction=1, keepdim=False):
    """Variance over dim: squared distances to the mean, summed, over (count - correction).

    correction=0 is the population's variance. Where count <= correction it is divided by 0: nan
    of equal elements, else inf, as in PyTorch.
    """
    return rows.narrow(_variance(x, dim, correction, keepdim), x)


def _std_vjp(g, y, x, dim, correction):
    safe = where(y == 0, 1.0, y)
    return _var_vjp(where(y == 0, 0.0, g / (2 * safe)), x, dim, correction)


@primitive(_std_vjp)
def std(x, dim=None, correction=1, keepdim=False):
    """Standard deviation over dim, the root of `var`.   Gradient 0 where it is 0."""
    return rows.narrow(array_module(x).sqrt(_variance(x, dim, correction, keepdim)), x)


def _prod_vjp(g, x, dim):
    shape, axes = x.shape, _axes(dim, x.ndim)
    if not shape:
        return g
    order = sorted(range(len(shape)), key=lambda i: i in axes)  # what is reduced last, as one
    kept = [shape[i] for i in order if i not in axes]
    flat = reshape(permute(x, order), (*kept, _count(shape, dim)))
    others = reshape(product_of_others(flat, len(kept)), [shape[i] for i in order])
    return _spread(g, shape, dim) * permute(others, [order.index(i) for i in range(len(shape))])


@primitive(_prod_vjp)
def prod(x, dim=None, keepdim=False):
    """Product over dim, 1 over nothing; integers and booleans give int64.

    dx_i = g·Π_{j≠i} x_j, without a division: exact at zeros, in all orders.
    """
    wide = {"e": "float32", "E": "float32", "B": "int64"}.get(x.dtype.char)
    return rows.narrow(x.prod(_axis(x, dim), wide, keepdims=keepdim), x)


@primitive()
def any(x, dim=None, keepdim=False):
    """Whether some element over dim is not 0 (nan is not); False over nothing."""
    return x.any(_axis(x, dim), keepdims=keepdim)


@primitive()
def all(x, dim=None, keepdim=False):
    """Whether no element over dim is 0 (nan is not); True over nothing."""
    return x.all(_axis(x, dim), keepdims=keepdim)


# ---- norms


def _norm_vjp(g, y, x, p, dim):
    p, g, y = 2 if p == "fro" else p, _kept(g, x.shape, dim), _kept(y, x.shape, dim)
    if p == 0:
        return zero(x)
    if p == 1:
        return g * sign(x)
    if math.isinf(p):
        return _share(g, y, abs(x), dim) * sign(x)
    ratio = x / where(y == 0, math.inf, y)  # 1 / y would overflow in float16
    if p == 2:
        return g * ratio
    flat = logical_or(x == 0, y == 0)
    return g * where(flat, 0.0, sign(x) * abs(where(flat, 1.0, ratio)) ** (p - 1))


def _power_sum(x, p, axis, keepdims):
    """Σ |x|^p."""
    if p != 2:
        x = array_module(x).abs(x)
    return rows.total(x if p == 1 else x * x if p == 2 else x**p, axis, keepdims)


def _scaled_norm(x, p, axis, keepdims):
    """The norm from elements relative to the one that counts most, so that no power overflows."""
    xp, size = array_module(x), abs(x)
    most = size.max(axis, keepdims=True) if p > 0 else size.min(axis, keepdims=True)
    most = xp.where(xp.logical_and(most > 0, xp.isfinite(most)), most, 1)
    y = _power_sum(size / most, p, axis, True) ** (1 / p) * most
    return y if keepdims else y.squeeze(axis)


@primitive(_norm_vjp)
def norm(x, p="fro", dim=None, keepdim=False):
    """(Σ |x|^p)^(1/p) over dim: norms of vectors; of a matrix too, it is its elements that count.

    p: a number; "fro" is 2; inf and -inf give the largest and smallest |x|, 0 counts what is not 0.
    No overflow or underflow on the way: right wherever the result is a normal float32.
    dx = g·sign(x)·(|x|/y)^(p-1), and 0 where x or y is 0; ties of inf share equally. ValueError for
    other names of norms, and for inf over nothing.
    """
    if p != "fro" and (not isinstance(p, numbers.Real) or p != p):
        raise ValueError(f'norm: p must be a number, inf, -inf or "fro", not {p!r}')
    p, axis, wide = 2 if p == "fro" else p, _axis(x, dim), rows.wide(x)
    if p == 0:
        y = (wide != 0).sum(axis, keepdims=keepdim).astype(wide.dtype)
    elif math.isinf(p):
        _not_empty("norm", x, dim)
        size = abs(wide)
        y = size.max(axis, keepdims=keepdim) if p > 0 else size.min(axis, keepdims=keepdim)
    else:
        with quiet():
            power = _power_sum(wide, p, axis, keepdim)
            if x.size and not (power.min() > 1e-25 and power.max() < 1e37):
                y = _scaled_norm(wide, p, axis, keepdim)
            else:
                y = array_module(x).sqrt(power) if p == 2 else power ** (1 / p)
    return rows.narrow(y, x)


# ---- extremes


def _share(g, y, x, dim):
    """g to the elements that equal the extreme y; ties share equally."""
    dtype = "float32" if x.dtype.itemsize == 2 else x.dtype  # which float16 cannot count
    ties = cast(x == _kept(y, x.shape, dim), dtype)
    return _kept(g, x.shape, dim) / sum(ties, dim, True) * ties


def _not_empty(function, x, dim):
    axis = _axis(x, dim)
    if not x.size and _count(x.shape, dim) == 0:
        raise ValueError(f"{function}: shape {x.shape} has nothing to choose from in dim {dim}")
    return axis


@primitive(_share)
def amax(x, dim=None, keepdim=False):
    """Largest element over dim.   Ties share the gradient equally. ValueError over nothing."""
    return x.max(_not_empty("amax", x, dim), keepdims=keepdim)


@primitive(_share)
def amin(x, dim=None, keepdim=False):
    """Smallest element over dim.   Ties share the gradient equally. ValueError over nothing."""
    return x.min(_not_empty("amin", x, dim), keepdims=keepdim)


@primitive()
def argmax(x, dim=None, keepdim=False):
    """Index of the (first) largest element over dim, or in the flattened tensor."""
    _not_empty("argmax", x, dim)
    return x.argmax(dim if x.ndim else None, keepdims=keepdim)  # CuPy: a 0-d array has no axis 0


@primitive()
def argmin(x, dim=None, keepdim=False):
    """Index of the (first) smallest element over dim, or in the flattened tensor."""
    _not_empty("argmin", x, dim)
    return x.argmin(dim if x.ndim else None, keepdims=keepdim)


class Extremes(NamedTuple):
    """What max and min return over a dim."""

    values: Tensor
    indices: Tensor


def _extreme(x, dim, keepdim, whole, where_is, pairwise):
    if isinstance(dim, Tensor):
        return pairwise(x, dim)
    name = "max" if whole is amax else "min"
    dim = dim if dim is None else check_dim(name, dim, x.ndim)
    if 0 in x.shape:
        _not_empty(name, getattr(x, "_data", x), dim)
    if dim is None:
        return whole(x)
    at = where_is(x, dim, True)
    values = gather(x, dim, at)
    if keepdim or not x.ndim:
        return Extremes(values, at)
    return Extremes(squeeze(values, dim), squeeze(at, dim))


@composite
def max(x, dim=None, keepdim=False):
    """max(x): the largest element, ties share the gradient. max(x, dim): (values, indices), the
    first of several takes the gradient. max(x, other): elementwise `maximum`."""
    return _extreme(x, dim, keepdim, amax, argmax, maximum)


@composite
def min(x, dim=None, keepdim=False):
    """min(x): the smallest element, ties share the gradient. min(x, dim): (values, indices), the
    first of several takes the gradient. min(x, other): elementwise `minimum`."""
    return _extreme(x, dim, keepdim, amin, argmin, minimum)
