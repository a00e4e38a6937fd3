"""Entries of conv.cu and conv_direct.cu, and the tables that both read.

Idea: the options of a convolution become two tables here, of taps and of pieces; what they mean is
said in mg_conv.cuh. The references know nothing of them: they are the formulas, tap by tap.
Everything is three-dimensional; (depth, height, width) of images, kernels and options.
Read next: mg_conv.cuh, conv.cu, entry.py.
"""

import math
from itertools import product

import numpy as np
from minigen.kernels.entry import In, Kernel, Out, Scalar, ceil_div, sizes_of

SAMPLES, TAPS = 4, 9  # as in conv_direct.cu

# ---- tables


def tables(transposed, out, kernel, stride, low, dilation):
    """(taps (taps, 4), pieces (pieces, 16)) of int32: struct mg_tap and mg_piece in mg_conv.cuh.

    out: the size of what is written, the windows; or the positions if transposed. Window u reads
    by tap i the position u·stride + i·dilation − low.
    """
    options = zip(out, kernel, stride, low, dilation, strict=True)
    along = [_transposed(*each) if transposed else _forward(*each) for each in options]
    taps, pieces = [], []
    for choice in product(*along):
        first, count, reads = zip(*choice, strict=True)
        here = [zip(*tap, strict=True) for tap in product(*reads)]
        sizes = [divisor(n) for n in (math.prod(count), *count[1:])]
        pieces.append([*divisor(len(here)), len(taps), *sum(sizes, ()), *first])
        for read, index in here:
            taps.append([*read, int(np.ravel_multi_index(index, kernel))])
    return (
        np.array(taps, np.int32).reshape(-1, 4),
        np.array(pieces, np.uint32).view(np.int32),
    )


def _forward(windows, kernel, stride, low, dilation):
    """Along one dimension: one piece (its first position, how many, [(reads, tap)])."""
    return [(0, windows, [(i * dilation - low, i) for i in range(kernel)])]


