r"""Isomap: distances along a surface, then a map of them.

Data on a bent sheet: two points may be near in space and far apart on the sheet. Between neighbours
both distances agree. So join each sample to its k nearest ones, and measure others along the
shortest path of such steps: nearly a geodesic of the sheet. Classical scaling of these lengths is
the sheet laid flat.

$$ g_{ij} = \min_{\text{paths}} \sum_{\text{edges}} \|x_a - x_b\|, \qquad
   Y = \text{classical scaling of } g $$

The graph is symmetric: i and j are joined if either is among the k nearest of the other. k too
small tears it into parts, between which there is no path; k too large makes short cuts through the
air from one turn of the sheet to the next. With k = N - 1 it is classical scaling of X.

Symbols: X (N, D) · g (N, N) · Y (N, K)
Course: deck B, « exemples de réduction de dimensionnalité non linéaires »; item C-12.
Source: Tenenbaum, de Silva & Langford, A Global Geometric Framework for Nonlinear Dimensionality
Reduction, Science 2000.
Read next: mds.py (the last step), lle.py (neighbourhoods without distances).
"""

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from minigen.models.classical.inputs import as_samples, fitted
from minigen.models.classical.mds import ClassicalMDS
from minigen.models.classical.neighbours import (
    nearest_neighbours,
    refuse_parts,
    with_neighbours,
)


class Isomap:
    """n_neighbors: k. n_components: K.

    After fit: embedding_ (N, K), dist_matrix_, the geodesic distances (N, N). Memory grows with N²,
    time with N² (k + log N).
    """

    def __init__(self, n_neighbors=10, n_components=2):
        self.n_neighbors, self.n_components = n_neighbors, n_components

    def fit(self, X):
        """Lay the samples flat.   (N, D) -> self.   ValueError if the graph is not connected"""
        self._samples = with_neighbours(X, self.n_neighbors, "Isomap")
        graph = neighbour_graph(self._samples, self.n_neighbors)
        refuse_parts(graph, self.n_neighbors, "Isomap")
        self.dist_matrix_ = dijkstra(graph)                                     # g (N, N)
        self._flat = ClassicalMDS(self.n_components, "precomputed").fit(self.dist_matrix_)
        self.embedding_ = self._flat.embedding_                                 # (N, K)
        return self

    def fit_transform(self, X):
        """fit, and the sheet laid flat.   -> (N, K)"""
        return self.fit(X).embedding_

    def transform(self, X):
        """Places of new samples: a path to a fitted one begins with a step.   (M, D) -> (M, K)"""
        samples = fitted(self, "_samples")
        X = as_samples(X, "Isomap.transform", features=samples.shape[1])
        step, first = nearest_neighbours(samples, self.n_neighbors, X)          # (M, k), (M, k)
        length = np.full((len(X), len(samples)), np.inf)                        # (M, N)
        for j in range(self.n_neighbors):
            np.minimum(length, step[:, j, None] + self.dist_matrix_[first[:, j]], out=length)
        return self._flat.transform(length)


def neighbour_graph(X, k):
    """Edges between neighbours with their lengths, both ways.   (N, D) -> sparse (N, N)"""
    distance, index = nearest_neighbours(X, k)                                  # (N, k)
    # a sparse graph has no edge of length 0, but copies of a sample are its neighbours
    distance = np.maximum(distance, np.finfo(np.float64).tiny)
    rows = np.repeat(np.arange(len(X)), k)
    graph = csr_array((distance.ravel(), (rows, index.ravel())), (len(X), len(X)))
    return graph.maximum(graph.T)
