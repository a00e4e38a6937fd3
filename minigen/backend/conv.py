"""Convolution as one algebra, on arrays, in any number of dimensions.

Idea: U(x) copies every window of x into one row of a matrix. With it, convolution and its two
adjoints are three matrix products, each linear in both of its arguments:

    conv              y = U(x) Wᵀ       y[u] = Σ_i W[i] x[u·stride + i·dilation − low]
    conv_transpose    x = Uᵀ(g W)       <conv(x, W), g> = <x, conv_transpose(g, W)>
    conv_weight_grad  W = gᵀ U(x)                       = <W, conv_weight_grad(x, g)>

u numbers the windows, i the taps of the kernel; `low` zeros stand before position 0. So the
derivatives of each of the three are the other two, to any order.

How it is fast. Memory is channels-last, (N, *size, C): a row of U is a few long runs, and the
products need no transpose. A result has the shape (N, C, *size) that everybody expects, as a view;
the next convolution finds the channels last again. Inputs in any other order cost one copy. U(x)
is never whole: tiles of samples, or of rows of one sample, are copied and multiplied while they
are in the cache (L2), in two halves on two cores. On a GPU the
same code runs, in few large tiles, where there is no kernel (four dimensions and more).

Uᵀ is no matrix product. With stride 1 it is a convolution by the mirrored kernel. With stride s,
the positions of one residue modulo s meet only every s-th tap: one stride-1 convolution for each
residue (`residues`), and nothing is added twice. To few channels, adding the product of each tap
where the tap had read is faster (`_scatter`). Where there is one window only, as where a code
becomes the first map of a decoder, nothing overlaps: the product is the result (`_spread`).

On a device, kernels do all of this, see device/conv.py; there memory is (N, C, *size) in C order.

Arguments everywhere: stride and dilation are tuples of n ints, padding of n pairs (low, high).
Arrays are float32 or float64; narrower floats are computed in float32 and returned as they came.
Read next: windows.py (where windows lie), work.py (tiles), ../ops/conv.py (on tensors).
"""

import math
from itertools import product
from typing import NamedTuple

import numpy

from minigen.backend import array_module
from minigen.backend.device import conv as device
from minigen.backend.kernels import active
from minigen.backend.windows import mirror_padding, residues, window_axes
from minigen.backend.windows import output_size as output_size  # the ops read all from here
from minigen.backend.work import channels_first, channels_last, computable, share, tiles, workspace

# Measured on two cores with 1 MB of L2 each; half or double changes little.
SHORT = 8  # runs of fewer elements are copied tap by tap
FEW = 4  # up to so many channels, Uᵀ scatters


def conv(x, weight, bias, stride, padding, dilation, groups):
    """Cross-correlation with zero padding, plus bias.

    x (N, C, *size), weight (O, C/groups, *kernel), bias (O,) or None -> (N, O, *output_size)
    """
    size, kernel = x.shape[2:], weight.shape[2:]
    axes = window_axes(size, kernel, stride, padding, dilation)
    windows = tuple(axis.windows for axis in axes)
    if _has_kernel(weight.shape, x.shape[1:], (len(weight), *windows), x, weight, bias):
        return device.conv(x, weight, bias, stride, padding, dilation, groups, windows)
    if len(weight) <= FEW < x.shape[1] and groups == max(stride) == 1 < max(kernel):
        # to few channels: Uᵀ with the mirrored kernel is the same
        weight, padding = _mirror(weight, 1), mirror_padding(padding, kernel, dilation)
        return conv_transpose(x, weight, bias, stride, padding, dilation, 1, windows)
    dtype = x.dtype
    x, weight, bias = computable(x, weight, bias)
    y = array_module(x).empty((len(x), *windows, len(weight)), x.dtype)
    _correlate(channels_last(x), [_whole(axes, _matrix(weight, groups))], bias, y)
    return channels_first(y).astype(dtype, copy=False)


