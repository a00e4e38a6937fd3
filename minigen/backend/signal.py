"""Frames of signals and their spectra, on arrays.

Idea: two pairs of maps, each the adjoint of the other. Windows cut a signal into frames that
overlap; adding weighted frames where they came from is the adjoint. A frame's spectrum is its
Fourier transform for the frequencies from 0 on; the adjoint is an inverse transform that counts the
others, which mirror them, not at all. A complex number is a last dimension (real, imaginary).
Invariant: results are new memory, never a view of overlapping frames.
Read next: ../ops/signal.py.
"""

import numpy as np

from minigen.backend import array_module, fft_module, ndarray
from minigen.backend.linalg import back, wide


def windowed(x, window, hop):
    """y[..., t, i] = x[..., t·hop + i]·window[i].   (..., L), (n,) -> (..., T, n)"""
    n, step = window.size, x.strides[-1]
    count = max(0, 1 + (x.shape[-1] - n) // hop)
    strided = array_module(x).lib.stride_tricks.as_strided
    return strided(x, (*x.shape[:-1], count, n), (*x.strides[:-1], step * hop, step)) * window


def overlap_add(y, window, hop, length):
    """x[..., t·hop + i] += y[..., t, i]·window[i], the adjoint of `windowed`.   -> (..., length)

    Frame by frame would be a loop over frames: here hop elements of every frame are added at once.
    """
    count, n = y.shape[-2:]
    rows = max(-(-length // hop), count - 1 + -(-n // hop))
    sums = np.result_type(y.dtype, window.dtype, "float32")
    x = array_module(y).zeros((*y.shape[:-2], rows, hop), sums)
    for row, start in enumerate(range(0, n, hop)):
        part = y[..., start : start + hop] * window[start : start + hop]
        x[..., row : row + count, : part.shape[-1]] += part
    return back(x.reshape(*x.shape[:-2], rows * hop)[..., :length], y, window)


def rfft(x, twice):
    """Σ_t x[t]·exp(-2πi·k·t/n), k = 0 ... n//2.   (..., n) -> (..., n//2 + 1, 2)

    twice: times 2 for each k that has a mirror, n - k: all but 0 and, for even n, the last. So the
    adjoint is n times the inverse transform.
    """
    y = array_module(x).ascontiguousarray(fft_module(x).rfft(wide(x)))
    if twice:
        y[..., 1 : (x.shape[-1] + 1) // 2] *= 2
    parts = y.view("float32" if y.dtype.itemsize == 8 else "float64")
    return back(parts.reshape(*y.shape, 2), x)


def rfft_adjoint(y, n, twice):
    """Σ_k (1, or 2 if twice)·(y[k, 0]·cos(2πkt/n) - y[k, 1]·sin(2πkt/n)).   -> (..., n)"""
    parts = wide(y)
    if type(y) is not ndarray or parts.strides[-1] != parts.itemsize:  # else complex in any order
        parts = array_module(y).ascontiguousarray(parts)
    half = parts.view("complex64" if parts.dtype.itemsize == 4 else "complex128")[..., 0]
    if not twice:  # irfft counts a k that has a mirror twice
        half = half.copy()
        half[..., 1 : (n + 1) // 2] *= 0.5
    return back(fft_module(y).irfft(half, n, norm="forward"), y)
