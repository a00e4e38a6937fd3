"""Images as columns of windows, and channels as pixels.

Idea: `unfold` copies each window into a column, `fold` adds columns back: adjoints of each other.
A convolution is unfold and a matrix product. pixel_shuffle moves channels to finer pixels and
pixel_unshuffle moves them back: only the order of elements changes.
Read next: conv.py, backend/unfold.py (how it is computed).
"""

from itertools import product
from math import prod
from numbers import Integral

from minigen.backend import array_module
from minigen.backend import unfold as arrays
from minigen.backend.windows import window_axes
from minigen.ops._define import composite, primitive
from minigen.ops.shape import _reshape

# ---- windows and columns


@primitive(lambda g, x_shape, axes: _fold(g, axes, tuple(x_shape[2:])))
def _unfold(x, axes):
    return arrays.unfold(x, axes)


@primitive(lambda g, axes: _unfold(g, axes))
def _fold(columns, axes, size):
    return arrays.fold(columns, axes, size)


def _axes(function, size, kernel_size, dilation, padding, stride):
    """The windows along the two dimensions of an image. ValueError for a wrong option."""
    kernel = _pair(function, "kernel_size", kernel_size, 1)
    dilation = _pair(function, "dilation", dilation, 1)
    low, high = _pair(function, "padding", padding, 0)
    stride = _pair(function, "stride", stride, 1)
    try:
        return window_axes(size, kernel, stride, ((low, low), (high, high)), dilation)
    except ValueError as error:
        raise ValueError(f"{function}: {error}") from error


def _pair(function, name, value, least):
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2 or not all(isinstance(v, Integral) and v >= least for v in pair):
        raise ValueError(f"{function}: {name} must be one or two numbers >= {least}, not {value!r}")
    return pair


@composite
def unfold(x, kernel_size, dilation=1, padding=0, stride=1):
    """Every window of an image as a column (im2col).   (N, C, H, W) -> (N, C·kh·kw, L)

    L = H'·W' windows, row by row, H' = (H + 2·padding - dilation·(kh - 1) - 1) // stride + 1. A
    column holds channel after channel, each row by row. x may be one image (C, H, W).
    Options: a number, or one for each dimension. ValueError for a window that does not fit.
    """
    if x.ndim not in (3, 4):
        raise ValueError(f"unfold: x {tuple(x.shape)} must be (N, C, H, W) or one image (C, H, W)")
    *batch, channels, height, width = x.shape
    axes = _axes("unfold", (height, width), kernel_size, dilation, padding, stride)
    columns = _unfold(x if batch else _reshape(x, (1, *x.shape)), axes)
    taps, windows = prod(columns.shape[2:4]), prod(columns.shape[4:])
    return _reshape(columns, (*batch, channels * taps, windows))


@composite
def fold(x, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Columns added where `unfold` would read them (col2im).   (N, C·kh·kw, L) -> (N, C, H, W)

    output_size: (H, W); the options are those of unfold, whose adjoint it is: where windows
    overlap, their elements are summed. x may be one image's columns (C·kh·kw, L).
    """
    if x.ndim not in (2, 3):
        raise ValueError(f"fold: x {tuple(x.shape)} must be (N, C·kh·kw, L) or (C·kh·kw, L)")
    size = _pair("fold", "output_size", output_size, 1)
    axes = _axes("fold", size, kernel_size, dilation, padding, stride)
    kernel, windows = tuple(a.kernel for a in axes), tuple(a.windows for a in axes)
    *batch, rows, columns = x.shape
    if rows % prod(kernel):
        raise ValueError(
            f"fold: x {tuple(x.shape)} has {rows} rows, not a multiple of {prod(kernel)}, which "
            f"kernel_size {kernel} takes for each channel"
        )
    if columns != prod(windows):
        raise ValueError(
            f"fold: x {tuple(x.shape)} has {columns} columns, but with these options "
            f"{windows[0]}·{windows[1]} windows of {kernel} fit into output_size {size}"
        )
    channels = rows // prod(kernel)
    shape = (*(batch or [1]), channels, *kernel, *windows)
    image = _fold(_reshape(x, shape), axes, size)
    return image if batch else _reshape(image, (channels, *size))


# ---- channels and pixels


@primitive(lambda g, r: _to_channels(g, r))
def _to_pixels(x, r):
    *batch, channels, height, width = x.shape
    shape = (*batch, channels // (r * r), height * r, width * r)
    y = array_module(x).empty_like(x, shape=shape)  # channels-last stays channels-last
    for i, j in product(range(r), range(r)):
        y[..., i::r, j::r] = x[..., i * r + j :: r * r, :, :]
    return y


@primitive(lambda g, r: _to_pixels(g, r))
def _to_channels(x, r):
    *batch, channels, height, width = x.shape
    shape = (*batch, channels * r * r, height // r, width // r)
    y = array_module(x).empty_like(x, shape=shape)
    for i, j in product(range(r), range(r)):
        y[..., i * r + j :: r * r, :, :] = x[..., i::r, j::r]
    return y


@composite
def pixel_shuffle(x, upscale_factor):
    """Channels to finer pixels.   (..., C·r², H, W) -> (..., C, H·r, W·r)   r = upscale_factor

        y[c, h·r + i, w·r + j] = x[c·r² + i·r + j, h, w]

    ValueError if the channels are no multiple of r².
    Source: Shi et al., Real-Time Single Image and Video Super-Resolution, CVPR 2016.
    """
    r = _factor("pixel_shuffle", "upscale_factor", upscale_factor, x)
    if x.shape[-3] % (r * r):
        raise ValueError(
            f"pixel_shuffle: the {x.shape[-3]} channels of x {tuple(x.shape)} must be a multiple "
            f"of upscale_factor² = {r * r}"
        )
    return _to_pixels(x, r)


@composite
def pixel_unshuffle(x, downscale_factor):
    """Pixels to channels, the inverse of `pixel_shuffle`.   (..., C, H·r, W·r) -> (..., C·r², H, W)

    ValueError if r = downscale_factor does not divide both sizes.
    """
    r = _factor("pixel_unshuffle", "downscale_factor", downscale_factor, x)
    height, width = x.shape[-2:]
    if height % r or width % r:
        raise ValueError(
            f"pixel_unshuffle: downscale_factor {r} must divide both sizes, {height} and {width}, "
            f"of x {tuple(x.shape)}"
        )
    return _to_channels(x, r)


def _factor(function, name, factor, x):
    if x.ndim < 3:
        raise ValueError(f"{function}: x {tuple(x.shape)} must be images, (..., C, H, W)")
    if not isinstance(factor, Integral) or factor < 1:
        raise ValueError(f"{function}: {name} must be a whole number >= 1, not {factor!r}")
    return factor
