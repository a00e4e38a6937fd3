"""Normalisation of channels: by the statistics of the batch, of groups, of single images.

Idea: subtract the mean, divide by the standard deviation, then let the network choose scale and
shift again. What differs is over what mean and variance are taken. References of primitives say
what is meant and give higher derivatives; the fast path does it with two sums per channel and one
multiply-add per element.
Read next: layer_norm.py (over features), backend/norm.py (how it is computed), ../op.py (@fused).
"""

import math
from numbers import Integral, Real

from minigen.autograd import assign
from minigen.backend import follow, quiet
from minigen.backend import norm as arrays
from minigen.errors import check_tensors
from minigen.ops._define import composite, fused
from minigen.ops.functions import rsqrt
from minigen.ops.reduce import mean
from minigen.ops.shape import reshape
from minigen.tensor import Tensor


def _per_channel(v, ndim):
    """(C,) as (1, C, 1, ...)."""
    return reshape(v, (1, -1) + (1,) * (ndim - 2))


def _affine(x, weight, bias):
    x = x if weight is None else x * _per_channel(weight, x.ndim)
    return x if bias is None else x + _per_channel(bias, x.ndim)


def _moments(groups, x, *parameters):
    """The moments of x, in the dtype in which x and the parameters are computed."""
    found = [getattr(v, "_data", v) for v in (x, *parameters)]
    follow(*found)
    with quiet():
        return arrays.moments(arrays.operands(*found)[0], groups)


def as_given(y, *inputs):
    """What was computed in float32, in the inputs' own dtype if that has 16 bits for all."""
    return y.astype(inputs[0].dtype, copy=False) if arrays.is_narrow(*inputs) else y


# ---- by the batch


def _batch_reference(x, weight, bias, eps, moments):
    dim = (0, *range(2, x.ndim))
    centred = x - mean(x, dim, True)
    variance = mean(centred * centred, dim, True)  # biased: divides by the count
    return _affine(centred * rsqrt(variance + eps), weight, bias)


@fused("x", "weight", "bias", reference=_batch_reference)
def _batch_norm(x, weight, bias, eps, moments):
    with quiet():
        y, backward = arrays.normalise(*arrays.operands(x, weight, bias), eps, moments)
        return as_given(y, x, weight, bias), backward


def _given_reference(x, mean, scale, bias):
    return _affine(x - _per_channel(mean, x.ndim), scale, bias)


@fused("x", "mean", "scale", "bias", reference=_given_reference)
def _shift_scale(x, mean, scale, bias):
    with quiet():
        y, backward = arrays.shift_scale(*arrays.operands(x, mean, scale, bias))
        return as_given(y, x, mean, scale, bias), backward


