"""Normalisation with the statistics of the batch.

Idea: subtract the mean, divide by the standard deviation, then let the network choose scale and
shift again. `_batch_reference` says what it means and gives its higher derivatives; the fast path
does the same with two sums per channel and one multiply-add per element.
Read next: activations.py, ../op.py (what @fused does).
"""

import math

from minigen.autograd import assign
from minigen.backend import array_module, follow
from minigen.ops._define import composite, fused
from minigen.ops.functions import rsqrt
from minigen.ops.reduce import mean
from minigen.ops.shape import reshape


def _per_channel(v, ndim):
    """(C,) as (1, C, 1, ...)."""
    return reshape(v, (1, -1) + (1,) * (ndim - 2))


def _affine(x, weight, bias):
    x = x if weight is None else x * _per_channel(weight, x.ndim)
    return x if bias is None else x + _per_channel(bias, x.ndim)


def _batch_reference(x, weight, bias, eps, mu, variance):
    dim = (0, *range(2, x.ndim))
    centred = x - mean(x, dim, True)
    variance = mean(centred * centred, dim, True)  # biased: divides by the count
    return _affine(centred * rsqrt(variance + eps), weight, bias)


def _statistics(x):
    """Mean and biased variance of each channel, arrays (C,).   x (N, C, ...)"""
    follow(x)
    axes = (0, *range(2, x.ndim))
    mu = x.mean(axes)
    centred = x - mu.reshape(1, -1, *(1,) * (x.ndim - 2))
    return mu, (centred * centred).mean(axes)


@fused("x", "weight", "bias", reference=_batch_reference)
def _normalise(x, weight, bias, eps, mu, variance):
    xp, shape = array_module(x), (1, -1) + (1,) * (x.ndim - 2)
    axes = (0, *range(2, x.ndim))
    inverse_std = 1 / xp.sqrt(variance + eps)
    scale = inverse_std if weight is None else inverse_std * weight
    centred = x - mu.reshape(shape)  # first: a mean far from 0 would cost digits later
    y = centred * scale.reshape(shape)
    if bias is not None:
        y += bias.reshape(shape)

    def backward(g, needs):
        # x̂ = centred·inverse_std: two sums per channel give all three gradients
        #     dx = scale·(g - E[g] - x̂·E[g·x̂])
        count = x.size // x.shape[1]
        sum_g, sum_gx = g.sum(axes), (g * centred).sum(axes) * inverse_std
        dx = None
        if needs.x:
            dx = g - (sum_g / count).reshape(shape)
            dx -= centred * (inverse_std * sum_gx / count).reshape(shape)
            dx *= scale.reshape(shape)
        return dx, sum_gx, sum_g

    return y, backward


@composite
def batch_norm(
    x,
    running_mean,
    running_var,
    weight=None,
    bias=None,
    training=False,
    momentum=0.1,
    eps=1e-5,
):
    """Each channel to mean 0 and variance 1, then times weight plus bias.

        y = (x - E[x]) / sqrt(Var[x] + eps) · weight + bias

    x (N, C, ...); running_mean, running_var, weight, bias: (C,) or None. In training mean and
    biased variance are the batch's, and the running ones move by `momentum` towards the batch's
    (the variance unbiased); else the running ones are used. ValueError if a channel has only one
    value in training, if there are no running statistics to use, or if a size is not C;
    RuntimeError for tensors on different devices.
    Source: Ioffe & Szegedy, Batch Normalization, 2015.
    """
    _check_channels(x, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    if not training and (running_mean is None or running_var is None):
        raise ValueError("batch_norm: without running statistics there is only training=True")
    if not training:
        scale = rsqrt(running_var + eps)
        centred = x - _per_channel(running_mean, x.ndim)
        return _affine(centred * _per_channel(scale, x.ndim), weight, bias)
    count = math.prod(x.shape) // max(x.shape[1], 1)
    if count < 2:
        raise ValueError(
            f"batch_norm: x {tuple(x.shape)} has {count} value per channel; training needs two"
        )
    mu, variance = _statistics(x._data)
    if running_mean is not None:
        unbiased = variance * (count / (count - 1))
        assign(running_mean, (1 - momentum) * running_mean._data + momentum * mu)
        assign(running_var, (1 - momentum) * running_var._data + momentum * unbiased)
    return _normalise(x, weight, bias, eps, mu, variance)


def _check_channels(x, **given):
    if x.ndim < 2:
        raise ValueError(f"batch_norm: x {tuple(x.shape)} must have its channels in dimension 1")
    for name, v in given.items():
        if v is not None and tuple(v.shape) != (x.shape[1],):
            raise ValueError(
                f"batch_norm: {name} {tuple(v.shape)} must have x's channels, ({x.shape[1]},): x "
                f"is {tuple(x.shape)}"
            )
        if v is not None and v.device != x.device:
            raise RuntimeError(f"batch_norm: x is on {x.device}, {name} on {v.device}; move one")
