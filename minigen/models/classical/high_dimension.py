r"""High dimension: almost all of space is empty, and all distances are alike.

Two facts about many features, each a formula that a simulation can be held against.

Emptiness. The ball that touches all faces of the cube fills nearly nothing of it: the volume is in
the corners. So is data: pictures of digits keep to a thin part of the cube of all pictures, and a
picture of uniform noise is far from every one of them, and from all other noise too.

$$ \frac{V_{ball}}{V_{cube}} = \frac{\pi^{d/2}}{2^d \, \Gamma(d/2 + 1)} $$

Concentration, the curse of dimensionality. The mean squared difference of two random samples with
independent features is a mean of d numbers: by the central limit theorem

$$ D(x, y) = \tfrac1d \sum_i (x_i - y_i)^2 \approx E[D] + \frac{\sigma}{\sqrt d} N(0, 1) $$

    binary features, fair          E = 1/2    sd = 1 / (2 √d)
    Gaussian features, N(0, 1)     E = 2      sd = √(8 / d)

At d = 10⁶ fair pixels differ from each other in 0.5 of all places, ± 0.0005: whatever asks for
nearest neighbours has next to nothing to go by. Only structure saves us, that is, features that are
not independent.

Symbols: x, y (d,) · d features
Course: deck B, « Apprentissage de la distribution : grande dimension », « malédiction de la
dimensionnalité », curse of dimensionality; items C-07 and C-08.
Source: Bellman, Adaptive control processes, 1961; Beyer, Goldstein, Ramakrishnan & Shaft, When is
"nearest neighbor" meaningful?, ICDT 1999.
Read next: pca.py, ../autoencoders/mlp.py (which find the structure).
"""

import numpy as np
from scipy.special import gammaln

from minigen.models.classical.inputs import as_samples

BLOCK = 1 << 22     # numbers drawn together: 32 MB
KINDS = ("binary", "gaussian")


def ball_share(d):
    """Volume of the ball inscribed in a cube of d dimensions, over the cube's.

    d: a whole number or an array of them, at least 1. By logarithms: Γ(d/2) overflows from 342 on.
    """
    d = np.asarray(d, np.float64)
    if (d < 1).any():
        raise ValueError(f"ball_share: d={d}; it must be at least 1")
    return np.exp(d / 2 * np.log(np.pi) - d * np.log(2) - gammaln(d / 2 + 1))


def expected_distance(d, kind="binary"):
    """Mean and standard deviation of D for independent features, exact for every d."""
    _check(kind)
    return (0.5, 1 / (2 * d**0.5)) if kind == "binary" else (2.0, (8 / d) ** 0.5)


def sample_distances(d, pairs, rng, kind="binary"):
    """D of that many independent pairs of random samples, in bounded memory.   -> (pairs,)

    rng: a numpy.random.Generator. kind: fair "binary" features, 0 or 1, or "gaussian", N(0, 1).
    """
    _check(kind)
    distances, step = np.empty(pairs), max(1, BLOCK // d)
    for i in range(0, pairs, step):
        m = min(step, pairs - i)
        if kind == "binary":        # whether two fair bits differ is again a fair bit: one is drawn
            distances[i : i + m] = rng.integers(0, 2, (m, d), np.uint8).mean(1)
        else:
            x, y = rng.standard_normal((2, m, d), np.float32)
            distances[i : i + m] = ((x - y) ** 2).mean(1, dtype=np.float64)
    return distances


def contrast(X):
    """(max - min) / min of all distances between different samples (n, d).   -> float

    How much nearer the nearest pair is than the farthest: near 0, "nearest" means nothing.
    ValueError where two samples are the same.
    """
    X = as_samples(X, "contrast", least=3)
    square = squared_distances(X, X)[np.triu_indices(len(X), 1)]
    nearest, farthest = np.sqrt(square.min()), np.sqrt(square.max())
    if nearest == 0:
        raise ValueError("contrast: two samples are the same, and their distance 0 divides nothing")
    return float((farthest - nearest) / nearest)


def nearest_distance(queries, gallery):
    """Distance of each query to the nearest sample.   (m, d), (n, d) -> (m,)

    A query that is a sample itself finds itself: keep both apart.
    """
    queries = as_samples(queries, "nearest_distance")
    gallery = as_samples(gallery, "nearest_distance: gallery", features=queries.shape[1])
    return np.sqrt(squared_distances(queries, gallery).min(1))


def squared_distances(X, Y):
    """|x - y|² = |x|² - 2 x·y + |y|² of all pairs, at least 0.   (m, d), (n, d) -> (m, n)"""
    X, Y = X.astype(np.float64), Y.astype(np.float64)
    middle = Y.mean(0)                          # the formula loses what is common to all
    X, Y = X - middle, Y - middle
    square = (X**2).sum(1)[:, None] - 2 * X @ Y.T + (Y**2).sum(1)
    return np.maximum(square, 0)


def _check(kind):
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r}; it must be {' or '.join(KINDS)}")
