r"""Locally linear embedding: every sample is a mean of its neighbours, on the map as in space.

On a smooth sheet a small neighbourhood is flat. So each sample can be written as a weighted mean of
its k nearest ones, and those weights do not change when the neighbourhood is moved, turned or
stretched: they belong to the sheet, not to how it lies in space. The map is where the same weights
fit best.

$$ \min_w \big\|x_i - \sum_j w_{ij} x_j\big\|^2, \; \sum_j w_{ij} = 1: \qquad
   w_i = \frac{C^{-1} 1}{1^\top C^{-1} 1}, \quad C_{jl} = (x_i - x_j)^\top (x_i - x_l) $$
$$ \min_Y \sum_i \big\|y_i - \sum_j w_{ij} y_j\big\|^2 = \mathrm{tr}\, Y^\top M Y, \qquad
   M = (I - W)^\top (I - W) $$

With mean 0 and covariance I, to keep Y from shrinking to a point, the solution is the eigenvectors
of M with the smallest eigenvalues, without the first: rows of W sum to 1, so that M 1 = 0, and that
one is constant. If k > D, neighbours are more than it takes and C is singular: reg · tr(C)
on its diagonal makes the weights unique and even.

Symbols: X (N, D) · W (N, N), k numbers in a row · C (k, k), one for each sample · Y (N, K)
Course: deck B, « exemples de réduction de dimensionnalité non linéaires »; item C-12.
Source: Roweis & Saul, Nonlinear Dimensionality Reduction by Locally Linear Embedding, Science 2000.
Read next: isomap.py (distances along the sheet).
"""

import numpy as np
from scipy.linalg import eigh
from scipy.sparse import csr_array, eye_array
from scipy.sparse.linalg import eigsh

from minigen.models.classical.inputs import as_samples, fitted
from minigen.models.classical.mds import SMALL, with_signs
from minigen.models.classical.neighbours import (
    nearest_neighbours,
    refuse_parts,
    with_neighbours,
)

BLOCK = 1 << 22     # numbers of neighbours at a time: 32 MB


class LocallyLinearEmbedding:
    """n_neighbors: k. n_components: K. reg: share of tr(C) that is added to its diagonal.

    After fit: embedding_ (N, K), each column of mean 0 and variance 1; weights_, sparse (N, N);
    reconstruction_error_, tr YᵀMY / N.
    """

    def __init__(self, n_neighbors=12, n_components=2, reg=1e-3):
        self.n_neighbors, self.n_components, self.reg = n_neighbors, n_components, reg

    def fit(self, X):
        """Find the map.   (N, D) -> self"""
        who = "LocallyLinearEmbedding"
        self._samples = X = with_neighbours(X, self.n_neighbors, who)
        if not 1 <= self.n_components < len(X):
            raise ValueError(f"{who}: n_components={self.n_components}; for {len(X)} samples it "
                             f"must be 1 to {len(X) - 1}")
        _, index = nearest_neighbours(X, self.n_neighbors)                      # (N, k)
        weights = self._weights(X, index)                                       # (N, k)
        rows = np.repeat(np.arange(len(X)), self.n_neighbors)
        self.weights_ = csr_array((weights.ravel(), (rows, index.ravel())), (len(X), len(X)))
        refuse_parts(self.weights_, self.n_neighbors, who)
        away = eye_array(len(X), format="csr") - self.weights_                  # I - W
        values, vectors = smallest_eigenpairs((away.T @ away).tocsc(), self.n_components + 1)
        self.reconstruction_error_ = float(values[1:].sum())
        self.embedding_ = with_signs(vectors[:, 1:]) * np.sqrt(len(X))          # (N, K)
        return self

    def fit_transform(self, X):
        """fit, and the map.   -> (N, K)"""
        return self.fit(X).embedding_

    def transform(self, X):
        """New samples, by their weights of the fitted ones next to them.   (M, D) -> (M, K)"""
        samples = fitted(self, "_samples")
        X = as_samples(X, "LocallyLinearEmbedding.transform", features=samples.shape[1])
        _, index = nearest_neighbours(samples, self.n_neighbors, X)             # (M, k)
        weights = self._weights(X.astype(np.float64, copy=False), index)        # (M, k)
        return np.einsum("mk,mkc->mc", weights, self.embedding_[index])

    def _weights(self, X, index):
        """Each sample as a mean of some of the fitted ones.   (M, D), (M, k) -> (M, k)"""
        weights = np.empty(index.shape)
        k = self.n_neighbors
        step = max(1, BLOCK // (k * max(k, X.shape[1])))
        for start in range(0, len(X), step):
            rows = slice(start, start + step)
            away = self._samples[index[rows]] - X[rows, None]                   # (B, k, D)
            C = away @ away.transpose(0, 2, 1)                                  # (B, k, k)
            trace = np.trace(C, axis1=1, axis2=2)[:, None]                      # (B, 1)
            # copies of one sample have C = 0: then all weights are the same
            C[:, np.arange(k), np.arange(k)] += np.where(trace > 0, self.reg * trace, 1)
            w = np.linalg.solve(C, np.ones((len(C), k, 1)))[..., 0]             # (B, k)
            weights[rows] = w / w.sum(1, keepdims=True)
        return weights


def smallest_eigenpairs(M, k):
    """The k smallest eigenvalues, rising, of a sparse positive matrix, and their eigenvectors.

    They differ by little of M's largest one: iterations with its inverse, a little beside 0, tell
    them apart.   (N, N) -> (k,), (N, k)
    """
    if M.shape[0] <= SMALL:
        return eigh(M.toarray(), subset_by_index=(0, k - 1))
    start = np.random.default_rng(0).standard_normal(M.shape[0])
    values, vectors = eigsh(M, k, sigma=-1e-12 * abs(M).max(), which="LM", v0=start)
    order = values.argsort()
    return values[order], vectors[:, order]
