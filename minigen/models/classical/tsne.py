r"""t-SNE: a map on which near things stay near, and nothing else is promised.

In space each sample picks a neighbour at random, the nearer the likelier, by a Gaussian whose width
makes the choice as uncertain as one among `perplexity` equals: wide where data are thin, narrow
where they are dense. On the map points pick each other too, by a heavier tail. The map is where
both pick alike: gradient descent on the Kullback-Leibler divergence of the pairs.

$$ p_{j|i} = \frac{\exp(-\|x_i - x_j\|^2 / 2\sigma_i^2)}{\sum_{l \ne i} \exp(-\|x_i - x_l\|^2 /
   2\sigma_i^2)}, \quad 2^{H(p_{\cdot|i})} = \text{perplexity}, \qquad
   p_{ij} = \frac{p_{j|i} + p_{i|j}}{2n} $$
$$ w_{ij} = \frac{1}{1 + \|y_i - y_j\|^2}, \quad q_{ij} = \frac{w_{ij}}{\sum_{k \ne l} w_{kl}},
   \qquad C = \sum_{i \ne j} p_{ij} \log \frac{p_{ij}}{q_{ij}} $$
$$ \frac{\partial C}{\partial y_i} = 4 \sum_j (p_{ij} - q_{ij}) \, w_{ij} \, (y_i - y_j) $$

The tail leaves room: neighbours of many dimensions find no place beside each other in two, and what
is far in space may lie farther on the map. So sizes of clusters and the gaps between them mean
little. At first all p are multiplied by 12 (early exaggeration): clusters form tight and pass each
other easily.

Symbols: X (n, D) · P, Q, W (n, n), zeros on the diagonals · Y (n, K) · β_i = 1/2σ_i²
Course: deck A, « projections non-linéaires (t-SNE, MDS, ...) »; item C-10.
Source: van der Maaten & Hinton, Visualizing Data using t-SNE, JMLR 2008; step size max(n/48, 50):
Belkina et al., Nature Communications 2019.
Read next: mds.py (a map of all distances).
"""

import numpy as np

from minigen.models.classical.inputs import as_samples, refuse_nan
from minigen.models.classical.neighbours import squared_distances
from minigen.models.classical.pca import PCA

LEAST = 1e-12       # of a probability whose logarithm is taken
GAIN_LEAST = 0.01
MOMENTUM = 0.5, 0.8     # while p is exaggerated, and then


class TSNE:
    """t-SNE with all pairs: memory and the time of an iteration grow with n², for n up to 2000.

    n_components: K. perplexity: about how many neighbours count, below n/3. early_exaggeration:
    by what p is multiplied during the first exploration_iter of max_iter iterations. learning_rate:
    "auto", max(n/48, 50), or a number. init: "pca", two components scaled to a deviation of 1e-4,
    "random", Gaussian of that deviation from the seed, or an array (n, K).
    After fit: embedding_ (n, K) of mean 0, kl_divergence_.
    """

    def __init__(self, n_components=2, *, perplexity=30.0, early_exaggeration=12.0,
                 exploration_iter=250, learning_rate="auto", max_iter=1000, init="pca", seed=0):
        self.n_components, self.perplexity = n_components, perplexity
        self.early_exaggeration, self.exploration_iter = early_exaggeration, exploration_iter
        self.learning_rate, self.max_iter = learning_rate, max_iter
        self.init, self.seed = init, seed

    def fit(self, X):
        """Find the map.   (n, D) -> self"""
        X = as_samples(X, "TSNE", least=4)
        refuse_nan(X, "TSNE")
        if not 1 <= self.perplexity < len(X) / 3:
            raise ValueError(f"TSNE: perplexity={self.perplexity}; for {len(X)} samples it must be "
                             f"1 or more, and less than {len(X) / 3:.4g}, a third of them")
        P = joint_probabilities(squared_distances(X), self.perplexity)          # (n, n)
        Y = self._start(X)                                                      # (n, K)
        rate = max(len(X) / 48, 50) if self.learning_rate == "auto" else self.learning_rate
        step, gain = np.zeros_like(Y), np.ones_like(Y)
        exaggerated = self.early_exaggeration * P
        for i in range(self.max_iter):
            early = i < self.exploration_iter
            gradient = kl_gradient(exaggerated if early else P, Y)
            # a coordinate that goes on in one direction takes longer steps, one that swings shorter
            gain = np.where(gradient * step < 0, gain + 0.2, np.maximum(gain * 0.8, GAIN_LEAST))
            step = MOMENTUM[not early] * step - rate * gain * gradient
            Y = Y + step
            Y -= Y.mean(0)
        self.embedding_, self.kl_divergence_ = Y, kl_divergence(P, Y)
        return self

    def fit_transform(self, X):
        """fit, and the map.   -> (n, K). There is no transform: a map is of its samples only."""
        return self.fit(X).embedding_

    def _start(self, X):
        """The map to begin with.   -> (n, K)"""
        shape = len(X), self.n_components
        if not isinstance(self.init, str):
            Y = as_samples(self.init, "TSNE, init").astype(np.float64)
            if Y.shape != shape:
                raise ValueError(f"TSNE: init has shape {Y.shape}, not {shape}")
            return Y
        if self.init not in ("pca", "random"):
            raise ValueError(f'TSNE: init={self.init!r}; it is "pca", "random" or an array (n, K)')
        if self.init == "random":
            return 1e-4 * np.random.default_rng(self.seed).standard_normal(shape)
        if self.n_components > min(len(X) - 1, X.shape[1]):
            raise ValueError(f'TSNE: init="pca" finds {min(len(X) - 1, X.shape[1])} components, '
                             f'not {self.n_components}; take init="random"')
        Y = PCA(self.n_components, standardize=False).fit_transform(X)
        return Y * (1e-4 / max(Y[:, 0].std(), np.finfo(np.float64).tiny))


