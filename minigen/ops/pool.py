"""Pooling: one number from each window.

Idea: average pooling is linear, so its VJP is its adjoint, and the other way round. Maximum pooling
picks one element of each window: it is reading at the index of the maximum. Adaptive pooling turns
it round: the number of windows is given, and their places follow.
Read next: resample.py, conv.py, backend/pool.py (how it is computed).
"""

import math
from numbers import Integral

from minigen.backend import pool as arrays
from minigen.ops._define import composite, fused, primitive
from minigen.ops.conv import _at_least, _tuple
from minigen.ops.gather import gather
from minigen.ops.reduce import mean
from minigen.ops.resample import area_maps, check_image, resample
from minigen.ops.shape import flatten, reshape


def _axes(function, n, x, kernel_size, stride, padding, dilation, ceil_mode):
    """Where the windows lie in x (N, C, *size): the options, checked, as one Axis per dimension."""
    check_image(function, x, n)
    kernel = _at_least(function, "kernel_size", _tuple(function, "kernel_size", kernel_size, n), 1)
    stride = kernel if stride is None else _tuple(function, "stride", stride, n)
    _at_least(function, "stride", stride, 1)
    padding = _at_least(function, "padding", _tuple(function, "padding", padding, n), 0)
    dilation = _at_least(function, "dilation", _tuple(function, "dilation", dilation, n), 1)
    size = tuple(x.shape[2:])
    for k, p in zip(kernel, padding, strict=True):
        if 2 * p > k:
            raise ValueError(f"{function}: padding {padding} is more than half of kernel {kernel}")
    axes = arrays.pool_axes(size, kernel, stride, padding, dilation, bool(ceil_mode))
    if min(axis.windows for axis in axes) < 1:
        with_dilation = f" with dilation {dilation}" if max(dilation) > 1 else ""
        raise ValueError(
            f"{function}: kernel {kernel}{with_dilation} is larger than x {tuple(x.shape)} with "
            f"padding {padding}; use a smaller kernel, or pad more"
        )
    if max(dilation) > 1 and any(map(arrays.empty, axes, size)):
        raise ValueError(
            f"{function}: with kernel {kernel}, dilation {dilation} and padding {padding} a window "
            f"of x {tuple(x.shape)} reads nothing but padding; pad less"
        )
    return axes


# ---- the largest


def _max_pool_reference(x, axes):
    at = _max_pool_index(x, axes)
    plane = flatten(x, 2)  # (N, C, H·W)
    return reshape(gather(plane, 2, flatten(at, 2)), at.shape)


@fused("x", reference=_max_pool_reference)
def _max_pool(x, axes, needs=None):
    y, which = arrays.max_pool(x, axes, needs.x)
    size = x.shape[2:]
    return y, lambda g, needs: (arrays.max_pool_backward(g, which, axes, size),)


@primitive()
def _max_pool_index(x, axes):
    _, which = arrays.max_pool(x, axes)
    return arrays.max_pool_index(which, axes, x.shape[2:], len(x))


def _largest(n, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices):
    axes = _axes(f"max_pool{n}d", n, x, kernel_size, stride, padding, dilation, ceil_mode)
    y = _max_pool(x, axes)
    return (y, _max_pool_index(x, axes)) if return_indices else y


@composite
def max_pool1d(
    x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """The largest element of each window.   x (N, C, L) -> (N, C, L'), options as in max_pool2d"""
    return _largest(1, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@composite
def max_pool2d(
    x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """The largest element of each window; the first of several takes the gradient.

    x (N, C, H, W) -> (N, C, H', W'), H' = (H + 2·padding - dilation·(kernel - 1) - 1) / stride + 1,
    rounded down, or up with ceil_mode (but no window starts beyond x). stride: the kernel's size by
    default. padding counts as -inf, nan as the largest. return_indices: also where each maximum
    lies in the flattened (H, W), as int64. ValueError for windows that do not fit, or that lie
    wholly in the padding (which a dilation can bring about).
    """
    return _largest(2, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@composite
def max_pool3d(
    x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """The largest element of each window.   x (N, C, D, H, W), options as in max_pool2d"""
    return _largest(3, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


# ---- the mean


@primitive(
    lambda g, x_shape, axes, count_include_pad, divisor: _avg_unpool(
        g, axes, count_include_pad, divisor, x_shape[2:]
    )
)
def _avg_pool(x, axes, count_include_pad, divisor):
    return arrays.avg_pool(x, axes, count_include_pad, divisor)


@primitive(
    lambda g, axes, count_include_pad, divisor: _avg_pool(g, axes, count_include_pad, divisor)
)
def _avg_unpool(x, axes, count_include_pad, divisor, size):
    return arrays.avg_pool_adjoint(x, axes, count_include_pad, divisor, tuple(size))


def _averaged(n, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor=None):
    function = f"avg_pool{n}d"
    axes = _axes(function, n, x, kernel_size, stride, padding, 1, ceil_mode)
    if divisor is not None and not (isinstance(divisor, Integral) and divisor):
        raise ValueError(
            f"{function}: divisor_override must be a whole number, not 0, or None; got {divisor!r}"
        )
    return _avg_pool(x, axes, bool(count_include_pad), divisor)


@composite
def avg_pool1d(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """The mean of each window.   x (N, C, L) -> (N, C, L'), options as in avg_pool2d"""
    return _averaged(1, x, kernel_size, stride, padding, ceil_mode, count_include_pad)


@composite
def avg_pool2d(
    x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
    divisor_override=None,
):  # fmt: skip
    """The mean of each window.   x (N, C, H, W) -> (N, C, H', W'), sizes as in max_pool2d

    count_include_pad: whether the zeros of the padding count as elements (what ceil_mode adds
    beyond them never does). divisor_override: divide the sum by that number instead.
    """
    return _averaged(
        2, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


@composite
def avg_pool3d(
    x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
    divisor_override=None,
):  # fmt: skip
    """The mean of each window.   x (N, C, D, H, W), options as in avg_pool2d"""
    return _averaged(
        3, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


# ---- a given number of windows


def _adaptive(n, x, output_size):
    function = f"adaptive_avg_pool{n}d"
    check_image(function, x, n)
    sizes = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size,) * n
    whole = all(s is None or (isinstance(s, Integral) and s > 0) for s in sizes)
    if len(sizes) != n or not whole:
        raise ValueError(
            f"{function}: output_size must be a positive whole number, or {n} of them or None "
            f"(as in x), not {output_size!r}"
        )
    sizes = [size if s is None else s for s, size in zip(sizes, x.shape[2:], strict=True)]
    if math.prod(sizes) == 1:
        return mean(x, tuple(range(2, x.ndim)), True)
    return resample(x, area_maps(x.shape[2:], sizes))


@composite
def adaptive_avg_pool1d(x, output_size):
    """The means of output_size windows.   x (N, C, L) -> (N, C, L'), as adaptive_avg_pool2d"""
    return _adaptive(1, x, output_size)


@composite
def adaptive_avg_pool2d(x, output_size):
    """The means of as many windows as are asked for, spread evenly over x.

    x (N, C, H, W) -> (N, C, H', W'). Window i of m over n elements runs from floor(i·n/m) to
    ceil((i+1)·n/m): neighbours overlap where m does not divide n. output_size: one number, or one
    for each dimension; None keeps x's size.
    """
    return _adaptive(2, x, output_size)


@composite
def adaptive_avg_pool3d(x, output_size):
    """The means of output_size windows.   x (N, C, D, H, W), as adaptive_avg_pool2d"""
    return _adaptive(3, x, output_size)
