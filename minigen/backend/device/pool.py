"""Pooling on a device; see ../pool.py for what the functions mean, and kernels/pool.cu.

Memory is in C order here, (N, C, *size). `which` is where each maximum lies in its plane.
Read next: ../pool.py.
"""

import math

from minigen.backend.device import constant
from minigen.backend.kernels import launch


def _geometry(x, axes, size):
    """Three rows of (size, windows, kernel, stride, dilation, low), of which the last may be ours."""
    rows = [
        (n, axis.windows, axis.kernel, axis.stride, axis.dilation, axis.low)
        for n, axis in zip(size, axes, strict=True)
    ]
    return constant(x, ((1, 1, 1, 1, 1, 0),) * (3 - len(rows)) + tuple(rows))


def _planes(x):
    """x (N, C, *size) as (N·C, depth, height, width)."""
    size = x.shape[2:]
    return x.reshape(x.shape[0] * x.shape[1], *(1,) * (3 - len(size)), *size)


def _windows(axes):
    return tuple(axis.windows for axis in axes)


def _named(kind, size):
    """The three sizes by their names in the entry."""
    size = (1,) * (3 - len(size)) + tuple(size)
    names = {"x": ("depth", "height", "width"), "y": ("windows_d", "windows_h", "windows_w")}
    return dict(zip(names[kind], size, strict=True))


def max_pool(x, axes):
    """pool.max_pool, always with which."""
    windows = _windows(axes)
    shape = *x.shape[:2], *windows
    y, which = launch(
        "max_pool_forward",
        *(_planes(x), _geometry(x, axes, x.shape[2:])),
        **_named("y", windows),
        count=math.prod(shape),
    )
    return y.reshape(shape), which.reshape(shape)


def max_pool_backward(g, which, axes, size):
    """pool.max_pool_backward."""
    shape = *g.shape[:2], *size
    dx = launch(
        "max_pool_backward",
        *(_planes(g), _planes(which), _geometry(g, axes, size)),
        **_named("x", size),
        count=math.prod(shape),
    )
    return dx.reshape(shape)


def avg_pool(x, axes, count_include_pad, divisor):
    """pool.avg_pool."""
    windows = _windows(axes)
    shape = *x.shape[:2], *windows
    options = _named("y", windows) | _options(count_include_pad, divisor, shape)
    y = launch("avg_pool_forward", _planes(x), _geometry(x, axes, x.shape[2:]), **options)
    return y.reshape(shape)


def avg_pool_adjoint(g, axes, count_include_pad, divisor, size):
    """pool.avg_pool_adjoint."""
    shape = *g.shape[:2], *size
    options = _named("x", size) | _options(count_include_pad, divisor, shape)
    dx = launch("avg_pool_backward", _planes(g), _geometry(g, axes, size), **options)
    return dx.reshape(shape)


def _options(count_include_pad, divisor, shape):
    options = {"padding_counts": int(count_include_pad), "divisor": divisor or 0}
    return options | {"count": math.prod(shape)}
