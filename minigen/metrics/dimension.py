r"""How many numbers does it take to say where a sample is? The intrinsic dimension (course A-06).

Idea: on a surface of dimension m, the number of neighbours within a distance r grows as r^m,
however many coordinates space has. If near x the samples are as good as uniform on the surface,
their numbers within r are a Poisson process, and the distances T_1 < ... < T_k of the k nearest
tell m by maximum likelihood:

    m(x) = [ 1/(k-2) Σ_{j=1}^{k-1} log(T_k(x) / T_j(x)) ]^-1

Too small a k is noisy, too large a k sees the surface bend and end: m is averaged over x and over a
range of k. What it sees depends on the scale: noise has all dimensions that there are, and shows
where it is as large as the distance between neighbours.
Read next: ../models/autoencoders/mlp.py (a code of that many numbers), inputs.py.
"""

import numpy as np

from minigen.metrics.inputs import as_features, distance_blocks


def intrinsic_dimension(X, k=(10, 20)):
    """Levina and Bickel's estimate of the dimension of the surface that samples lie on.   -> float

    X: (N, ...), Tensors or arrays. k: the least and the largest number of neighbours, from 3 to
    N - 1; the mean over all between. Time grows with N²: some thousand samples are enough, and too
    few make m too small, the more so the larger it is. Equal samples count once: at distance 0 all
    is a neighbour. ValueError for another k, NaN or Inf, and for samples on a lattice, of which
    the neighbours are all at one distance.
    Source: Levina & Bickel, Maximum likelihood estimation of intrinsic dimension, NIPS 2004, with
    k - 2 in place of k - 1, which their section 3 shows to be without bias.
    """
    X = np.unique(as_features(X, "intrinsic_dimension"), axis=0)                # (N, D)
    least, most = k
    if not 3 <= least <= most < len(X):
        raise ValueError(f"intrinsic_dimension: k={k} of {len(X)} distinct samples; it must rise "
                         "from 3 at least to one less than there are")
    logs = np.empty((len(X), most))                                             # log T_j(x)
    for rows, distance in distance_blocks(X, X):
        nearest = np.sort(np.partition(distance, most, 1)[:, : most + 1], 1)
        logs[rows] = np.log(nearest[:, 1:])                                     # without itself
    counts = range(least, most + 1)
    sums = np.array([(logs[:, j - 1 : j] - logs[:, : j - 1]).sum(1) for j in counts])   # (k, N)
    if not (sums > 1e-9).all():
        raise ValueError(f"intrinsic_dimension: a sample has {least} neighbours at one distance, "
                         "as on a lattice; draw samples at random, or take a larger k")
    return float(np.mean((np.array(counts) - 2)[:, None] / sums))
