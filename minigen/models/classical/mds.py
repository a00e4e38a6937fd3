r"""Multidimensional scaling: a map from a table of distances.

Classical scaling. If the table holds distances of points, their squares hold the points' scalar
products: centring rows and columns takes the rest away. The products' eigenvectors are coordinates.

$$ B = -\tfrac12 J D^{(2)} J, \quad J = I - \tfrac1n 1 1^\top, \qquad B = V \Lambda V^\top,
   \qquad Y = V_k \Lambda_k^{1/2} $$

Of Euclidean distances this is PCA: the same scores, up to signs, without knowing the points. A new
sample's squared distances d² to the n fitted ones give its coordinates the same way (Gower, 1968):
y = ½ Λ_k^{-1/2} V_kᵀ (m - d²), m the means of the columns of D⁽²⁾.

Metric scaling. Where no map has the table's distances δ exactly, classical scaling fits scalar
products, not distances. SMACOF lowers the stress itself: it moves every point to the mean of where
the others, one by one, would have it. This minimises a parabola that touches the stress from above,
so that the stress never rises.

$$ \sigma(Y) = \sum_{i<j} (d_{ij}(Y) - \delta_{ij})^2, \qquad
   Y \leftarrow \tfrac1n B(Y) Y, \quad b_{ij} = -\delta_{ij} / d_{ij}, \quad
   b_{ii} = -\sum_{j \ne i} b_{ij} $$

Symbols: D, δ (N, N), D⁽²⁾ its squares · Y (N, K) · V (N, K) eigenvectors, Λ eigenvalues
Course: deck A, « projections non-linéaires (t-SNE, MDS, ...) »; item C-11.
Source: Torgerson, Psychometrika 1952; Kruskal, Psychometrika 1964; de Leeuw, Applications of
convex analysis to multidimensional scaling, 1977.
Read next: isomap.py (distances along a surface), tsne.py (a map of neighbourhoods).
"""

import numpy as np
from scipy.linalg import eigh
from scipy.sparse.linalg import eigsh

from minigen.models.classical.inputs import as_samples, fitted, refuse_nan
from minigen.models.classical.neighbours import squared_distances

SMALL = 200     # samples up to which all eigenvectors are found as fast as a few


class ClassicalMDS:
    """Classical scaling, by eigenvectors.

    n_components: K. metric: "euclidean", the distances of samples X (N, D), or "precomputed", where
    X is the table itself, (N, N), symmetric, zeros on its diagonal.
    After fit: embedding_ (N, K), eigenvalues_ (K,), the largest of B, in falling order. A negative
    one belongs to no direction of space: its coordinate is 0.
    """

    def __init__(self, n_components=2, metric="euclidean"):
        self.n_components, self.metric = n_components, metric

    def fit(self, X):
        """Find the map.   (N, D) or (N, N) -> self"""
        who = "ClassicalMDS"
        self._samples, distances = measured(X, self.metric, self.n_components, who)
        squares = distances**2                                                  # (N, N)
        self._mean = squares.mean(0)                                            # (N,)
        B = -0.5 * (squares - self._mean - self._mean[:, None] + self._mean.mean())
        self.eigenvalues_, self._vectors = largest_eigenpairs(B, self.n_components)
        self.embedding_ = self._vectors * np.sqrt(np.maximum(self.eigenvalues_, 0))
        return self

    def fit_transform(self, X):
        """fit, and the map.   -> (N, K)"""
        return self.fit(X).embedding_

    def transform(self, X):
        """Places of new samples on the map.   (M, D), or distances (M, N) to the fitted -> (M, K)

        Exact for new points of the same K-dimensional plane; the fitted samples come out where
        they are.
        """
        vectors = fitted(self, "_vectors")                                      # (N, K)
        known = len(vectors) if self._samples is None else self._samples.shape[1]
        X = as_samples(X, "ClassicalMDS.transform", features=known)
        squares = X**2 if self._samples is None else squared_distances(X, self._samples)
        scale = np.sqrt(np.maximum(self.eigenvalues_, 0))                       # (K,)
        real = scale > 1e-8 * scale[0]
        inverse = np.where(real, 0.5 / np.where(real, scale, 1), 0)
        return (self._mean - squares) @ vectors * inverse                       # (M, K)


