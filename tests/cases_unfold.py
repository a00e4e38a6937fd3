"""Rows of ops/unfold.py: windows as columns, channels as pixels.

Read next: cases_row.py (the words used here).
"""

import numpy as np
from cases_row import run
from cases_shape import shape_op

from minigen import ops


def both(value):
    return value if isinstance(value, tuple) else (value, value)


def reads(size, kernel_size, dilation=1, padding=0, stride=1):
    """(tap, window, where it reads) of every tap in every window, each a pair, by rows."""
    kernel, d, p, s = map(both, (kernel_size, dilation, padding, stride))
    counts = [(size[j] + 2 * p[j] - d[j] * (kernel[j] - 1) - 1) // s[j] + 1 for j in (0, 1)]
    for tap in np.ndindex(*kernel):
        for window in np.ndindex(*counts):
            yield tap, window, tuple(window[j] * s[j] + tap[j] * d[j] - p[j] for j in (0, 1))


def unfolded(x, **options):
    """x read tap by tap, window by window; 0 outside."""
    x = x if x.ndim == 4 else x[None]
    rows = {}
    for tap, _, (i, j) in reads(x.shape[2:], **options):
        inside = 0 <= i < x.shape[2] and 0 <= j < x.shape[3]
        rows.setdefault(tap, []).append(x[:, :, i, j] if inside else np.zeros(x.shape[:2]))
    columns = np.array(list(rows.values()))  # (taps, L, N, C)
    taps, windows, samples, channels = columns.shape
    return columns.transpose(2, 3, 0, 1).reshape(samples, channels * taps, windows)


def folded(x, output_size, **options):
    """Each element of the columns added to the place that unfold reads."""
    taps = int(np.prod(both(options["kernel_size"])))
    columns = x.reshape(*x.shape[:-2], x.shape[-2] // taps, taps, x.shape[-1])
    y = np.zeros((*columns.shape[:-2], *both(output_size)))
    for k, (_, _, (i, j)) in enumerate(reads(both(output_size), **options)):
        if 0 <= i < y.shape[-2] and 0 <= j < y.shape[-1]:
            y[..., i, j] += columns[..., k // x.shape[-1], k % x.shape[-1]]
    return y


def shuffled(x, upscale_factor):
    r = upscale_factor
    *batch, channels, h, w = x.shape
    y = np.empty((*batch, channels // r**2, h * r, w * r))
    for c, i, j in np.ndindex(*y.shape[-3:]):
        y[..., c, i, j] = x[..., c * r * r + i % r * r + j % r, i // r, j // r]
    return y


def unshuffled(x, downscale_factor):
    r = downscale_factor
    *batch, channels, h, w = x.shape
    y = np.empty((*batch, channels * r * r, h // r, w // r))
    for c, i, j in np.ndindex(channels, h, w):
        y[..., c * r * r + i % r * r + j % r, i // r, j // r] = x[..., c, i, j]
    return y


UNFOLDING = [
    shape_op(
        "unfold", ops.unfold, lambda x, **o: unfolded(x, **o)[0 if x.ndim == 3 else slice(None)],
        run((1, 2, 3, 3), kernel_size=2),
        run((2, 1, 3, 4), kernel_size=(1, 3), padding=1, stride=2),
        run((1, 1, 4, 5), kernel_size=2, dilation=(2, 3), padding=(0, 2)),
        run((2, 3, 2), kernel_size=(3, 1), stride=(1, 2)),
        run((1, 1, 1, 1), kernel_size=3, padding=(3, 1)),
        run((0, 2, 2, 2), kernel_size=2),
    ),
    shape_op(
        "fold", ops.fold, folded,
        run((1, 8, 4), output_size=3, kernel_size=2),
        run((2, 3, 6), output_size=(3, 4), kernel_size=(1, 3), padding=1, stride=2),
        run((1, 4, 12), output_size=(4, 4), kernel_size=2, dilation=(3, 2), padding=(1, 1)),
        run((6, 2), output_size=(3, 2), kernel_size=(3, 1), stride=(2, 1)),
        run((0, 4, 1), output_size=2, kernel_size=2),
    ),
    shape_op(
        "pixel_shuffle", ops.pixel_shuffle, shuffled,
        run((1, 4, 2, 3), upscale_factor=2),
        run((2, 2, 1), upscale_factor=1),
        run((1, 2, 9, 1, 2), upscale_factor=3),
        run((2, 8, 1, 0), upscale_factor=2),
    ),
    shape_op(
        "pixel_unshuffle", ops.pixel_unshuffle, unshuffled,
        run((1, 1, 4, 6), downscale_factor=2),
        run((2, 2, 1), downscale_factor=1),
        run((1, 2, 1, 3, 6), downscale_factor=3),
        run((2, 2, 0, 2), downscale_factor=2),
    ),
]
