"""What metrics take, checked once: features (N, D), labels (N,), distances of all pairs.

Idea: a metric is computed on the CPU in float64, whatever made its inputs: Tensors or arrays, on
any device, of any dtype. Distances come in blocks of rows: N² of them fit no memory for large N.
Read next: clustering.py, probes.py, retrieval.py.
"""

import numpy as np

from minigen import Tensor, from_numpy, ops
from minigen.backend import to_numpy

BLOCK = 1 << 22  # distances at a time: 32 MB in float64


def as_array(values):
    """A Tensor, array or list, on any device, as a NumPy array."""
    return np.asarray(to_numpy(values.data if isinstance(values, Tensor) else values))


def as_features(values, who):
    """(N, ...) as a float64 array (N, D). ValueError for other shapes, no rows, NaN or Inf."""
    x = as_array(values)
    if x.ndim < 2 or len(x) == 0:
        raise ValueError(f"{who}: features have shape {x.shape}, not (N, D) with N at least 1")
    x = x.reshape(len(x), -1).astype(np.float64)
    if not np.isfinite(x).all():
        raise ValueError(f"{who}: some of the features are NaN or infinite")
    return x


def as_labels(values, who, count=None):
    """(N,) integers, booleans or text, `count` of them if given. ValueError otherwise."""
    labels = as_array(values)
    if labels.ndim != 1 or len(labels) == 0:
        hint = "; argmax over the classes first?" if labels.ndim == 2 else ""
        raise ValueError(f"{who}: labels have shape {labels.shape}, not (N,){hint}")
    if count is not None and len(labels) != count:
        raise ValueError(f"{who}: {len(labels)} labels for {count} samples")
    if labels.dtype.kind == "f" and not (labels == np.round(labels)).all():
        raise ValueError(f"{who}: labels are fractions; are these scores?")
    return labels


def unit(x):
    """Rows of length 1, zero rows left as they are.   (N, D) -> (N, D)"""
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return x / np.where(length > 0, length, 1)


def distance_blocks(queries, gallery, metric="euclidean"):
    """Distances of each query to the whole gallery, some rows at a time.

    (M, D), (N, D) -> pairs of a slice of the M rows and distances (rows, N). metric: "euclidean",
    or "cosine", which is 1 - cos. ValueError for features of different sizes, or another metric.
    """
    if queries.shape[1] != gallery.shape[1]:
        raise ValueError(f"distances: features of sizes {queries.shape[1]} and {gallery.shape[1]} "
                         "cannot be compared; are they of the same network?")
    if metric not in ("euclidean", "cosine"):
        raise ValueError(f'distances: metric={metric!r}; it must be "euclidean" or "cosine"')
    if metric == "cosine":
        queries, gallery = unit(queries), unit(gallery)
    step = max(1, BLOCK // len(gallery))
    for start in range(0, len(queries), step):
        rows = slice(start, start + step)
        if metric == "cosine":
            yield rows, 1 - queries[rows] @ gallery.T
        else:
            yield rows, ops.cdist(from_numpy(queries[rows]), from_numpy(gallery)).data
