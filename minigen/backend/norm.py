"""Normalisation on arrays: mean 0 and variance 1 over some dimensions, then scale and shift.

Idea: here stands the formula itself, for every norm, in plain array operations. It is what the CPU
computes for few elements; large arrays go through norm_blocks.py and norm_rows.py, which do the
same in fewer visits of the memory, and follow the order of x in memory. A device has kernels. All
keep nothing of the size of x for the backward but x itself, where that counts.

The mean is subtracted twice: far from 0 it is rounded, and what is left of it would stay in x.
Read next: norm_blocks.py (batch and group norm), norm_rows.py (layer norm), ../ops/norm.py.
"""

import math
from typing import NamedTuple

from minigen.backend import array_module, norm_blocks, norm_rows
from minigen.backend.device import norm as device
from minigen.backend.kernels import active
from minigen.backend.work import computable

FEW = 1 << 13  # up to so many elements, the number of array operations is what counts
KEPT = 1 << 13  # up to so many, the backward keeps what it would compute again


def _plain(x):
    return x.size <= FEW


def is_narrow(x, *parameters):
    """Whether the result has 16 bits: where x has, and all parameters its dtype."""
    if x.dtype.itemsize > 2 or x.dtype.kind not in "fV":
        return False
    return all(v is None or v.dtype == x.dtype for v in parameters)


def operands(x, *parameters):
    """x and its parameters as the functions below take them: float64 if one is, else float32.

    On a device a result of 16 bits is computed from x as it is: kernels widen each element.
    """
    if is_narrow(x, *parameters) and active(x):
        return [x, *computable(*parameters)]
    return computable(x, *parameters)


class Moments(NamedTuple):
    """Mean and variance over `axes` of x; all of its dimensions are kept."""

    axes: tuple
    size: int  # elements that each is over
    mean: object  # None: not subtracted
    rest: object  # what is left of the mean once it is subtracted
    variance: object  # biased: divided by the count

    def average(self):
        """Mean and variance, averaged over the samples: (C,) where each channel is a group."""
        flat = len(self.mean), math.prod(self.mean.shape[1:])
        return (self.mean + self.rest).reshape(flat).mean(0), self.variance.reshape(flat).mean(0)


def _moments(x, axes, centre=True):
    count = max(1, math.prod([x.shape[i] for i in axes]))
    mean = rest = None
    if centre:
        mean = x.sum(axes, keepdims=True) / count
        x = x - mean
        rest = x.sum(axes, keepdims=True) / count
        x -= rest
    return Moments(axes, count, mean, rest, (x * x).sum(axes, keepdims=True) / count)


def _normalise(x, weight, bias, eps, moments, over):
    """normalise for an x of any shape; weight and bias broadcast with it, `over` are the dimensions
    in which they are repeated."""
    xp, (axes, size, mean, rest, variance) = array_module(x), moments
    inverse_std = 1 / xp.sqrt(variance + eps)

    def standard():
        if mean is None:
            return x * inverse_std
        centred = x - mean
        centred -= rest
        centred *= inverse_std
        return centred

    unit = standard()
    y = unit.copy("K") if weight is None else unit * weight  # both in the order of x
    if bias is not None:
        y += bias
    if x.size > KEPT:
        unit = None

    def backward(g, needs):
        # with x̂ = (x - mean)·inverse_std and E over the axes:
        #     dx = inverse_std·(g·weight - E[g·weight] - x̂·E[g·weight·x̂])
        again = standard() if unit is None else unit
        along = g * again
        dweight, dbias, dx = along.sum(over), g.sum(over), None
        if needs.x:
            if weight is not None:
                g, along = g * weight, along * weight
            dx = again * (along.sum(axes, keepdims=True) / size)  # in the order of x
            xp.subtract(g, dx, out=dx)
            if mean is not None:
                dx -= g.sum(axes, keepdims=True) / size
            dx *= inverse_std
        return dx, dweight, dbias

    return y, backward


# ---- channels: batch, group and instance norm


