"""Where the windows of a convolution or a pooling lie: arithmetic on whole numbers, no arrays.

Idea: along one dimension, tap i of window u reads the position u·stride + i·dilation − low. Five
numbers say it all (`Axis`); n dimensions are n of them. Everything else follows: which part of the
input the windows cover, where a tap falls outside it, and which windows read a given position.

Arguments everywhere: tuples of n ints; padding: a tuple of n pairs (low, high).
Read next: conv.py, pool.py.
"""

import functools
import math
from itertools import product
from typing import NamedTuple


class Axis(NamedTuple):
    """The windows along one dimension: tap i of window u reads u·stride + i·dilation − low."""

    kernel: int
    stride: int
    dilation: int
    low: int  # zeros before position 0; if negative, positions there that no window reads
    windows: int

    def span(self):
        """The positions [start, stop) from the first window's first tap to the last one's last."""
        last = (self.windows - 1) * self.stride + (self.kernel - 1) * self.dilation
        return -self.low, last + 1 - self.low

    def inside(self, tap, size):
        """Where this tap reads inside [0, size): the windows and the positions, as two slices."""
        first = tap * self.dilation - self.low
        start = max(0, -(first // self.stride))  # -first / stride, rounded up
        stop = max(start, min(self.windows, (size - 1 - first) // self.stride + 1))
        begin, count = first + start * self.stride, stop - start
        return slice(start, stop), slice(begin, begin + count * self.stride, self.stride)


def output_size(size, kernel, stride, padding, dilation):
    """Number of windows along each dimension; below 1 where not even one fits.

    floor((low + size + high − dilation·(kernel − 1) − 1) / stride) + 1
    """
    options = zip(size, kernel, stride, padding, dilation, strict=True)
    return tuple((low + n + high - d * (k - 1) - 1) // s + 1 for n, k, s, (low, high), d in options)


@functools.lru_cache(1024)
def window_axes(size, kernel, stride, padding, dilation):
    """One Axis for each dimension. ValueError if no window fits."""
    windows = output_size(size, kernel, stride, padding, dilation)
    if min(windows) < 1:
        raise ValueError(
            f"kernel {kernel} with dilation {dilation} is larger than size {size} with padding "
            f"{padding}: pad more, or use a smaller kernel"
        )
    lows = [low for low, _ in padding]
    return tuple(map(Axis, kernel, stride, dilation, lows, windows))


def mirror_padding(padding, kernel, dilation):
    """The padding with which a stride-1 convolution by the mirrored kernel leads back."""
    reach = [(k - 1) * d for k, d in zip(kernel, dilation, strict=True)]
    return tuple((r - low, r - high) for r, (low, high) in zip(reach, padding, strict=True))


@functools.lru_cache(1024)
def residues(axes, size):
    """Who reads a position, as stride-1 convolutions over the windows.

    A list of (taps, axes, positions), n of each: the positions (slices) are read by these taps
    (slices) alone, and a convolution over these axes by the taps, mirrored, gathers what they read.
    Positions that no tap reads are in none.
    """
    along = [list(_axis_residues(axis, n)) for axis, n in zip(axes, size, strict=True)]
    return [tuple(zip(*choice, strict=True)) for choice in product(*along)]


def _axis_residues(axis, size):
    """Position q meets tap i of window u where q + low = u·stride + i·dilation: for each residue
    of q + low modulo the stride, the taps that meet it, the Axis of its convolution, its positions.
    """
    kernel, stride, dilation, low, _ = axis
    for residue in range(stride):
        taps = [i for i in range(kernel) if (i * dilation - residue) % stride == 0]
        first = (residue - low) % stride
        if not taps or first >= size:
            continue
        # The n-th position meets, by tap i, window n + shift − (i·dilation − residue) / stride:
        # a later tap, an earlier window. Mirrored taps run upwards from the earliest.
        shift = (first + low - residue) // stride
        earliest = (taps[-1] * dilation - residue) // stride
        common = math.gcd(stride, dilation)
        yield (
            slice(taps[0], None, stride // common),
            Axis(len(taps), 1, dilation // common, earliest - shift, -((first - size) // stride)),
            slice(first, size, stride),
        )
