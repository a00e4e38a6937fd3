"""How close a copy is to its original, and how close principal components (PCA) get.

Read next: ../models/autoencoders/mlp.py, whose loss is the error that these measure.
"""

import math

import numpy as np

from minigen import from_numpy, ops
from minigen.metrics.inputs import as_array, as_features


def psnr(mse, pixels, peak=1.0):
    """Peak signal-to-noise ratio in decibels, 10·log10(peak² / error per pixel).   -> float

    mse: squared error of an image, summed over its pixels, a number; peak: a pixel's largest value.
    ValueError for an error below 0, or no pixels.
    """
    mse = float(as_array(mse))
    if not mse >= 0 or pixels < 1:
        raise ValueError(f"psnr: error {mse:g} of {pixels} pixels; at least 0, and 1 pixel")
    return math.inf if mse == 0 else 10 * math.log10(peak**2 * pixels / mse)


def _sounds(who, signal, estimate):
    """Both as float64 arrays. ValueError for different shapes, NaN or Inf."""
    x, estimate = as_array(signal).astype(np.float64), as_array(estimate).astype(np.float64)
    if x.shape != estimate.shape:
        raise ValueError(f"{who}: the signal has shape {x.shape}, its estimate {estimate.shape}")
    if not (np.isfinite(x).all() and np.isfinite(estimate).all()):
        raise ValueError(f"{who}: some of the samples are NaN or infinite")
    return x, estimate


def snr(signal, estimate):
    """Signal-to-noise ratio in decibels, 10·log10(Σ x² / Σ (x - x̂)²).   -> float

    signal, estimate: x and x̂, Tensors or arrays of one shape, a sound or any other signal.
    ValueError for different shapes, and for NaN or Inf.
    """
    x, estimate = _sounds("snr", signal, estimate)
    power, noise = (x**2).sum(), ((x - estimate) ** 2).sum()
    if noise == 0:
        return math.inf
    return 10 * math.log10(power / noise) if power > 0 else -math.inf


def segmental_snr(signal, estimate, frame=256):
    """Mean over short frames of their signal-to-noise ratio, in decibels.   -> float

    Unlike `snr`, which the loud passages decide, it counts soft ones as much. signal, estimate:
    (..., L), L at least a frame; what is left after whole frames is not looked at. Each frame's
    ratio is held within -10 and 35 dB. Frames 40 dB or more below a sound's loudest are pauses, and
    left out: in silence any error is infinitely large.
    ValueError for sounds of different shapes or shorter than a frame, NaN or Inf, silence alone.
    Source: Hansen & Pellom, An effective quality evaluation protocol for speech enhancement
    algorithms, ICSLP 1998.
    """
    x, estimate = _sounds("segmental_snr", signal, estimate)
    frames = x.shape[-1] // frame if x.ndim else 0
    if frames == 0 or not x[..., : frames * frame].any():
        raise ValueError(f"segmental_snr: sounds of shape {x.shape} have no frame of {frame} "
                         "samples, or no sound in them")
    shape = (*x.shape[:-1], frames, frame)
    x, estimate = (v[..., : frames * frame].reshape(shape) for v in (x, estimate))
    power, noise = (x**2).sum(-1), ((x - estimate) ** 2).sum(-1)                # (..., T)
    heard = power > 1e-4 * power.max(-1, keepdims=True)
    ratio = power[heard] / np.maximum(noise[heard], 1e-4 * power[heard])        # 40 dB at most
    return float(np.clip(10 * np.log10(ratio), -10, 35).mean())


def log_spectral_distance(signal, estimate, window=256):
    """How far the loudness of frequencies is off, in decibels.   -> float

        mean over frames of √ mean over frequencies of (10·log10 |X|² / |X̂|²)²

    X, X̂: short-time spectra, periodic Hann windows, half of one apart; what is 60 dB or more below
    the signal's loudest counts as 60 dB below. Phases do not matter. signal, estimate: (L,) or
    (B, L), L more than half a window. ValueError for different shapes, NaN or Inf, a silent sound.
    Source: Gray & Markel, Distance measures for speech processing, 1976.
    """
    x, estimate = _sounds("log_spectral_distance", signal, estimate)
    if not x.any(-1).all():
        raise ValueError("log_spectral_distance: the signal is silent, or a sound of it is")
    hann = from_numpy(np.hanning(window + 1)[:-1])
    X, Y = (ops.stft(from_numpy(v), window, window // 2, window=hann).data for v in (x, estimate))
    power, other = (X**2).sum(-1), (Y**2).sum(-1)                               # (..., F, T)
    floor = 1e-6 * power.max((-2, -1), keepdims=True)
    decibels = 10 * np.log10(np.maximum(power, floor) / np.maximum(other, floor))
    return float(np.sqrt((decibels**2).mean(-2)).mean())


def pca_mse(train, test, components):
    """Squared error per test image of the best linear auto-encoder, fitted to train.   -> float

        x̂ = m + V Vᵀ (x - m)      m the mean, V the first principal directions of train

    The sum over the pixels, the mean over the images. train, test: (N, ...), Tensors or arrays.
    components: how many, 0 for the mean alone; at most all directions that train has.
    ValueError for images of two sizes, NaN or Inf, or components below 0.
    Source: Eckart & Young, The approximation of one matrix by another of lower rank, 1936.
    """
    train, test = (as_features(x, "pca_mse") for x in (train, test))            # (N, D), (M, D)
    if train.shape[1] != test.shape[1] or components < 0:
        raise ValueError(
            f"pca_mse: {components} components of {train.shape[1]} pixels, for images of "
            f"{test.shape[1]}; at least 0, and sizes must be equal"
        )
    mean = train.mean(0)
    train, test = train - mean, test - mean
    # XᵀX v = λ v and X Xᵀ u = λ u have the same λ > 0, with v = Xᵀu / √λ: take the smaller matrix
    wide = train.shape[0] < train.shape[1]
    values, vectors = np.linalg.eigh(train @ train.T if wide else train.T @ train)
    kept = np.flatnonzero(values > 1e-10 * values[-1])
    kept = kept[max(len(kept) - components, 0) :]
    directions = vectors[:, kept]                                               # (D or N, K)
    if wide:
        directions = train.T @ directions / np.sqrt(values[kept])               # (D, K)
    residual = test - test @ directions @ directions.T
    return float((residual**2).sum(1).mean())
