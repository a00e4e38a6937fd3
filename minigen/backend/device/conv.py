"""Convolution on a device; see ../conv.py for what the functions mean, and kernels/conv.cu.

Idea: forward and input gradient are one kernel with two tables, and a transposed convolution is the
input gradient of another: so three functions, each of which may be the derivative of the others,
launch two kernels. Arrays are (N, C, *size), read and made in C order.

Choices, by shapes alone, so that results are the same every time. Groups of few outputs are
computed directly; a kernel of size 1 is a product of matrices; all others are the same without the
matrices (implicit GEMM), in small tiles where large ones would leave most of a GPU without work.
The positions of a weight gradient are cut into slices for the same reason.
Read next: ../conv.py, ../../../kernels/conv.py (the tables).
"""

import functools
import math

from minigen.backend import device_of, to_device
from minigen.backend.device import three
from minigen.backend.device.linalg import ENOUGH
from minigen.backend.kernels import launch
from minigen.backend.linalg import matmul
from minigen.backend.work import computable
from minigen.kernels.conv import TAPS, tables
from minigen.kernels.entry import ceil_div

# Not measured: from the work that each way does.
DIRECT = 8  # outputs of a group up to which a tile of 32 would be mostly empty
POINTS = 256  # positions from which a kernel of size 1 is a product of matrices for each sample
SHORTEST = 512  # positions of a slice: below that, adding the slices costs as much
LARGEST = 1 << 30  # elements that kernels count in 32 bits, two such numbers added
MOST = (1 << 16) - 1  # blocks along y and z of a grid: channels are counted there


def fits(weight, *samples):
    """Whether there is a kernel, for shapes of a weight and of samples: one to three dimensions,
    and no gigantic ones."""
    small = all(math.prod(shape) <= LARGEST for shape in (weight, *samples))
    return len(weight) <= 5 and small and all(shape[0] <= MOST for shape in samples)


def conv(x, weight, bias, stride, padding, dilation, groups, windows):
    """conv.conv, whose windows are known."""
    options = stride, padding, dilation, groups, windows
    return _correlate(False, x, weight, bias, len(weight), options)


def conv_transpose(g, weight, bias, stride, padding, dilation, groups, size):
    """conv.conv_transpose."""
    options = stride, padding, dilation, groups, size
    return _correlate(True, g, weight, bias, weight.shape[1] * groups, options)


def conv_weight_grad(x, g, stride, padding, dilation, groups, kernel):
    """conv.conv_weight_grad."""
    dtype, rows, channels = x.dtype, g.shape[1] // groups, x.shape[1] // groups
    told = _told(x, False, kernel, stride, padding, dilation, g.shape[2:])
    x, g = _alike(_solid(x), _solid(g))
    taps = math.prod(kernel)
    if rows <= DIRECT:
        name, variant = "conv_direct_weight_grad", {}
        blocks = g.shape[1] * channels * ceil_div(taps, TAPS)
    else:
        R = 4 if min(rows, channels * taps) > 32 else 2
        name, variant = "conv_weight_grad", {"R": R}
        blocks = _tiles(R, rows, channels * taps, groups)
    positions = len(x) * math.prod(g.shape[2:])
    slices = min(4 * ENOUGH // max(1, blocks), positions // SHORTEST)
    slice = max(1, ceil_div(positions, max(slices, 1 + positions // LARGEST)))
    partial = launch(
        name, x, g, *told.pop("tables"), groups=groups, channels=channels, slice=slice,
        slices=max(1, ceil_div(positions, slice)), **told, **variant,
    )  # fmt: skip
    w = launch("column_sum", partial.reshape(len(partial), -1))
    return w.reshape(rows * groups, channels, *kernel).astype(dtype, copy=False)


def _correlate(transposed, x, weight, bias, outputs, options):
    """Forward or input gradient: y (N, outputs, *out)."""
    stride, padding, dilation, groups, out = options
    dtype, kernel, rows = x.dtype, weight.shape[2:], outputs // groups
    x, weight, bias = _alike(x, weight.reshape(*weight.shape[:2], -1), bias)
    plain = groups == max(*kernel, *stride) == 1 and not any(map(any, padding))
    if plain and rows > DIRECT and math.prod(out) >= POINTS:
        y = _product(weight[..., 0].T if transposed else weight[..., 0], x, bias)
        return y.reshape(len(x), outputs, *out).astype(dtype, copy=False)
    if rows <= DIRECT:
        name, variant = "conv_direct", {}
    else:
        columns = len(x) * math.prod(out)
        large = rows > 32 and _tiles(4, rows, columns, groups) >= ENOUGH
        name, variant = "conv_correlate", {"R": 4 if large else 2}
    told = _told(x, transposed, kernel, stride, padding, dilation, out)
    sizes = dict(zip(("out_depth", "out_height", "out_width"), three(out), strict=True))
    y = launch(
        name, _solid(x), weight, bias, *told.pop("tables"), groups=groups, outputs=outputs,
        transposed=int(transposed), **told, **sizes, **variant,
    )  # fmt: skip
    return y.reshape(len(x), outputs, *out).astype(dtype, copy=False)


def _product(matrix, x, bias):
    """A kernel of size 1 gathers nothing: (O, C)·(N, C, positions), which cuBLAS may do."""
    y = matmul(matrix, x.reshape(*x.shape[:2], -1))
    if bias is not None:
        y += bias[:, None]
    return y


def _tiles(R, rows, columns, groups):
    """Blocks of a product in tiles of 16·R rows and columns."""
    return ceil_div(rows, 16 * R) * ceil_div(columns, 16 * R) * groups


def _solid(x):
    """(N, C, *size) in three dimensions."""
    return x.reshape(*x.shape[:2], *three(x.shape[2:]))


def _alike(*arrays):
    """The arrays in one dtype: their own, else the one that computes for all."""
    if len({x.dtype for x in arrays if x is not None}) > 1:
        return computable(*arrays)
    return arrays


def _told(x, transposed, kernel, stride, padding, dilation, out):
    """What the kernels are told of a convolution: its tables, and its strides."""
    lows = [low for low, _ in padding]
    out, kernel, stride = (three(values) for values in (out, kernel, stride))
    options = transposed, out, kernel, stride, three(lows, fill=0), three(dilation)
    names = "stride_z", "stride_y", "stride_x"
    return {"tables": _tables(device_of(x), *options), **dict(zip(names, stride, strict=True))}


@functools.lru_cache(1024)
def _tables(device, *options):
    """The tables of a convolution in the memory of a device: made once, and kept."""
    return [to_device(table, device) for table in tables(*options)]
