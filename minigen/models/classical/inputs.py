"""What the methods of this chapter take: samples as rows, checked once.

Read next: pca.py.
"""

import numpy as np

from minigen import Tensor
from minigen.backend import to_numpy


def as_samples(X, who, features=None, least=1):
    """Samples (N, D), a Tensor, array or nested list, as a NumPy array.

    Numbers of a float type stay as they are, so that a file mapped into memory is not read; others
    become float64. features: D, where an earlier fit has settled it; least: of N.
    ValueError, beginning with `who`, for other shapes, fewer rows, or no numbers.
    """
    X = np.asanyarray(to_numpy(X.data if isinstance(X, Tensor) else X))
    if X.ndim != 2:
        hint = "; for one feature, X[:, None]" if X.ndim == 1 else ""
        hint = "; flatten each picture first: X.reshape(len(X), -1)" if X.ndim > 2 else hint
        raise ValueError(f"{who}: X has shape {X.shape}, not (samples, features){hint}")
    if len(X) < least or X.shape[1] < 1:
        raise ValueError(f"{who}: X has shape {X.shape}; it takes at least {least} samples of one "
                         "feature")
    if features is not None and X.shape[1] != features:
        raise ValueError(f"{who}: X has {X.shape[1]} features; fitted to {features}")
    if X.dtype.kind not in "fiub":
        raise ValueError(f"{who}: X holds {X.dtype}, not numbers")
    return X if X.dtype.kind == "f" else X.astype(np.float64)


def refuse_nan(values, who, what="X"):
    """ValueError if an array, or what was computed from one, is not finite everywhere."""
    if not np.isfinite(values).all():
        raise ValueError(f"{who}: {what} holds NaN or infinite numbers; leave those samples out, "
                         "or fill them in")


def fitted(model, attribute):
    """The attribute that `fit` sets; RuntimeError before it."""
    if not hasattr(model, attribute):
        raise RuntimeError(f"{type(model).__name__}: call fit first")
    return getattr(model, attribute)
