"""Convolution on a device; see ../conv.py for what the functions mean, and kernels/conv.cu.

Idea: forward and input gradient are one kernel with two tables, and a transposed convolution is the
input gradient of another: so three functions, each of which may be the derivative of the others,
launch two kernels. Arrays are (N, C, *size), read and made in C order.

Choices, by shapes alone, so that results are the same every time. Groups of few outputs are
computed directly; others as matrix products, in small tiles where large ones would leave most of a
GPU without work. The positions of a weight gradient are cut into slices for the same reason.
Read next: ../conv.py, ../../../kernels/conv.py (the tables).
"""

import functools
import math

from minigen.backend import device_of, to_device
from minigen.backend.kernels import launch
from minigen.backend.work import computable
from minigen.kernels.conv import TAPS, tables
from minigen.kernels.entry import ceil_div

# Not measured: from the work that each way does, and for a GPU of about a hundred multiprocessors.
DIRECT = 8  # outputs of a group up to which a tile of 32 would be mostly empty
BLOCKS = 512  # enough for every multiprocessor to hold several
SHORTEST = 512  # positions of a slice: below that, adding the slices costs as much


def conv(x, weight, bias, stride, padding, dilation, groups, windows):
    """conv.conv, whose windows are known."""
    options = stride, padding, dilation, windows
    return _correlate(False, x, weight, bias, len(weight), groups, options)


def conv_transpose(g, weight, bias, stride, padding, dilation, groups, size):
    """conv.conv_transpose."""
    options = stride, padding, dilation, size
    return _correlate(True, g, weight, bias, weight.shape[1] * groups, groups, options)


def conv_weight_grad(x, g, stride, padding, dilation, groups, kernel):
    """conv.conv_weight_grad."""
    dtype, outputs, channels = x.dtype, g.shape[1], x.shape[1] // groups
    tap_table, piece_table, strides = _told(
        x, False, kernel, stride, padding, dilation, g.shape[2:]
    )
    x, g = _alike(_solid(x), _solid(g))
    rows, columns = outputs // groups, channels * math.prod(kernel)
    if rows <= DIRECT:
        blocks = outputs * channels * ceil_div(math.prod(kernel), TAPS)
        name, variant = "conv_direct_weight_grad", {}
    else:
        R, blocks = _tiles(rows, columns, groups)
        name, variant = "conv_weight_grad", {"R": R}
    positions = len(x) * math.prod(g.shape[2:])
    slices = max(1, min(BLOCKS // max(1, blocks), ceil_div(positions, SHORTEST)))
    slice = max(1, ceil_div(positions, slices))
    partial = launch(
        name, x, g, tap_table, piece_table, groups=groups, channels=channels, slice=slice,
        slices=ceil_div(positions, slice) or 1, **strides, **variant,
    )  # fmt: skip
    w = launch("conv_weight_grad_sum", partial.reshape(len(partial), -1))
    return w.reshape(outputs, channels, *kernel).astype(dtype, copy=False)


def _correlate(transposed, x, weight, bias, outputs, groups, options):
    stride, padding, dilation, out = options
    dtype, kernel = x.dtype, weight.shape[2:]
    tap_table, piece_table, strides = _told(x, transposed, kernel, stride, padding, dilation, out)
    x, weight, bias = _alike(_solid(x), weight.reshape(*weight.shape[:2], -1), bias)
    rows = outputs // groups
    if rows <= DIRECT:
        name, variant = "conv_direct", {}
    else:
        columns = len(x) * math.prod(out)
        name, variant = "conv_correlate", {"R": _tiles(rows, columns, groups)[0]}
    sizes = dict(zip(("out_depth", "out_height", "out_width"), _three(out, 1), strict=True))
    y = launch(
        name, x, weight, bias, tap_table, piece_table, groups=groups, outputs=outputs,
        transposed=int(transposed), **sizes, **strides, **variant,
    )  # fmt: skip
    return y.reshape(len(x), outputs, *out).astype(dtype, copy=False)


def _tiles(rows, columns, groups):
    """(results a thread in each direction, blocks): large tiles where there are enough of them."""
    for R in (4, 2):
        blocks = ceil_div(rows, 16 * R) * ceil_div(columns, 16 * R) * groups
        if blocks >= BLOCKS:
            break
    return R, blocks


def _three(values, fill):
    """n values as three: fewer dimensions are three of which the first have size 1."""
    return (fill,) * (3 - len(values)) + tuple(values)


def _solid(x):
    """(N, C, *size) in three dimensions."""
    return x.reshape(*x.shape[:2], *_three(x.shape[2:], 1))


def _alike(*arrays):
    """The arrays in one dtype: their own, else the one that computes for all."""
    if len({x.dtype for x in arrays if x is not None}) > 1:
        return computable(*arrays)
    return arrays


def _told(x, transposed, kernel, stride, padding, dilation, out):
    """(taps, pieces, {strides}), on the device of x."""
    low = _three([low for low, _ in padding], 0)
    sizes = (_three(values, 1) for values in (out, kernel, stride))
    out, kernel, stride = sizes
    found = _tables(device_of(x), transposed, out, kernel, stride, low, _three(dilation, 1))
    return *found, dict(zip(("stride_z", "stride_y", "stride_x"), stride, strict=True))


@functools.lru_cache(1024)
def _tables(device, *options):
    """The tables of a convolution in the memory of a device: made once, and kept."""
    return [to_device(table, device) for table in tables(*options)]
