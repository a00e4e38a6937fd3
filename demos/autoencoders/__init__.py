"""Demos of auto-encoders: deck A, parts 1 to 4."""

import numpy as np

from minigen import metrics
from minigen.train import UsageError


def pca_to_beat(images, latent, *, fixed=False):
    """Test error of PCA with as many numbers as a code has, by which demos divide theirs.

    images: a `data.Images`. fixed: whether the demo has no setting `latent`. Raises UsageError if
    the error is no more than rounding: a ratio to it would say nothing.
    """
    error = metrics.pca_mse(images.train, images.test, latent)
    away = images.test - images.train.mean(0, dtype=np.float64)                 # (M, C, S, S)
    if error <= 1e-6 * (away**2).sum() / len(away):
        setting = "" if fixed else f"--set latent={latent}: "
        fix = "" if fixed else "a smaller latent, or "
        raise UsageError(f"{setting}with {latent} numbers, PCA copies {images.name} without error "
                         f"and nothing is left to beat; take {fix}pictures that vary more")
    return error
