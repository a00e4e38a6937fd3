r"""How good is a partition? Against known classes, and by itself (course C-13).

Idea: two labelings of the same N samples meet in their contingency table: n_ij samples are in class
i and in cluster j. Names of clusters mean nothing, so that every score here stays the same when
they are permuted.

    pairs          ARI: on how many pairs both agree, less what chance would give
    information    NMI: how much one tells about the other
    majority       purity: each cluster votes for its largest class
    matching       accuracy: clusters matched to classes one to one

Only the silhouette needs no classes: it asks whether samples are nearer to their own cluster than
to the next one. Names are scikit-learn's where it has the function.
Read next: ../models/classical/ (k-means and its relatives), inputs.py.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment

from minigen.metrics.inputs import as_features, as_labels, distance_blocks


def contingency_matrix(labels_true, labels_pred):
    """n_ij: samples in class i and cluster j, both in sorted order.   (N,), (N,) -> (R, C) int"""
    true = as_labels(labels_true, "contingency_matrix")
    pred = as_labels(labels_pred, "contingency_matrix", len(true))
    classes, i = np.unique(true, return_inverse=True)
    clusters, j = np.unique(pred, return_inverse=True)
    cells = np.bincount(i * len(clusters) + j, minlength=len(classes) * len(clusters))
    return cells.reshape(len(classes), len(clusters))


def adjusted_rand_score(labels_true, labels_pred):
    r"""Adjusted Rand index: 1 for the same partition, 0 on average for chance.   -> float, >= -0.5

        s = Σ_ij C(n_ij, 2)    a = Σ_i C(n_i, 2)    b = Σ_j C(n_j, 2)    m = C(N, 2)
        ARI = (s - ab/m) / ((a + b)/2 - ab/m)

    s counts the pairs that are together in both; ab/m is what s would be by chance, (a + b)/2 its
    largest value. Source: Hubert & Arabie, Comparing partitions, 1985, equation 5.
    """
    table = contingency_matrix(labels_true, labels_pred)
    s, a, b = _pairs(table), _pairs(table.sum(1)), _pairs(table.sum(0))
    m = _pairs(table.sum())
    # both fractions times 2m: whole numbers of any size, so that nothing is rounded before the end
    top, bottom = 2 * (m * s - a * b), m * (a + b) - 2 * a * b
    return 1.0 if bottom == 0 else top / bottom     # bottom 0: one cluster, or N of them, in both


def _pairs(counts):
    """Σ n(n - 1)/2, as a whole number of any size."""
    return sum(n * (n - 1) // 2 for n in np.ravel(counts).tolist())


def normalized_mutual_info_score(labels_true, labels_pred):
    r"""Mutual information over the mean entropy, 0 to 1.   -> float

        NMI = 2 I(U; V) / (H(U) + H(V))     I = Σ_ij p_ij log(p_ij / p_i p_j),   H = -Σ p log p

    1 if both have a single cluster. Source: Strehl & Ghosh, Cluster ensembles, JMLR 2002, with the
    arithmetic mean.
    """
    p = contingency_matrix(labels_true, labels_pred)
    p = p / p.sum()
    rows, columns = p.sum(1), p.sum(0)
    i, j = np.nonzero(p)
    information = (p[i, j] * np.log(p[i, j] / (rows[i] * columns[j]))).sum()
    entropies = -(rows * np.log(rows)).sum() - (columns * np.log(columns)).sum()
    if len(rows) == len(columns) == 1:
        return 1.0
    return float(np.clip(2 * information / entropies, 0, 1))


def purity_score(labels_true, labels_pred):
    """Share of samples that belong to the largest class of their cluster.   -> float

    1/N Σ_j max_i n_ij. N clusters of one sample have purity 1: compare equal numbers of clusters.
    Source: Manning, Raghavan & Schütze, Introduction to Information Retrieval, 2008, chapter 16.
    """
    table = contingency_matrix(labels_true, labels_pred)
    return float(table.max(0).sum() / table.sum())


def clustering_accuracy(labels_true, labels_pred):
    """Accuracy under the best one-to-one matching of clusters and classes.   -> float

    1/N max Σ_j n_σ(j)j over matchings σ, found by the Hungarian method. Samples in clusters left
    without a class count as wrong. Source: Kuhn, The Hungarian method, 1955; Yang et al., 2010.
    """
    table = contingency_matrix(labels_true, labels_pred)
    matched = linear_sum_assignment(table, maximize=True)
    return float(table[matched].sum() / table.sum())


def silhouette_samples(X, labels):
    """How much nearer each sample is to its own cluster than to the next one.   -> (N,) in [-1, 1]

        s = (b - a) / max(a, b)

    a: mean distance to the others of its cluster; b: the least mean distance to another cluster's
    samples; s = 0 for a cluster of one. X: (N, ...); labels: (N,). Memory grows with N, time with
    N². ValueError unless there are 2 to N - 1 clusters. Source: Rousseeuw, Silhouettes, 1987.
    """
    X = as_features(X, "silhouette")
    labels = as_labels(labels, "silhouette", len(X))
    clusters, own = np.unique(labels, return_inverse=True)
    if not 2 <= len(clusters) < len(X):
        raise ValueError(f"silhouette: {len(clusters)} clusters of {len(X)} samples; it needs at "
                         "least 2, and fewer than samples")
    member = np.eye(len(clusters))[own]                                     # (N, K)
    size = member.sum(0)                                                    # (K,)
    scores = np.empty(len(X))
    for rows, distance in distance_blocks(X, X):
        total = distance @ member                                           # (B, K)
        mine = own[rows, None] == np.arange(len(clusters))                  # (B, K)
        a = total[mine] / np.maximum(size[own[rows]] - 1, 1)                # without itself, at 0
        b = np.where(mine, np.inf, total / size).min(1)
        larger = np.maximum(a, b)
        scores[rows] = np.where(larger > 0, (b - a) / np.where(larger > 0, larger, 1), 0)
    return np.where(size[own] > 1, scores, 0.0)


def silhouette_score(X, labels):
    """The mean of `silhouette_samples`.   (N, ...), (N,) -> float"""
    return float(silhouette_samples(X, labels).mean())
