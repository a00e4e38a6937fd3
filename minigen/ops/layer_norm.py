"""Normalisation over the last dimensions: the features of each sample, or of each token.

Idea: as in norm.py, but mean and variance are over the features of one row, and scale and shift are
per feature. RMS norm leaves the mean out.
Read next: norm.py, backend/norm.py (how it is computed).
"""

import math
from numbers import Integral

import numpy

from minigen.backend import norm as arrays
from minigen.backend import quiet
from minigen.errors import check_tensors
from minigen.ops._define import composite, fused
from minigen.ops.functions import rsqrt
from minigen.ops.norm import as_given, check_eps, check_tensor
from minigen.ops.reduce import mean


def _reference(x, shape, weight, bias, eps, centre=True):
    dim = tuple(range(-len(shape), 0))
    x = x - mean(x, dim, True) if centre else x
    x = x * rsqrt(mean(x * x, dim, True) + eps)  # biased: divides by the count
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def _normalise(x, shape, weight, bias, eps, centre):
    """The fast path of both, on arrays: (y, backward)."""
    given = x, weight, bias
    x, weight, bias = arrays.operands(*given)
    box = math.prod(x.shape[: x.ndim - len(shape)]), math.prod(shape)
    flat = [None if v is None else v.reshape(-1) for v in (weight, bias)]
    with quiet():
        y, pull = arrays.row_norm(x.reshape(box), *flat, eps, centre)
        y = as_given(y.reshape(x.shape), *given)

    def backward(g, needs):
        dx, *rest = pull(g.astype(x.dtype, copy=False).reshape(box), needs)
        return (None if dx is None else dx.reshape(x.shape), *(v.reshape(shape) for v in rest))

    return y, backward


@fused("x", "weight", "bias", reference=_reference)
def _layer_norm(x, shape, weight, bias, eps):
    return _normalise(x, shape, weight, bias, eps, True)


@composite
def layer_norm(x, normalized_shape, weight=None, bias=None, eps=1e-5):
    """The last dimensions to mean 0 and variance 1, then times weight plus bias.

        y = (x - E[x]) / sqrt(Var[x] + eps) · weight + bias          Var divides by the count

    x (..., *normalized_shape); weight, bias: normalized_shape or None -> like x. ValueError if x
    does not end in normalized_shape or a parameter has another; RuntimeError for tensors on
    different devices.
    Source: Ba, Kiros & Hinton, Layer Normalization, 2016.
    """
    shape = _shape("layer_norm", x, normalized_shape, eps, weight=weight, bias=bias)
    return _layer_norm(x, shape, weight, bias, eps)


def _rms_reference(x, shape, weight, eps):
    return _reference(x, shape, weight, None, eps, centre=False)


@fused("x", "weight", reference=_rms_reference)
def _rms_norm(x, shape, weight, eps):
    y, pull = _normalise(x, shape, weight, None, eps, False)
    return y, lambda g, needs: pull(g, needs)[:2]


@composite
def rms_norm(x, normalized_shape, weight=None, eps=None):
    """The last dimensions divided by their root mean square, then times weight.

        y = x / sqrt(E[x²] + eps) · weight

    x (..., *normalized_shape); weight: normalized_shape or None -> like x. eps=None: the machine
    epsilon of the dtype that it is computed in, float64 or float32. ValueError if x does not end in
    normalized_shape or weight has another; RuntimeError for tensors on different devices.
    Source: Zhang & Sennrich, Root Mean Square Layer Normalization, 2019.
    """
    check_tensors("rms_norm", x)
    if eps is None:
        eps = float(numpy.finfo("float64" if x.dtype == "float64" else "float32").eps)
    shape = _shape("rms_norm", x, normalized_shape, eps, weight=weight)
    return _rms_norm(x, shape, weight, eps)


def _shape(function, x, normalized_shape, eps, **given):
    """normalized_shape as a tuple, checked against x and the parameters."""
    check_tensors(function, x)
    shape = normalized_shape
    shape = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    if not shape or not all(type(size) is int or isinstance(size, Integral) for size in shape):
        raise TypeError(
            f"{function}: normalized_shape must be whole numbers, the sizes of the last "
            f"dimensions, not {normalized_shape!r}"
        )
    if tuple(x.shape[-len(shape) :]) != shape:
        fix = f"; did you mean {tuple(x.shape[-len(shape) :])}?" if len(shape) <= x.ndim else ""
        raise ValueError(
            f"{function}: x {tuple(x.shape)} must end in normalized_shape {shape}{fix}"
        )
    check_eps(function, eps)
    for name, v in given.items():
        if v is None:
            continue
        check_tensor(function, name, v, x)
        if tuple(v.shape) != shape:
            raise ValueError(
                f"{function}: {name} {tuple(v.shape)} must have the shape {shape}, as "
                "normalized_shape says"
            )
    return shape