def conv_transpose(g, weight, bias, stride, padding, dilation, groups, size):
    """The adjoint of conv in x, plus bias: g[u] times the kernel, added where window u had read.

    g (N, O, *windows), weight (O, C/groups, *kernel), bias (C,) or None -> (N, C, *size)

    `size` is any whose output_size is `windows`; with a stride there are several. Positions that
    no window reads get the bias alone.
    """
    axes = window_axes(size, weight.shape[2:], stride, padding, dilation)
    windows = tuple(axis.windows for axis in axes)
    if windows != g.shape[2:]:
        raise ValueError(
            f"size {size} has {windows} windows (kernel {weight.shape[2:]}, stride {stride}, "
            f"padding {padding}, dilation {dilation}), but there are {g.shape[2:]} to transpose"
        )
    made = weight.shape[1] * groups, *size
    if _has_kernel(weight.shape, g.shape[1:], made, g, weight, bias):
        return device.conv_transpose(g, weight, bias, stride, padding, dilation, groups, size)
    dtype = g.dtype
    g, weight, bias = computable(g, weight, bias)
    y = array_module(g).empty((len(g), *size, weight.shape[1] * groups), g.dtype)
    if groups == math.prod(windows) == 1:
        _spread(channels_last(g), weight, bias, axes, y)
    elif groups == 1 and y.shape[-1] <= FEW:
        _scatter(channels_last(g), weight, bias, axes, y)
    else:
        parts = residues(axes, size)
        if len(parts) < math.prod(stride):  # some positions meet no tap
            y[...] = 0 if bias is None else bias
        pieces = [
            Piece(part, _matrix(_mirror(weight[(..., *taps)], groups), groups), positions)
            for taps, part, positions in parts
        ]
        if pieces:
            _correlate(channels_last(g), pieces, bias, y)
    return channels_first(y).astype(dtype, copy=False)


def conv_weight_grad(x, g, stride, padding, dilation, groups, kernel):
    """The adjoint of conv in its weight: what each tap had read times what came of it, summed.

    x (N, C, *size), g (N, O, *windows) -> (O, C/groups, *kernel)
    """
    made = g.shape[1], x.shape[1] // groups, *kernel
    if _has_kernel(made, x.shape[1:], g.shape[1:], x, g):
        return device.conv_weight_grad(x, g, stride, padding, dilation, groups, kernel)
    if g.shape[1] < x.shape[1] and groups == max(stride) == 1 < max(kernel):
        # fewer outputs: U(g) is smaller than U(x), and tap i of one is the mirrored of the other
        padding = mirror_padding(padding, kernel, dilation)
        weight = conv_weight_grad(g, x, stride, padding, dilation, 1, kernel)
        return array_module(x).ascontiguousarray(_mirror(weight, 1))
    xp, dtype = array_module(x), x.dtype
    x, g = computable(x, g)
    axes = window_axes(x.shape[2:], kernel, stride, padding, dilation)
    outputs, channels = g.shape[1] // groups, x.shape[1] // groups
    x, g = channels_last(x), channels_last(g)
    depthwise = channels == outputs == 1 < groups
    depth = x.shape[-1] * (1 if depthwise else math.prod(kernel))
    work, parts = tiles(xp, g.shape[:-1], depth)
    whole = _whole(axes, None)
    sums = {}  # of each half; added in a fixed order: the same bits every time

    def run(lo, hi):
        shape = groups, outputs, math.prod(kernel) * channels
        total = sums[lo] = xp.zeros(shape, x.dtype)
        for samples, i in work[lo:hi]:
            part = whole.part(i, parts)
            windows = _windows(xp, x[samples], [part])[0]
            rows = g[(samples, *part.into)]
            if depthwise:
                total += _depthwise_grad(xp, windows, rows)
            else:
                rows = rows.reshape(-1, groups, outputs).transpose(1, 2, 0)
                total += xp.matmul(rows, _columns(xp, windows, groups))

    share(xp, run, len(work))
    weight = sum(sums[lo] for lo in sorted(sums)).reshape(-1, *kernel, channels)
    return xp.ascontiguousarray(channels_first(weight)).astype(dtype, copy=False)


def _has_kernel(weight, x, y, *arrays):
    """Whether kernels are to compute with these arrays, of a weight and samples of these shapes."""
    return active(*arrays) and device.fits(weight, x, y)


# -- the pieces of a convolution -----------------------------------------------------------------


class Piece(NamedTuple):
    """A convolution that fills some of the positions of its output."""

    axes: tuple  # an Axis for each dimension
    weight: object  # (groups, taps·C/groups, O/groups)
    into: tuple  # the positions: a slice for each dimension

    def part(self, i, parts):
        """The i-th of `parts` equal pieces, cut along the first dimension."""
        axis, into = self.axes[0], self.into[0]
        first, last = axis.windows * i // parts, axis.windows * (i + 1) // parts
        axis = axis._replace(low=axis.low - first * axis.stride, windows=last - first)
        into = slice(into.start + first * into.step, into.start + last * into.step, into.step)
        return Piece((axis, *self.axes[1:]), self.weight, (into, *self.into[1:]))


def _whole(axes, weight):
    """The piece that fills all positions."""
    return Piece(axes, weight, tuple(slice(0, axis.windows, 1) for axis in axes))