def _by_given_statistics(x, mean, variance, weight, bias, eps):
    scale = rsqrt(variance + eps)
    mean = mean * 1  # a copy: running statistics may move before the backward
    return _shift_scale(x, mean, scale if weight is None else scale * weight, bias)


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
    given = dict(running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    _check("batch_norm", x, eps, **given)
    if not training:
        if running_mean is None:
            raise ValueError("batch_norm: without running statistics there is only training=True")
        return _by_given_statistics(x, running_mean, running_var, weight, bias, eps)
    count = math.prod(x.shape) // max(x.shape[1], 1)
    if count < 2:
        values = "value" if count else "values"
        raise ValueError(
            f"batch_norm: x {tuple(x.shape)} has {count} {values} per channel; "
            "training needs two"
        )
    moments = _moments(None, x, weight, bias)
    if running_mean is not None:
        _move("batch_norm", running_mean, running_var, moments, count, momentum)
    return _batch_norm(x, weight, bias, eps, moments)


def _move(function, running_mean, running_var, moments, count, momentum):
    """The running statistics towards those of these moments, averaged over samples."""
    for name, v in dict(running_mean=running_mean, running_var=running_var).items():
        if not isinstance(v, Tensor) or v.dtype.kind not in "fV":
            kind = v.dtype if isinstance(v, Tensor) else type(v).__name__
            raise TypeError(f"{function}: {name}, which moves, must be a float tensor, not {kind}")
    if not isinstance(momentum, Real):
        raise TypeError(f"{function}: momentum must be a number, not {momentum!r}")
    running = running_mean._data, running_var._data
    mean, variance = arrays.moved(moments, *running, momentum, count / (count - 1))
    assign(running_mean, mean)
    assign(running_var, variance)


# ---- by groups of channels in each sample


def _group_reference(x, weight, bias, eps, groups, moments):
    samples, channels = x.shape[:2]
    size = channels // max(groups, 1) * math.prod(x.shape[2:])
    grouped = reshape(x, (samples, groups, size))
    centred = grouped - mean(grouped, 2, True)
    variance = mean(centred * centred, 2, True)  # biased: divides by the count
    return _affine(reshape(centred * rsqrt(variance + eps), tuple(x.shape)), weight, bias)


@fused("x", "weight", "bias", reference=_group_reference)
def _group_norm(x, weight, bias, eps, groups, moments):
    wide, *parameters = arrays.operands(x, weight, bias)
    with quiet():
        if moments is None:
            y, backward = arrays.group_norm(wide, *parameters, eps, groups)
        else:
            y, backward = arrays.normalise(wide, *parameters, eps, moments)
        return as_given(y, x, weight, bias), backward


@composite
def group_norm(x, num_groups, weight=None, bias=None, eps=1e-5):
    """Each group of neighbouring channels of each sample to mean 0 and variance 1.

        y = (x - E[x]) / sqrt(Var[x] + eps) · weight + bias          Var divides by the count

    x (N, C, ...); weight, bias (C,) or None -> like x. Statistics are over C / num_groups channels
    and all positions of one sample; a single element gives bias. ValueError if num_groups does not
    divide C, or if a size is not C; RuntimeError for tensors on different devices.
    Source: Wu & He, Group Normalization, 2018.
    """
    _check("group_norm", x, eps, weight=weight, bias=bias)
    channels = x.shape[1]
    if not isinstance(num_groups, Integral) or isinstance(num_groups, bool):
        raise TypeError(f"group_norm: num_groups must be a whole number, not {num_groups!r}")
    if num_groups < 1 or channels % num_groups:
        divisors = [k for k in range(1, channels + 1) if channels % k == 0]
        raise ValueError(
            f"group_norm: num_groups {num_groups} must divide the {channels} channels of x "
            f"{tuple(x.shape)}; {', '.join(map(str, divisors))} do"
        )
    return _group_norm(x, weight, bias, eps, int(num_groups), None)


@composite
def instance_norm(
    x,
    running_mean=None,
    running_var=None,
    weight=None,
    bias=None,
    use_input_stats=True,
    momentum=0.1,
    eps=1e-5,
):
    """Each channel of each sample to mean 0 and variance 1: `group_norm` with a group per channel.

    x (N, C, ...); the others (C,) or None -> like x. The running statistics, where there are any,
    move by `momentum` towards the average of the samples' (variances unbiased); with
    use_input_stats=False they are used instead, as in `batch_norm`. ValueError if a channel of a
    sample has only one value, if there are no running statistics to use, or if a size is not C;
    RuntimeError for tensors on different devices.
    Source: Ulyanov, Vedaldi & Lempitsky, Instance Normalization, 2016.
    """
    given = dict(running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    _check("instance_norm", x, eps, **given)
    if not use_input_stats:
        if running_mean is None:
            raise ValueError(
                "instance_norm: without running statistics there is only use_input_stats=True"
            )
        return _by_given_statistics(x, running_mean, running_var, weight, bias, eps)
    count = math.prod(x.shape[2:])
    if count == 1:
        raise ValueError(
            f"instance_norm: x {tuple(x.shape)} has 1 value per sample and channel, which is its "
            "own mean; layer_norm or group_norm take several channels together"
        )
    moments = None
    if running_mean is not None and 0 not in x.shape:
        moments = _moments(x.shape[1], x, weight, bias)
        _move("instance_norm", running_mean, running_var, moments, count, momentum)
    return _group_norm(x, weight, bias, eps, x.shape[1], moments)


def _check(function, x, eps, **given):
    check_tensors(function, x)
    if x.ndim < 2:
        raise ValueError(f"{function}: x {tuple(x.shape)} must have its channels in dimension 1")
    check_eps(function, eps)
    if (given.get("running_mean") is None) != (given.get("running_var") is None):
        raise ValueError(f"{function}: give running_mean and running_var, or neither of them")
    for name, v in given.items():
        if v is None:
            continue
        check_tensor(function, name, v, x)
        if tuple(v.shape) != (x.shape[1],):
            raise ValueError(
                f"{function}: {name} {tuple(v.shape)} must have x's channels, ({x.shape[1]},): x "
                f"is {tuple(x.shape)}"
            )


def check_eps(function, eps):
    """ValueError unless eps is a number of at least 0."""
    if not isinstance(eps, Real) or isinstance(eps, bool) or not eps >= 0:
        raise ValueError(f"{function}: eps is added to a variance: at least 0, not {eps!r}")


def check_tensor(function, name, v, x):
    """TypeError if v is no tensor; RuntimeError if it is on another device than x."""
    if not hasattr(v, "shape"):
        raise TypeError(f"{function}: {name} must be a tensor or None, not {v!r}")
    if v.device != x.device:
        raise RuntimeError(f"{function}: x is on {x.device}, {name} on {v.device}; move one")
