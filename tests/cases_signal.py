"""Rows of the short-time Fourier transform: ops/signal.py.

Read next: cases_row.py (the words used here), test_signal.py.
"""

import numpy as np
from cases_row import case, normal, positive, run

from minigen import ops


def centred(window, n_fft, win_length):
    """The window, ones by default, in the middle of a frame."""
    size = win_length or n_fft
    frame = np.zeros(n_fft)
    left = (n_fft - size) // 2
    frame[left : left + size] = 1 if window is None else window
    return frame


def stft_by_loops(
    x, window=None, *, n_fft, hop_length=None, win_length=None, center=True, pad_mode="reflect",
    normalized=False, onesided=True,
):
    """Every coefficient by its definition: one sum over one frame."""
    modes = {"replicate": "edge", "circular": "wrap"}
    if center:
        around = [(0, 0)] * (x.ndim - 1) + [(n_fft // 2,) * 2]
        x = np.pad(x, around, modes.get(pad_mode, pad_mode))
    window, hop = centred(window, n_fft, win_length), hop_length or max(1, n_fft // 4)
    count, bins = 1 + (x.shape[-1] - n_fft) // hop, n_fft // 2 + 1 if onesided else n_fft
    y = np.zeros((*x.shape[:-1], bins, count, 2))
    for k, t in np.ndindex(bins, count):
        wave = window * np.exp(-2j * np.pi * k * np.arange(n_fft) / n_fft)
        value = (x[..., t * hop : t * hop + n_fft] * wave).sum(-1)
        y[..., k, t, 0], y[..., k, t, 1] = value.real, value.imag
    return y / np.sqrt(n_fft) if normalized else y


def istft_by_loops(
    x, window=None, *, n_fft, hop_length=None, win_length=None, center=True, normalized=False,
    onesided=True, length=None,
):
    """Every frame by the inverse sum over its frequencies, added one after another."""
    window, hop = centred(window, n_fft, win_length), hop_length or max(1, n_fft // 4)
    count = x.shape[-2]
    total = np.zeros((*x.shape[:-3], n_fft + hop * (count - 1)))
    weight = np.zeros(total.shape[-1])
    for t in range(count):
        here = slice(t * hop, t * hop + n_fft)
        weight[here] += window**2
        for k in range(n_fft):  # those above the middle are conjugates of those below
            re, im = (x[..., min(k, n_fft - k), t, part] for part in (0, 1))
            angle = 2 * np.pi * k * np.arange(n_fft) / n_fft
            im = im if k <= n_fft - k else -im
            wave = re[..., None] * np.cos(angle) - im[..., None] * np.sin(angle)
            total[..., here] += window * wave / (np.sqrt(n_fft) if normalized else n_fft)
    start = n_fft // 2 if center else 0
    stop = len(weight) - start if length is None else start + length
    y = total[..., start:stop] / weight[start:stop]
    missing = 0 if length is None else length - y.shape[-1]
    return np.pad(y, [(0, 0)] * (y.ndim - 1) + [(0, missing)])


def stft(x, window=None, **options):
    return ops.stft(x, window=window, **options)


def istft(x, window=None, **options):
    return ops.istft(x, window=window, **options)


SIGNAL = [
    case(
        "stft", stft, stft_by_loops,
        [
            run((9,), n_fft=4),
            run((2, 7), (4,), n_fft=4, hop_length=2),
            run((8,), (3,), n_fft=5, hop_length=3, win_length=3, center=False),
            run((6,), n_fft=4, pad_mode="constant", normalized=True),
            run((5,), n_fft=4, hop_length=3, pad_mode="replicate"),
            run((5,), (3,), n_fft=3, hop_length=2, pad_mode="circular", onesided=False),
            run((6,), n_fft=4, onesided=False),
            run((3,), n_fft=1, hop_length=2),
            run((3,), n_fft=2, hop_length=4),
            run((0, 6), n_fft=4),
        ],
        normal, positive,
        linear=(0, 1),
    ),
    case(
        "istft", istft, istft_by_loops,
        [
            run((3, 4, 2), n_fft=4),
            run((2, 3, 3, 2), (4,), n_fft=4, hop_length=2),
            run((3, 2, 2), (3,), n_fft=5, hop_length=2, win_length=3, length=2),
            run((3, 3, 2), (5,), n_fft=5, hop_length=3, center=False, normalized=True),
            run((3, 2, 2), n_fft=4, hop_length=3, length=9),
            run((4, 3, 2), n_fft=4, onesided=False),
            run((5, 2, 2), n_fft=5, onesided=False, length=3),
            run((1, 3, 2), n_fft=1),
            run((0, 3, 2, 2), n_fft=4),
        ],
        normal, positive,
        linear=(0,),
    ),
]  # fmt: skip
