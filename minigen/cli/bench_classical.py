"""The classical methods that `minigen bench classical` times, on minigen or on scikit-learn.

Idea: the same data, and the same work: as many turns, neighbours and components, and exact methods
on both sides. A case is a function of the side and the number of samples that returns a function to
time. The data are made once a process, before memory is measured: the peak is what a method needs
beside them.
Read next: bench.py (how cases are timed).
"""

import importlib
import warnings
from functools import lru_cache
from types import SimpleNamespace

import numpy as np

from minigen import metrics
from minigen.data import toy2d
from minigen.models import classical
from minigen.models.classical.neighbours import squared_distances

LEAST = 200         # samples: with fewer, some methods have too few neighbours
APART = ("tsne",)   # no limit is set for its ratio, and means of ratios leave it out
BLOCK = 10_000      # rows made together


def sklearn_side(threads, device):
    """scikit-learn, where it is installed. ImportError where not.

    It takes all cores by itself, and only computes on the CPU.
    """
    from sklearn.exceptions import ConvergenceWarning

    warnings.simplefilter("ignore", ConvergenceWarning)     # so many turns are asked for, no more
    return SimpleNamespace(name="sklearn", wait=lambda: None)


def _case(ours, theirs, data):
    """The function that builds a case.

    ours, theirs: (module, name of the method, a step: method, data -> result); data: n -> data.

    The case is None for a scikit-learn that has no such method, as an older one may.
    """

    def build(side, n=None):
        module, name, step = ours if side.name == "minigen" else theirs
        method = getattr(importlib.import_module(module), name, None)
        if method is None:
            return None
        given = data(n and max(n, LEAST))
        return lambda: step(method, given)

    return build


def _minigen(place, name, step):
    return f"{classical.__name__}.{place}", name, step


def _sklearn(place, name, step):
    return f"sklearn.{place}", name, step


# ---- data


@lru_cache(1)
def _cloud(n, d):
    """Groups that overlap: no clustering of them is soon at its end.   -> (n, d)"""
    rng = np.random.default_rng(0)
    middles = rng.standard_normal((16, d))
    X = np.empty((n, d))
    for start in range(0, n, BLOCK):    # beside X, no memory that would hide a method's own
        x = X[start : start + BLOCK]
        rng.standard_normal(out=x)
        x += middles[rng.integers(16, size=len(x))]
    return X


def cloud(full, d):
    """n -> the first n rows of a cloud (full, d); all for None."""
    return lambda n: _cloud(full, d)[:n]


def roll(n):
    """A sheet rolled up in space.   -> (n, 3)"""
    return toy2d.swiss_roll(n or 1000, 0).points


@lru_cache(1)
def _table_of_distances():
    return np.sqrt(squared_distances(roll(None)))


def distances(n):
    """Of the roll's samples, and a map to begin with.   -> (n, n), (n, 2)"""
    D = _table_of_distances()[:n, :n]
    return D, np.random.default_rng(0).standard_normal((len(D), 2))


def regression(n):
    """Ten of a hundred features count.   -> (n, 100), (n,)"""
    X = cloud(5000, 100)(n)
    return X, X[:, :10].sum(1) + np.random.default_rng(1).standard_normal(len(X))


# ---- the cases

SAME_STEP = {"max_iter": 20, "tol": 0}      # twenty turns, converged or not


def _fit(*arguments, **options):
    """A step that fits the method to the data."""
    return lambda method, X: method(*arguments, **options).fit(X)


def _kmeans(n):
    ours = _fit(16, **SAME_STEP)
    theirs = _fit(16, n_init=1, random_state=0, algorithm="lloyd", **SAME_STEP)
    return _case(_minigen("kmeans", "KMeans", ours), _sklearn("cluster", "KMeans", theirs),
                 cloud(n, 64))


def _pca(n):
    return _case(_minigen("pca", "PCA", _fit(16, standardize=False)),
                 _sklearn("decomposition", "PCA", _fit(16)), cloud(n, 64))


CASES = {
    "pca_100k_64": _pca(100_000),
    "pca_1m_64": _pca(1_000_000),
    "kmeans_100k_64": _kmeans(100_000),
    "kmeans_1m_64": _kmeans(1_000_000),
    "mini_batch_kmeans": _case(
        _minigen("kmeans", "MiniBatchKMeans", _fit(16, max_iter=2)),
        _sklearn("cluster", "MiniBatchKMeans", _fit(
            16, max_iter=2, batch_size=1024, max_no_improvement=None, reassignment_ratio=0,
            n_init=1, random_state=0)),
        cloud(100_000, 64)),
    "gaussian_mixture": _case(
        _minigen("mixture", "GaussianMixture", _fit(8, **SAME_STEP)),
        _sklearn("mixture", "GaussianMixture", _fit(8, random_state=0, **SAME_STEP)),
        cloud(20_000, 8)),
    "kde": _case(
        _minigen("kde", "KernelDensity", lambda method, X: method(0.3).fit(X).score_samples(X)),
        _sklearn("neighbors", "KernelDensity", lambda method, X: method(bandwidth=0.3).fit(X)
                 .score_samples(X)),
        cloud(5000, 2)),
    "isomap": _case(_minigen("isomap", "Isomap", _fit(10)),
                    _sklearn("manifold", "Isomap", _fit(n_neighbors=10)), roll),
    "lle": _case(
        _minigen("lle", "LocallyLinearEmbedding", _fit(12)),
        _sklearn("manifold", "LocallyLinearEmbedding", _fit(n_neighbors=12, random_state=0)),
        roll),
    "classical_mds": _case(
        _minigen("mds", "ClassicalMDS", lambda method, D: method(metric="precomputed").fit(D[0])),
        _sklearn("manifold", "ClassicalMDS", lambda method, D: method(metric="precomputed")
                 .fit(D[0])),
        distances),
    "smacof": _case(
        _minigen("mds", "MDS", lambda method, D: method(
            metric="precomputed", init=D[1], max_iter=50, eps=0).fit(D[0])),
        _sklearn("manifold", "smacof", lambda method, D: method(
            D[0], init=D[1], n_init=1, max_iter=50, eps=0)),
        distances),
    "lasso": _case(
        _minigen("lasso", "Lasso", lambda method, data: method(0.1 * len(data[1])).fit(*data)),
        _sklearn("linear_model", "Lasso", lambda method, data: method(0.1, tol=1e-10).fit(*data)),
        regression),
    "silhouette": _case(
        (metrics.__name__, "silhouette_score", lambda method, X: method(X, np.arange(len(X)) % 8)),
        _sklearn("metrics", "silhouette_score", lambda method, X: method(
            X, np.arange(len(X)) % 8)),
        cloud(5000, 16)),
    "tsne": _case(
        _minigen("tsne", "TSNE", _fit(max_iter=500)),
        _sklearn("manifold", "TSNE", _fit(method="exact", max_iter=500, n_iter_without_progress=500,
                                          min_grad_norm=0)),
        cloud(500, 16)),
}
