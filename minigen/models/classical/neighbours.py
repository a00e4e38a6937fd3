"""Who is near whom: the k nearest samples of each, and distances of all pairs.

Idea: local methods (Isomap, LLE) read a cloud by its neighbourhoods only. In few dimensions a tree
of boxes finds them without visiting all samples; in many it visits nearly all of them, and matrix
products, some rows at a time, are faster.
Read next: isomap.py, lle.py.
"""

import numpy as np
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist

from minigen.models.classical.inputs import as_samples, refuse_nan

FEW = 10            # dimensions up to which a tree is faster, measured on Gaussian clouds
BLOCK = 1 << 22     # distances at a time: 32 MB


def squared_distances(X, Y=None):
    """‖x_i - y_j‖² of all pairs.   (N, D), (M, D), by default X itself -> (N, M) float64

    In many dimensions as ‖x‖² - 2 x·y + ‖y‖², where rounding, of up to 1e-15 times the squared
    distances to the mean, is cut off at 0; in few from the differences.
    """
    alone, X = Y is None, np.asarray(X, np.float64)
    Y = X if alone else np.asarray(Y, np.float64)
    if X.shape[1] <= FEW:
        return cdist(X, Y, "sqeuclidean")
    X, Y = X - Y.mean(0), Y - Y.mean(0)                 # the smaller the terms, the less rounding
    squares = (X**2).sum(1)[:, None] - 2 * X @ Y.T + (Y**2).sum(1)
    np.maximum(squares, 0, out=squares)
    if alone:
        np.fill_diagonal(squares, 0)
    return squares


def nearest_neighbours(X, k, queries=None):
    """The k samples of X nearest to each query, the nearest first.

    X: (N, D); queries: (M, D), by default X, each sample without itself.
    -> distances (M, k) float64, indices (M, k)
    """
    alone, X = queries is None, np.asarray(X, np.float64)
    queries = X if alone else np.asarray(queries, np.float64)
    if X.shape[1] <= FEW:
        distance, index = KDTree(X).query(queries, np.arange(1, k + 1 + alone))
        if not alone:
            return distance, index
        itself = index == np.arange(len(X))[:, None]                            # (N, k + 1)
        itself[~itself.any(1), -1] = True       # k + 1 copies of it were found first: drop one
        return distance[~itself].reshape(-1, k), index[~itself].reshape(-1, k)
    distance = np.empty((len(queries), k))
    index = np.empty((len(queries), k), np.int64)
    step = max(1, BLOCK // max(len(X), k * X.shape[1]))
    for start in range(0, len(queries), step):
        rows = slice(start, start + step)
        squares = squared_distances(queries[rows], X)                           # (B, N)
        if alone:
            squares[np.arange(len(squares)), np.arange(len(X))[rows]] = np.inf
        near = np.argpartition(squares, k - 1, axis=1)[:, :k]                   # (B, k)
        exact = np.linalg.norm(X[near] - queries[rows, None], axis=2)           # (B, k)
        order = exact.argsort(1)
        distance[rows] = np.take_along_axis(exact, order, 1)
        index[rows] = np.take_along_axis(near, order, 1)
    return distance, index


def with_neighbours(X, n_neighbors, who):
    """Samples (N, D) with enough of them for so many neighbours, all finite, as float64."""
    X = as_samples(X, who, least=2)
    refuse_nan(X, who)
    if not 1 <= n_neighbors < len(X):
        raise ValueError(f"{who}: n_neighbors={n_neighbors}; for {len(X)} samples it must be 1 to "
                         f"{len(X) - 1}")
    return X.astype(np.float64, copy=False)


def refuse_parts(graph, k, who):
    """ValueError if some samples cannot be reached from others.   graph: sparse (N, N)"""
    parts, part = connected_components(graph, directed=False)
    if parts > 1:
        raise ValueError(f"{who}: with n_neighbors={k} the samples fall into {parts} parts without "
                         f"a path between them, the smallest of {np.bincount(part).min()}; take "
                         "more neighbours, or one part at a time")