def _transposed(size, kernel, stride, low, dilation):
    """The same: the j-th position of a residue meets, by tap i, the window j + its shift."""
    for first in range(min(stride, size)):
        reach = [(first + low - i * dilation, i) for i in range(kernel)]
        taps = [(at // stride, i) for at, i in reach if at % stride == 0]
        yield first, ceil_div(size - first, stride), taps


def divisor(value):
    """(value, multiplier, shift): a // value == 2·a·multiplier >> 32 + shift for 0 ≤ a < 2^31."""
    shift = max(0, value - 1).bit_length()
    return value, (1 << 31 + shift) // max(1, value) + 1, shift


# ---- references


def _inside(size, windows, stride, low, dilation, tap):
    """(windows, positions) of those windows whose tap reads inside of size: three index arrays."""
    there, read = [], []
    for n, count, s, lo, d, i in zip(size, windows, stride, low, dilation, tap, strict=True):
        at = np.arange(count) * s + i * d - lo
        there.append(np.flatnonzero((at >= 0) & (at < n)))
        read.append(at[there[-1]])
    return np.ix_(*there), np.ix_(*read)


def correlate(x, weight, bias, outputs, groups, out, stride, low, dilation, kernel, transposed):
    """Each tap: what it reads times its weights, or its adjoint; plus bias."""
    y = np.zeros((groups, outputs // groups, len(x), *out))
    weight = weight.reshape(groups, -1, *weight.shape[1:])
    x = x.swapaxes(0, 1).reshape(groups, -1, len(x), *x.shape[2:])
    size, windows = (out, x.shape[3:]) if transposed else (x.shape[3:], out)
    rule = "gcr,gcnzyx->grnzyx" if transposed else "grc,gcnzyx->grnzyx"
    for i, tap in enumerate(np.ndindex(*kernel)):
        there, read = _inside(size, windows, stride, low, dilation, tap)
        there, read = (read, there) if transposed else (there, read)
        y[(..., *there)] += np.einsum(rule, weight[..., i], x[(..., *read)])
    y = y.reshape(outputs, *y.shape[2:]).swapaxes(0, 1)
    return y if bias is None else y + bias.reshape(-1, 1, 1, 1)


def weight_grad(x, g, groups, stride, low, dilation, kernel, slices, slice):
    """Each tap: what it reads times g, summed over the windows of all samples, slice by slice."""
    grads = []
    up = g.swapaxes(0, 1).reshape(groups, g.shape[1] // groups, -1)
    for tap in np.ndindex(*kernel):
        there, read = _inside(x.shape[2:], g.shape[2:], stride, low, dilation, tap)
        values = np.zeros((x.shape[1], len(x), *g.shape[2:]))
        values[(..., *there)] = x.swapaxes(0, 1)[(..., *read)]
        values = values.reshape(groups, x.shape[1] // groups, -1).swapaxes(1, 2)
        cuts = [np.s_[i * slice : (i + 1) * slice] for i in range(slices)]
        grads.append([up[..., cut] @ values[:, cut] for cut in cuts])
    return np.stack(grads, -1).reshape(slices, g.shape[1], -1, len(grads))


# ---- samples


def _sizes(
    samples, inputs, outputs, size, kernel, stride=(1, 1, 1), low=(0, 0, 0), high=(0, 0, 0),
    dilation=(1, 1, 1), groups=1, transposed=False, **more,
):  # fmt: skip
    """A convolution of an input of this size, or its transpose: what kernel and reference read."""
    options = zip(size, kernel, stride, low, high, dilation, strict=True)
    out = tuple((lo + n + hi - d * (k - 1) - 1) // s + 1 for n, k, s, lo, hi, d in options)
    if transposed:
        inputs, outputs, size, out = outputs, inputs, out, size
    return {
        "samples": samples,
        "inputs": inputs,
        "outputs": outputs,
        "groups": groups,
        **dict(zip(("depth", "height", "width"), size, strict=True)),
        **dict(zip(("out_depth", "out_height", "out_width"), out, strict=True)),
        **dict(zip(("stride_z", "stride_y", "stride_x"), stride, strict=True)),
        "kernel_size": math.prod(kernel),
        "transposed": int(transposed),
        **{"out": out, "kernel": kernel, "stride": stride, "low": low, "dilation": dilation},
        **more,
    }


def _tables_of(s):
    return tables(s.transposed, s.out, s.kernel, s.stride, s.low, s.dilation)


def _tap_table(rng, s):
    return _tables_of(s)[0]


def _piece_table(rng, s):
    return _tables_of(s)[1]


def _correlation(transposed, *sizes, **options):
    """A sample of the forward, or of the input gradient: there g is what is read."""
    told = _sizes(*sizes, transposed=transposed, **options)
    first, second = told["outputs"], told["inputs"]
    if transposed:
        first, second = second, first
    taps, pieces = _tables_of(sizes_of(**told))
    shapes = {"weight_outputs": first, "weight_inputs": second // told["groups"]}
    return {**told, **shapes, "taps": len(taps), "pieces": len(pieces)}


def _gradient(slices, slice, *sizes, **options):
    """A sample of the weight gradient."""
    told = _sizes(*sizes, **options)
    channels = told["inputs"] // told["groups"]
    return {**told, "channels": channels, "slices": slices, "slice": slice}


# What is in them: one, two and three dimensions; groups; padding of one side; steps of all kinds;
# rows and columns of less than a tile, of exactly one, of one more, of several; pieces without
# taps, and of fewer columns than others.
_UNEVEN = {"stride": (1, 2, 1), "low": (0, 1, 0), "high": (0, 0, 2), "dilation": (1, 1, 2)}
_SOLID = {"stride": (1, 2, 1), "low": (1, 0, 1), "high": (0, 1, 1), "dilation": (2, 1, 1)}
_SPARSE = {"stride": (1, 3, 2), "low": (0, 1, 2), "high": (0, 2, 1)}
_SAMPLES = (
    _correlation(False, 3, 3, 70, (1, 9, 7), (1, 3, 3), low=(0, 1, 1), high=(0, 1, 1), R=4),
    _correlation(False, 3, 10, 66, (1, 8, 9), (1, 2, 3), groups=2, bias=None, R=2, **_UNEVEN),
    _correlation(False, 2, 2, 5, (4, 5, 3), (2, 3, 2), R=2, **_SOLID),
    _correlation(False, 4, 16, 64, (1, 4, 4), (1, 1, 1), R=4),
    _correlation(False, 5, 3, 65, (1, 1, 15), (1, 1, 3), R=4),
    _correlation(True, 3, 66, 5, (1, 9, 8), (1, 4, 4), stride=(1, 2, 2), low=(0, 1, 1), R=4),
    _correlation(True, 3, 6, 8, (1, 7, 11), (1, 2, 3), groups=2, bias=None, R=2, **_SPARSE),
    _correlation(True, 2, 4, 3, (4, 5, 3), (2, 3, 2), R=2, **_SOLID),
)
_GRADIENTS = (
    _gradient(3, 64, 3, 9, 70, (1, 9, 7), (1, 3, 3), low=(0, 1, 1), high=(0, 1, 1), R=4),
    _gradient(2, 55, 3, 10, 66, (1, 8, 9), (1, 2, 3), groups=2, R=2, **_UNEVEN),
    _gradient(1, 64, 2, 2, 5, (4, 5, 3), (2, 3, 2), R=2, **_SOLID),
    _gradient(1, 64, 4, 64, 64, (1, 4, 4), (1, 1, 1), R=4),
    _gradient(2, 40, 5, 65, 1, (1, 1, 15), (1, 1, 1), R=4),
)
_FEW = {"groups": 3, "low": (0, 1, 1), "high": (0, 1, 1)}
_DIRECT = (
    _correlation(False, 5, 3, 3, (1, 9, 15), (1, 3, 3), **_FEW),
    _correlation(False, 4, 6, 4, (1, 8, 9), (1, 2, 3), groups=2, bias=None, **_UNEVEN),
    _correlation(False, 9, 2, 3, (4, 5, 3), (2, 3, 2), **_SOLID),
    _correlation(True, 6, 3, 6, (1, 9, 17), (1, 3, 3), stride=(1, 2, 2), **_FEW),
    _correlation(True, 3, 4, 6, (1, 7, 11), (1, 2, 3), groups=2, bias=None, **_SPARSE),
)
_DIRECT_GRADIENTS = (
    _gradient(2, 301, 4, 3, 6, (1, 9, 15), (1, 3, 3), **_FEW),
    _gradient(2, 55, 3, 4, 6, (1, 8, 9), (1, 2, 3), groups=2, **_UNEVEN),
    _gradient(1, 64, 2, 2, 3, (4, 5, 3), (2, 3, 2), **_SOLID),
)
_BENCH = (64, 128, 128, (1, 32, 32), (1, 3, 3))
_BENCH_DIRECT = (64, 256, 256, (1, 32, 32), (1, 3, 3))
_ONE_AROUND = {"low": (0, 1, 1), "high": (0, 1, 1)}

# ---- entries

_STRIDE = tuple(map(Scalar, ("stride_z", "stride_y", "stride_x")))
_IMAGE = tuple(map(Scalar, ("samples", "inputs", "outputs", "groups", "depth", "height", "width")))
_CORRELATE = (
    In("x", "T", "samples inputs depth height width"),
    In("weight", "T", "weight_outputs weight_inputs kernel_size"),
    In("bias", "T", "outputs", optional=True),
    In("tap_table", "int32", "taps 4", draw=_tap_table),
    In("piece_table", "int32", "pieces 16", draw=_piece_table),
    Out("y", "T", "samples outputs out_depth out_height out_width"),
    *_IMAGE,
    *map(Scalar, ("out_depth", "out_height", "out_width", "kernel_size")),
    *_STRIDE,
    Scalar("transposed"),
)
_WEIGHT_GRAD = (
    In("x", "T", "samples inputs depth height width"),
    In("g", "T", "samples outputs out_depth out_height out_width"),
    In("tap_table", "int32", "kernel_size 4", draw=_tap_table),
    In("piece_table", "int32", "1 16", draw=_piece_table),
    Out("partial", "A", "slices outputs channels kernel_size"),
    *_IMAGE,
    *_STRIDE,
    Scalar("slice"),
)
_R = {"R": (2, 4)}  # a block computes 16·R rows and columns: 2 where 4 would make too few blocks


def _positions(s):
    """Those of one sample in the largest piece."""
    step = (s.stride_z, s.stride_y, s.stride_x) if s.transposed else (1, 1, 1)
    return math.prod(map(ceil_div, (s.out_depth, s.out_height, s.out_width), step))


def _tiles(s):
    """Blocks of conv_correlate."""
    side = 16 * s.R
    columns = ceil_div(s.samples * _positions(s), side)
    return columns, ceil_div(s.outputs // s.groups, side), s.pieces * s.groups


def _gradient_tiles(s):
    side = 16 * s.R
    columns = ceil_div(s.inputs // s.groups * s.kernel_size, side)
    return columns, ceil_div(s.outputs // s.groups, side), s.slices * s.groups


def _correlate_bytes(s):
    x = s.samples * s.inputs * s.depth * s.height * s.width
    y = s.samples * s.outputs * s.out_depth * s.out_height * s.out_width
    return (x + y + s.outputs * s.inputs // s.groups * s.kernel_size) * s.itemsize


def _flops(s):
    """A multiplication and an addition for each weight and window; windows are the smaller side."""
    windows = min(s.depth * s.height * s.width, s.out_depth * s.out_height * s.out_width)
    return 2 * s.samples * windows * s.outputs * s.inputs // s.groups * s.kernel_size


KERNELS = (
    Kernel(
        "conv_correlate",
        "conv.cu",
        _CORRELATE,
        grid=_tiles,
        block=(256,),
        reference=correlate,
        samples=_SAMPLES,
        bench=_correlation(False, *_BENCH, R=4, **_ONE_AROUND),
        bytes=_correlate_bytes,
        flops=_flops,
        variants=_R,
        template="{T}, {R}",
        registers=128,
    ),
    Kernel(
        "conv_weight_grad",
        "conv.cu",
        _WEIGHT_GRAD,
        grid=_gradient_tiles,
        block=(256,),
        reference=weight_grad,
        samples=_GRADIENTS,
        bench=_gradient(14, 4704, *_BENCH, R=4, **_ONE_AROUND),
        bytes=_correlate_bytes,
        flops=_flops,
        variants=_R,
        template="{T}, {R}",
        registers=128,
    ),
    Kernel(
        "conv_direct",
        "conv_direct.cu",
        _CORRELATE,
        grid=lambda s: (
            ceil_div(ceil_div(s.samples, SAMPLES) * _positions(s), 256),
            s.outputs,
            s.pieces,
        ),
        block=(256,),
        reference=correlate,
        samples=_DIRECT,
        bench=_correlation(False, *_BENCH_DIRECT, groups=256, **_ONE_AROUND),
        bytes=_correlate_bytes,
        flops=_flops,
    ),
    Kernel(
        "conv_direct_weight_grad",
        "conv_direct.cu",
        _WEIGHT_GRAD,
        grid=lambda s: (s.outputs * s.channels, ceil_div(s.kernel_size, TAPS), s.slices),
        block=(256,),
        reference=weight_grad,
        samples=_DIRECT_GRADIENTS,
        bench=_gradient(2, 32768, *_BENCH_DIRECT, groups=256, **_ONE_AROUND),
        bytes=_correlate_bytes,
        flops=_flops,
    ),
)
