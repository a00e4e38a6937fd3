"""Reductions: many elements to one.

Idea: `dim` is a number, a tuple of numbers, or None for all; with keepdim the reduced dimensions
stay, of size 1. A reduction's VJP spreads the upstream gradient over what was reduced.
Read next: softmax.py, shape.py.
"""

import builtins
import math
from operator import index
from typing import NamedTuple

from numpy.exceptions import AxisError

from minigen.backend import array_module, quiet
from minigen.errors import check_dim
from minigen.ops._define import composite, primitive
from minigen.ops.elementwise import cast, maximum, minimum, where
from minigen.ops.gather import gather
from minigen.ops.shape import broadcast_to, reshape, squeeze
from minigen.tensor import Tensor


def _axis(x, dim):
    """dim as NumPy's axis; () means all, as in PyTorch. errors.explain translates the errors."""
    if dim is None or dim in ((), []):
        return None
    if not x.ndim:  # a number has the dims 0 and -1, as in PyTorch
        for d in dim if isinstance(dim, (tuple, list)) else (dim,):
            if index(d) not in (0, -1):
                raise AxisError(d, 0)
        return None
    return tuple(dim) if isinstance(dim, list) else dim


def _axes(dim, ndim):
    """dim as a set of numbers in [0, ndim)."""
    if dim is None or dim in ((), []):
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
    y = x.sum(_axis(x, dim), keepdims=keepdim)
    return y.astype("int64") if y.dtype.kind == "u" else y


def _mean_vjp(g, x_shape, dim):
    count = math.prod(x_shape) // builtins.max(math.prod(g.shape), 1)
    return _spread(g * (1 / builtins.max(count, 1)), x_shape, dim)


@primitive(_mean_vjp)
def mean(x, dim=None, keepdim=False):
    """Arithmetic mean over dim; nan over nothing. float16 is summed in float32."""
    wide = "float32" if x.dtype.char == "e" else None
    total = x.sum(_axis(x, dim), wide, keepdims=keepdim)
    if x.size:
        y = total / (x.size // total.size)
    else:
        with quiet():  # nothing over nothing
            y = array_module(x).true_divide(total, _count(x.shape, dim))
    return y.astype(x.dtype) if wide else y


def _var_vjp(g, x, dim, correction):
    centred = x - mean(x, dim, True)
    freedom = builtins.max(_count(x.shape, dim) - correction, 0)
    return _spread(g, x.shape, dim) * centred * (2 / freedom if freedom else math.nan)


@primitive(_var_vjp)
def var(x, dim=None, correction=1, keepdim=False):
    """Variance over dim: squared distances to the mean, summed, over (count - correction).

    correction=0 is the population's variance; nan where count <= correction.
    """
    axes = _axis(x, dim)
    centred = x - mean.op.forward(x, dim, True)
    freedom = builtins.max(_count(x.shape, dim) - correction, 0)
    with quiet():
        return array_module(x).true_divide((centred * centred).sum(axes, keepdims=keepdim), freedom)


def _std_vjp(g, y, x, dim, correction):
    safe = where(y == 0, 1.0, y)
    return _var_vjp(where(y == 0, 0.0, g / (2 * safe)), x, dim, correction)


@primitive(_std_vjp)
def std(x, dim=None, correction=1, keepdim=False):
    """Standard deviation over dim, the root of `var`.   Gradient 0 where it is 0."""
    return array_module(x).sqrt(var.op.forward(x, dim, correction, keepdim))


# ---- extremes


def _share(g, y, x, dim):
    """g to the elements that equal the extreme y; ties share equally."""
    ties = cast(x == _kept(y, x.shape, dim), x.dtype)
    return _spread(g, x.shape, dim) * (ties / sum(ties, dim, True))


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
    return x.argmax(dim, keepdims=keepdim)


@primitive()
def argmin(x, dim=None, keepdim=False):
    """Index of the (first) smallest element over dim, or in the flattened tensor."""
    _not_empty("argmin", x, dim)
    return x.argmin(dim, keepdims=keepdim)


class Extremes(NamedTuple):
    """What max and min return over a dim."""

    values: Tensor
    indices: Tensor


def _extreme(x, dim, keepdim, whole, where_is, pairwise):
    if dim is None:
        return whole(x)
    if isinstance(dim, Tensor):
        return pairwise(x, dim)
    dim = check_dim("max" if whole is amax else "min", dim, x.ndim)
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