def _grouped(x, groups):
    """(N, C, *size) as (N, groups, C / groups, *size), a view; None: each channel by itself."""
    n, channels, *size = x.shape
    groups = channels if groups is None else groups
    return x.reshape(n, groups, channels // max(groups, 1), *size)


def moments(x, groups=None):
    """Mean and variance of each group of channels in each sample; None: of each channel in all.

    x (N, C, *size), as `operands` gives it.
    """
    if active(x):
        return device.moments(x, groups)
    return _array_moments(x, groups)


def _array_moments(x, groups):
    alone = groups is not None and x.ndim == 2  # no positions to sum over
    if not (alone or _plain(x)):
        return norm_blocks.moments(x, groups)
    return _moments(_grouped(x, groups), (*((0,) if groups is None else ()), *range(2, x.ndim + 1)))


def normalise(x, weight, bias, eps, moments):
    """(y, backward) of y = (x - mean) / sqrt(variance + eps) · weight + bias.

    x (N, C, *size) and its moments; weight, bias (C,) or None; all as `operands` gives them.
    backward(g, needs) -> dx, dweight, dbias.
    """
    if isinstance(moments, device.Moments):
        return device.normalise(x, weight, bias, eps, moments)
    if isinstance(moments, norm_blocks.Moments):
        return norm_blocks.normalise(x, weight, bias, eps, moments)
    grouped = moments.variance.shape[1]
    column = 1, grouped, x.shape[1] // max(grouped, 1), *[1] * (x.ndim - 2)
    weight, bias = (None if v is None else v.reshape(column) for v in (weight, bias))
    over = 0, *range(3, x.ndim + 1)
    y, pull = _normalise(_grouped(x, grouped), weight, bias, eps, moments, over)

    def backward(g, needs):
        dx, dweight, dbias = pull(_grouped(g.astype(x.dtype, copy=False), grouped), needs)
        return None if dx is None else dx.reshape(x.shape), dweight.reshape(-1), dbias.reshape(-1)

    return y.reshape(x.shape), backward


def group_norm(x, weight, bias, eps, groups):
    """normalise, by the moments of groups of channels in each sample, which it finds itself."""
    if active(x):
        return device.group_norm(x, weight, bias, eps, groups)
    return normalise(x, weight, bias, eps, _array_moments(x, groups))


def moved(moments, running_mean, running_var, momentum, correction):
    """(mean, variance): running ones (C,), moved by momentum towards those of the moments, averaged
    over samples, where each channel is a group. correction: a factor of the variance to move to.
    """
    if isinstance(moments, device.Moments):
        return device.moved(moments, running_mean, running_var, momentum, correction)
    mean, variance = moments.average()
    return (
        (1 - momentum) * running_mean + momentum * mean,
        (1 - momentum) * running_var + momentum * (variance * correction),
    )


def shift_scale(x, mean, scale, bias):
    """(y, backward) of y = (x - mean)·scale + bias.

    x (N, C, *size); the others (C,), bias or None; all as `operands` gives them. backward(g, needs)
    -> dx, dmean, dscale, dbias.
    """
    if active(x):
        return device.shift_scale(x, mean, scale, bias)
    if not _plain(x):
        return norm_blocks.shift_scale(x, mean, scale, bias)
    xp, column, over = array_module(x), (-1, *[1] * (x.ndim - 2)), (0, *range(2, x.ndim))
    y = x - mean.reshape(column)
    y *= scale.reshape(column)
    if bias is not None:
        y += bias.reshape(column)

    def backward(g, needs):
        total = g.sum(over)
        dx = None
        if needs.x:  # in the order of x
            dx = xp.multiply(g, scale.reshape(column), out=xp.empty_like(x))
        dscale = (g * (x - mean.reshape(column))).sum(over) if needs.scale else None
        return dx, -scale * total, dscale, total

    return y, backward


# ---- rows: layer norm and RMS norm


def row_norm(x, weight, bias, eps, centre):
    """(y, backward) of y = (x - mean) / sqrt(variance + eps) · weight + bias, for each row.

    x (R, D); weight, bias (D,) or None; all as `operands` gives them. centre=False leaves the
    mean out: the variance is then the mean of squares. backward(g, needs) -> dx, dweight, dbias.
    """
    if active(x):
        return device.row_norm(x, weight, bias, eps, centre)
    if not _plain(x):
        return norm_rows.row_norm(x, weight, bias, eps, centre)
    return _normalise(x, weight, bias, eps, _moments(x, (1,), centre), (0,))