def conditional_probabilities(squares, perplexity, tolerance=1e-10):
    """p_{j|i}, rows whose entropy is log(perplexity), by bisection of β.   (n, n) -> (n, n)

    squares: squared distances. All rows are halved together. Where no β gives that entropy (equal
    distances have log(n - 1) with any) a row is what the last β makes of it.
    """
    n = len(squares)
    others = ~np.eye(n, dtype=bool)
    # relative to the nearest, and to the row's mean distance: β = 1 is then about right
    D = np.where(others, squares, np.inf)
    D = D - D.min(1, keepdims=True)                                             # (n, n), ∞ at i = j
    size = np.where(others, D, 0).sum(1, keepdims=True) / (n - 1)
    D /= np.where(size > 0, size, 1)
    finite = np.where(others, D, 0)
    beta, low, high = np.ones((n, 1)), np.zeros((n, 1)), np.full((n, 1), np.inf)
    for _ in range(100):
        P = np.exp(-beta * D)                                                   # 0 at i = j
        total = P.sum(1, keepdims=True)
        P /= total
        entropy = np.log(total) + beta * (P * finite).sum(1, keepdims=True)     # -Σ p log p
        above = entropy - np.log(perplexity)
        if (abs(above) < tolerance).all():
            break
        low, high = np.where(above > 0, beta, low), np.where(above > 0, high, beta)
        # 1e30 at most: 0 · β stays 0
        beta = np.where(np.isinf(high), np.minimum(2 * beta, 1e30), (low + high) / 2)
    return P


def joint_probabilities(squares, perplexity):
    """p_ij = (p_{j|i} + p_{i|j}) / 2n, whose sum is 1.   squared distances (n, n) -> (n, n)"""
    P = conditional_probabilities(squares, perplexity)
    return (P + P.T) / (2 * len(P))


def map_probabilities(Y):
    """w_ij = 1 / (1 + ‖y_i - y_j‖²), w_ii = 0, and q_ij = w_ij / Σw.   (n, K) -> two of (n, n)"""
    W = squared_distances(Y)
    W += 1
    np.reciprocal(W, out=W)
    np.fill_diagonal(W, 0)
    return W, W / W.sum()


def kl_divergence(P, Y):
    """C = Σ p log(p/q), at least 0.   (n, n), (n, K) -> float"""
    _, Q = map_probabilities(Y)
    return float((P * np.log(np.maximum(P, LEAST) / np.maximum(Q, LEAST))).sum())


def kl_gradient(P, Y):
    """∂C/∂y_i = 4 Σ_j (p_ij - q_ij) w_ij (y_i - y_j).   (n, n), (n, K) -> (n, K)"""
    W, force = map_probabilities(Y)             # force becomes (p - q) w, in the place of q
    np.subtract(P, force, out=force)
    force *= W
    return 4 * (force.sum(1)[:, None] * Y - force @ Y)
