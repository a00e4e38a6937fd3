"""Pooling: one number from each window.

Idea: average pooling is linear, so its VJP is its adjoint, and the other way round. Maximum pooling
picks one element of each window: it is reading at the index of the maximum.
Read next: conv.py, backend/pool.py (how it is computed).
"""

import math
from numbers import Integral

from minigen.backend import pool as arrays
from minigen.ops._define import composite, fused, primitive
from minigen.ops.gather import gather
from minigen.ops.shape import flatten, reshape


def _pair(function, name, value, least):
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2 or not all(isinstance(v, Integral) and v >= least for v in pair):
        raise ValueError(f"{function}: {name} must be one or two numbers >= {least}, not {value!r}")
    return pair


def _window(function, x, kernel_size, stride, padding):
    """The options of a pooling op as pairs, checked against x (N, C, H, W)."""
    if x.ndim != 4:
        raise ValueError(f"{function}: x {tuple(x.shape)} must have 4 dimensions, (N, C, H, W)")
    kernel = _pair(function, "kernel_size", kernel_size, 1)
    stride = kernel if stride is None else _pair(function, "stride", stride, 1)
    padding = _pair(function, "padding", padding, 0)
    for size, k, p in zip(x.shape[2:], kernel, padding, strict=True):
        if 2 * p > k:
            raise ValueError(f"{function}: padding {padding} is more than half of kernel {kernel}")
        if size + 2 * p < k:
            raise ValueError(
                f"{function}: kernel {kernel} is larger than x {tuple(x.shape)} with padding "
                f"{padding}"
            )
    return kernel, stride, padding


def _max_pool_reference(x, kernel, stride, padding):
    y, at = arrays.max_pool(x.data, kernel, stride, padding)
    plane = flatten(x, 2)  # (N, C, H·W)
    return reshape(gather(plane, 2, at.reshape(*y.shape[:2], math.prod(y.shape[2:]))), y.shape)


@fused("x", reference=_max_pool_reference)
def _max_pool(x, kernel, stride, padding):
    y, at = arrays.max_pool(x, kernel, stride, padding)
    size = x.shape[2:]
    return y, lambda g, needs: (arrays.max_pool_backward(g, at, size),)


@composite
def max_pool2d(x, kernel_size, stride=None, padding=0):
    """The largest element of each window; the first of several takes the gradient.

    x (N, C, H, W) -> (N, C, H', W') with H' = (H + 2·padding - kernel) // stride + 1. stride: the
    kernel's size by default. padding counts as -inf. ValueError for a window that does not fit.
    """
    return _max_pool(x, *_window("max_pool2d", x, kernel_size, stride, padding))


@primitive(
    lambda g, x_shape, kernel, stride, padding, count_include_pad: _avg_unpool(
        g, kernel, stride, padding, count_include_pad, x_shape[2:]
    )
)
def _avg_pool(x, kernel, stride, padding, count_include_pad):
    return arrays.avg_pool(x, kernel, stride, padding, count_include_pad)


@primitive(
    lambda g, kernel, stride, padding, count_include_pad: _avg_pool(
        g, kernel, stride, padding, count_include_pad
    )
)
def _avg_unpool(x, kernel, stride, padding, count_include_pad, size):
    return arrays.avg_pool_adjoint(x, kernel, stride, padding, count_include_pad, size)


@composite
def avg_pool2d(x, kernel_size, stride=None, padding=0, count_include_pad=True):
    """The mean of each window.   x (N, C, H, W) -> (N, C, H', W'), sizes as in max_pool2d

    count_include_pad: whether the zeros of the padding count as elements.
    """
    window = _window("avg_pool2d", x, kernel_size, stride, padding)
    return _avg_pool(x, *window, count_include_pad)
