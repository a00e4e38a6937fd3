"""Does a search find what belongs together? Precision among the first k results, and triplets.

Idea: everything in a gallery is ranked by its distance to a query, and a result is right if it has
the query's label. Without queries, each sample searches among the others: then it is the label
purity of k-nearest neighbourhoods, by which maps such as t-SNE's are judged (course C-10).
Read next: inputs.py, probes.py.
"""

import numpy as np

from minigen.metrics.inputs import as_features, as_labels, distance_blocks

ROUNDING = 1e-7         # of the largest distance: what equal ones may differ by, as computed


def precision_at_k(gallery, labels, queries=None, query_labels=None, k=10, metric="euclidean"):
    """Share of right ones among the k nearest, mean over all queries.   -> float in [0, 1]

    gallery: (N, ...), labels: (N,); queries: (M, ...), query_labels: (M,), by default the gallery,
    each sample without itself. metric: "euclidean", which ranks codes of 0 and 1 as Hamming's
    distance does, or "cosine". Where several stand at the k-th distance, each of them counts for
    its share, so that the order of the gallery decides nothing. ValueError if k is too large.
    """
    who = "precision_at_k"
    gallery = as_features(gallery, who)
    labels = as_labels(labels, who, len(gallery))
    alone = queries is None
    if alone != (query_labels is None):
        raise ValueError(f"{who}: give queries and query_labels, or neither")
    queries = gallery if alone else as_features(queries, who)
    wanted = labels if alone else as_labels(query_labels, who, len(queries))
    if not 1 <= k <= len(gallery) - alone:
        raise ValueError(f"{who}: k={k}; each query has {len(gallery) - alone} to choose from")
    found = np.empty(len(queries))
    for rows, distance in distance_blocks(queries, gallery, metric):
        if alone:
            itself = np.arange(len(distance)), np.arange(len(queries))[rows]
            distance[itself] = np.inf
        right = wanted[rows, None] == labels                                # (B, N)
        last = np.partition(distance, k - 1, axis=1)[:, k - 1 : k]          # (B, 1)
        slack = ROUNDING * distance.max(1, keepdims=True, where=np.isfinite(distance), initial=0)
        nearer, tied = distance < last - slack, abs(distance - last) <= slack   # (B, N)
        places = k - nearer.sum(1)                                          # for those that tie
        found[rows] = (right & nearer).sum(1) + places * (right & tied).sum(1) / tied.sum(1)
    return float(found.mean() / k)


def triplet_accuracy(anchors, positives, negatives):
    """Share of triplets whose positive is nearer to the anchor than the negative.   -> float

    Each (N, ...), compared row by row, by Euclidean distance; where both are as near, half a point.
    """
    anchors, positives, negatives = (as_features(x, "triplet_accuracy")
                                     for x in (anchors, positives, negatives))
    if not anchors.shape == positives.shape == negatives.shape:
        raise ValueError(f"triplet_accuracy: anchors {anchors.shape}, positives {positives.shape} "
                         f"and negatives {negatives.shape} must be of one shape")
    near, far = (np.linalg.norm(x - anchors, axis=1) for x in (positives, negatives))
    return float(((near < far) + 0.5 * (near == far)).mean())
