"""How close a copy is to its original, and how close principal components (PCA) get.

Read next: ../models/autoencoders/mlp.py, whose loss is the error that these measure.
"""

import math

import numpy as np

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


def snr(signal, estimate):
    """Signal-to-noise ratio in decibels, 10·log10(Σ x² / Σ (x - x̂)²).   -> float

    signal, estimate: x and x̂, Tensors or arrays of one shape, a sound or any other signal.
    ValueError for different shapes, and for NaN or Inf.
    """
    x, estimate = as_array(signal).astype(np.float64), as_array(estimate).astype(np.float64)
    if x.shape != estimate.shape:
        raise ValueError(f"snr: the signal has shape {x.shape}, its estimate {estimate.shape}")
    if not (np.isfinite(x).all() and np.isfinite(estimate).all()):
        raise ValueError("snr: some of the samples are NaN or infinite")
    power, noise = (x**2).sum(), ((x - estimate) ** 2).sum()
    if noise == 0:
        return math.inf
    return 10 * math.log10(power / noise) if power > 0 else -math.inf


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