def _mirror(weight, groups):
    """(O, C/groups, *kernel) -> (C, O/groups, *kernel), the taps in reverse order."""
    outputs, channels, *kernel = weight.shape
    weight = weight.reshape(groups, outputs // groups, channels, *kernel).swapaxes(1, 2)
    weight = weight.reshape(groups * channels, outputs // groups, *kernel)
    return weight[(..., *[slice(None, None, -1)] * len(kernel))]


def _matrix(weight, groups):
    """(O, C/groups, *kernel) -> (groups, taps·C/groups, O/groups), in the order of U's rows."""
    weight = array_module(weight).ascontiguousarray(channels_last(weight))
    return weight.reshape(groups, len(weight) // groups, -1).swapaxes(1, 2)


# -- the work, in tiles --------------------------------------------------------------------------


def _correlate(x, pieces, bias, y):
    """Fill y (N, *size, O) from x (N, *size, C): each piece its own positions."""
    xp = array_module(x)
    groups = len(pieces[0].weight)
    depthwise = x.shape[-1] == groups == y.shape[-1] > 1
    largest = max(pieces, key=lambda p: p.weight.size * math.prod(a.windows for a in p.axes))
    windows = [axis.windows for axis in largest.axes]
    depth = groups * (1 if depthwise else largest.weight.shape[1])
    work, parts = tiles(xp, (len(x), *windows), depth)
    cut = [[piece.part(i, parts) for piece in pieces] for i in range(parts)]
    if bias is not None:  # repeated along a row: inner loops over few channels are slow
        bias = bias[None].repeat(max(piece.axes[-1].windows for piece in pieces), 0)

    def run(lo, hi):
        for samples, i in work[lo:hi]:
            views = _windows(xp, x[samples], cut[i])
            for windows, (_, weight, into) in zip(views, cut[i], strict=True):
                there = y[(samples, *into)]
                out = there
                if not there.flags.c_contiguous:
                    out = workspace(xp, "product", there.shape, there.dtype)
                if depthwise:
                    _depthwise(xp, windows, weight, out)
                else:
                    rows = out.reshape(-1, groups, weight.shape[2]).swapaxes(0, 1)
                    xp.matmul(_columns(xp, windows, groups), weight, out=rows)
                if bias is not None:
                    out += bias[: out.shape[-2]]
                if out is not there:
                    there[...] = out

    share(xp, run, len(work))


def _spread(g, weight, bias, axes, y):
    """Fill y (N, *size, C) from the one window g (N, 1, ..., 1, O): taps go where they had read."""
    xp, size = array_module(g), y.shape[1:-1]
    outputs, channels, *kernel = weight.shape
    matrix = xp.ascontiguousarray(channels_last(weight)).reshape(outputs, -1)  # (O, taps·C)
    taps = xp.matmul(g.reshape(-1, outputs), matrix).reshape(-1, *kernel, channels)
    read, positions = [slice(None)], [slice(None)]
    for (_, _, step, low, _), k, n in zip(axes, kernel, size, strict=True):
        first = max(0, -(-low // step))  # the taps that read inside of x, and where
        count = max(0, min(k, (n - 1 + low) // step + 1) - first)
        start = first * step - low
        read.append(slice(first, first + count))
        positions.append(slice(start, start + count * step, step))
    y[...] = 0 if bias is None else bias
    y[tuple(positions)] += taps[tuple(read)]


def _scatter(g, weight, bias, axes, y):
    """Fill y (N, *size, C): the product of g (N, *windows, O) and each tap, added where it read."""
    xp, size = array_module(g), y.shape[1:-1]
    outputs, channels, *kernel = weight.shape
    matrix = weight.reshape(outputs, -1).T  # (C·taps, O)
    work, _ = tiles(xp, (len(g), 1, *g.shape[1:-1]), len(matrix))

    def run(lo, hi):
        for samples, _ in work[lo:hi]:
            rows = g[samples].reshape(-1, outputs)
            taps = workspace(xp, "columns", (len(matrix), len(rows)), g.dtype)
            xp.matmul(matrix, rows.T, out=taps)
            taps = taps.reshape(channels, *kernel, *g[samples].shape[:-1])
            # channels first here: inner loops along a row, not over few channels
            out = workspace(xp, "product", (channels, *y[samples].shape[:-1]), g.dtype)
            out[...] = 0 if bias is None else bias.reshape(-1, 1, *[1] * len(axes))
            for tap in product(*map(range, kernel)):
                both = [axis.inside(i, n) for axis, i, n in zip(axes, tap, size, strict=True)]
                windows, positions = zip(*both, strict=True)
                out[(..., *positions)] += taps[(slice(None), *tap, ..., *windows)]
            y[samples] = out.transpose(*range(1, out.ndim), 0)

    share(xp, run, len(work))


def _depthwise(xp, windows, weight, out):
    """out (m, *windows, C) = Σ over taps of windows (m, *windows, *kernel, C) · weight (C, taps, 1)

    One channel of each group makes a poor matrix product: a multiply-add for each tap instead, of
    large tiles, since two threads that call many short ufuncs wait for each other.
    """
    n = out.ndim - 2
    rows = weight[:, :, 0].T[:, None].repeat(out.shape[-2], 1)  # (taps, last windows, C)
    term = workspace(xp, "columns", out.shape, out.dtype)
    for i, tap in enumerate(product(*map(range, windows.shape[1 + n : -1]))):
        xp.multiply(windows[(..., *tap, slice(None))], rows[i], out=term if i else out)
        if i:
            out += term


def _depthwise_grad(xp, windows, g):
    """Σ over windows of windows (m, *windows, *kernel, C) · g (m, *windows, C) -> (C, 1, taps)"""
    taps = product(*map(range, windows.shape[g.ndim - 1 : -1]))
    letters = "nhwdx"[: g.ndim - 1] + "c"  # einsum does not sum over "..."
    rule = f"{letters},{letters}->c"
    grads = [xp.einsum(rule, windows[(..., *tap, slice(None))], g) for tap in taps]
    return xp.stack(grads, 1)[:, None]


# -- U -------------------------------------------------------------------------------------------


def _windows(xp, x, pieces):
    """For each piece all its windows of x (m, *size, C), as a view (m, *windows, *kernel, C)."""
    bounds = []
    for along in zip(*(piece.axes for piece in pieces), strict=True):
        starts, stops = zip(*(axis.span() for axis in along), strict=True)
        bounds.append((min(starts), max(stops)))
    block, origin = _excerpt(xp, x, bounds)
    batch, *steps, unit = block.strides
    views = []
    for axes, _, _ in pieces:
        corner = tuple(slice(-axis.low - o, None) for axis, o in zip(axes, origin, strict=True))
        along = list(zip(axes, steps, strict=True))
        view = xp.lib.stride_tricks.as_strided(
            block[(slice(None), *corner)],
            (len(x), *(a.windows for a in axes), *(a.kernel for a in axes), x.shape[-1]),
            (batch, *(s * a.stride for a, s in along), *(s * a.dilation for a, s in along), unit),
        )
        views.append(view)
    return views


def _excerpt(xp, x, bounds):
    """Positions bounds[j] = (start, stop) of x (m, *size, C), zero outside x; contiguous in memory.

    Returns the block, and the position along each dimension at which it starts.
    """
    inside = all(a >= 0 and b <= n for (a, b), n in zip(bounds, x.shape[1:-1], strict=True))
    if inside and x.flags.c_contiguous:
        return x, [0] * len(bounds)
    shape = len(x), *(b - a for a, b in bounds), x.shape[-1]
    block = workspace(xp, "padded", shape, x.dtype)
    if not inside:
        block[...] = 0
    there, here = [slice(None)], [slice(None)]
    for (a, b), n in zip(bounds, x.shape[1:-1], strict=True):
        first, last = max(a, 0), max(a, 0, min(b, n))
        there.append(slice(first, last))
        here.append(slice(first - a, last - a))
    block[tuple(here)] = x[tuple(there)]
    return block, [a for a, _ in bounds]


def _columns(xp, windows, groups):
    """U: (m, *windows, *kernel, C) -> (groups, m·windows, taps·C/groups), copied."""
    n = windows.ndim // 2 - 1
    kernel, channels = windows.shape[1 + n : -1], windows.shape[-1] // groups
    rows, depth = math.prod(windows.shape[: 1 + n]), math.prod(kernel) * channels
    if windows.flags.c_contiguous and groups == 1:  # kernel 1 and stride 1: nothing to copy
        return windows.reshape(1, rows, depth)
    run = channels
    if groups == 1 and windows.strides[-2] == channels * windows.itemsize:
        run *= kernel[-1]  # neighbouring taps are neighbours in memory
    # else tap by tap, and the transpose is returned, which OpenBLAS takes as it is
    by_row = xp is not numpy or run >= min(SHORT, windows.shape[n])
    windows = windows.reshape(*windows.shape[:-1], groups, channels)
    row, tap = range(1 + n), (*range(1 + n, 1 + 2 * n), 2 + 2 * n)
    windows = windows.transpose(1 + 2 * n, *((*row, *tap) if by_row else (*tap, *row)))
    columns = workspace(xp, "columns", windows.shape, windows.dtype)
    columns[...] = windows
    if by_row:
        return columns.reshape(groups, rows, depth)
    return columns.reshape(groups, depth, rows).swapaxes(1, 2)
