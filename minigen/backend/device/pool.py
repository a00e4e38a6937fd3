"""Pooling on a device; see ../pool.py for what the functions mean, and kernels/pool.cu.

Memory is in C order here, (N, C, *size). `which` is where each maximum lies in its plane.
Read next: ../pool.py.
"""

import functools
import math

import numpy as np

from minigen.backend import device_of, to_device
from minigen.backend.device import three
from minigen.backend.kernels import launch


def _geometry(x, axes, size):
    """Three rows of (size, windows, kernel, stride, dilation, low), where x lives."""
    rows = [
        (n, axis.windows, axis.kernel, axis.stride, axis.dilation, axis.low)
        for n, axis in zip(size, axes, strict=True)
    ]
    return _table(device_of(x), three(rows, fill=(1, 1, 1, 1, 1, 0)))


@functools.lru_cache(1024)
def _table(device, rows):
    """Rows of whole numbers as an array on the device: made once, and kept."""
    return to_device(np.array(rows, np.int32), device)


def _planes(x):
    """x (N, C, *size) as (N·C, depth, height, width)."""
    return x.reshape(x.shape[0] * x.shape[1], *three(x.shape[2:]))


def _windows(axes):
    return tuple(axis.windows for axis in axes)


def _named(kind, size):
    """The three sizes by their names in the entry."""
    names = {"x": ("depth", "height", "width"), "y": ("windows_d", "windows_h", "windows_w")}
    return dict(zip(names[kind], three(size), strict=True))


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