class MDS:
    """Metric scaling by SMACOF.

    n_components, metric: as for ClassicalMDS. init: "classical", or an array (N, K) to begin with.
    It stops after max_iter steps, or when one lowers the stress by less than eps times itself.
    After fit: embedding_ (N, K), stress_, the sum over pairs; stresses_, from the start on.
    """

    def __init__(self, n_components=2, metric="euclidean", *, init="classical", max_iter=300,
                 eps=1e-6):
        self.n_components, self.metric = n_components, metric
        self.init, self.max_iter, self.eps = init, max_iter, eps

    def fit(self, X):
        """Find the map.   (N, D) or (N, N) -> self"""
        _, wanted = measured(X, self.metric, self.n_components, "MDS")           # δ (N, N)
        Y = self._start(wanted)
        distances = np.sqrt(squared_distances(Y))                               # d (N, N)
        stresses = [stress(distances, wanted)]
        for _ in range(self.max_iter):
            # b_ij = -δ/d; where two points coincide it has no direction to push them: 0
            B = -np.divide(wanted, distances, out=np.zeros_like(wanted), where=distances > 0)
            np.fill_diagonal(B, -B.sum(1))                  # the diagonal was 0: δ_ii = 0
            Y = B @ Y / len(Y)                                                  # (N, K)
            distances = np.sqrt(squared_distances(Y))
            stresses.append(stress(distances, wanted))
            if stresses[-2] - stresses[-1] <= self.eps * stresses[-2]:
                break
        self.embedding_, self.stress_, self.stresses_ = Y, stresses[-1], np.array(stresses)
        return self

    def fit_transform(self, X):
        """fit, and the map.   -> (N, K)"""
        return self.fit(X).embedding_

    def _start(self, wanted):
        """The map to begin with.   -> (N, K)"""
        if isinstance(self.init, str):
            if self.init != "classical":
                raise ValueError(f'MDS: init={self.init!r}; it is "classical" or an array (N, K)')
            return ClassicalMDS(self.n_components, "precomputed").fit_transform(wanted)
        Y = as_samples(self.init, "MDS, init").astype(np.float64)
        if Y.shape != (len(wanted), self.n_components):
            raise ValueError(f"MDS: init has shape {Y.shape}, not "
                             f"{(len(wanted), self.n_components)}")
        return Y


def stress(distances, wanted):
    """Σ_{i<j} (d_ij - δ_ij)².   (N, N), (N, N) -> float"""
    return float(((distances - wanted) ** 2).sum() / 2)


def measured(X, metric, n_components, who):
    """What a method of distances was given, checked.   -> samples or None, distances (N, N)"""
    if metric not in ("euclidean", "precomputed"):
        raise ValueError(f'{who}: metric={metric!r}; it must be "euclidean" or "precomputed"')
    X = as_samples(X, who, least=2)
    refuse_nan(X, who)
    if not 1 <= n_components < len(X):
        raise ValueError(f"{who}: n_components={n_components}; for {len(X)} samples it must be 1 "
                         f"to {len(X) - 1}")
    if metric == "euclidean":
        return X, np.sqrt(squared_distances(X))
    if X.shape[0] != X.shape[1]:
        raise ValueError(f'{who}: metric="precomputed" takes a table (N, N), not {X.shape}')
    if (X < 0).any() or X.diagonal().any() or abs(X - X.T).max() > 1e-6 * X.max():
        raise ValueError(f"{who}: no table of distances: they are at least 0, symmetric, and 0 on "
                         "the diagonal")
    return None, (X + X.T) / 2


def largest_eigenpairs(B, k):
    """The k largest eigenvalues of a symmetric matrix, falling, and their eigenvectors.

    Of each vector the largest entry is positive.   (N, N) -> (k,), (N, k)
    """
    if len(B) <= SMALL:
        values, vectors = eigh(B, subset_by_index=(len(B) - k, len(B) - 1))
    else:       # a start that is random: a constant one would be an eigenvector already
        start = np.random.default_rng(0).standard_normal(len(B))
        values, vectors = eigsh(B, k, which="LA", v0=start)
    order = values.argsort()[::-1]
    return values[order], with_signs(vectors[:, order])


def with_signs(vectors):
    """Columns turned so that each one's entry of largest size is positive.   (N, k) -> (N, k)"""
    largest = vectors[abs(vectors).argmax(0), np.arange(vectors.shape[1])]
    return vectors * np.where(largest < 0, -1, 1)
