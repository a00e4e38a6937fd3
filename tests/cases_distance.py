"""Rows of ops/distance.py.

Read next: cases_row.py (the words used here).
"""

import math

import numpy as np
from cases_row import at, case, run

from minigen import ops

inf = math.inf


def length(d, p):
    """Of vectors in the last dimension."""
    size = np.abs(d)
    if p == inf:
        return size.max(-1)
    return (size > 0).sum(-1) if p == 0 else (size**p).sum(-1) ** (1 / p)


def pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    y = length(x1 - x2 + eps, p)
    return y[..., None] if keepdim else y


def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    x1, x2 = np.broadcast_arrays(x1, x2)
    return (x1 * x2).sum(dim) / np.sqrt((x1 * x1).sum(dim) * (x2 * x2).sum(dim))


def cdist(x1, x2, p=2.0):
    """By a loop over the rows of x1."""
    leading = np.broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
    y = np.empty((*leading, x1.shape[-2], x2.shape[-2]))
    for i in range(x1.shape[-2]):
        y[..., i, :] = length(x1[..., i : i + 1, :] - x2, p)
    return y


ROOT = math.sqrt(0.5)

DISTANCES = [
    case(
        "pairwise_distance", ops.pairwise_distance, pairwise_distance,
        [run((2, 3), (2, 3)), run((3,), (2, 3), keepdim=True), run((3,), (3,), p=1),
         run((2, 1, 3), (2, 3), p=3.0), run((0, 3), (3,)),
         *[run((2, 3), (2, 3), p=p, eps=0.1) for p in (0.5, 1.5, inf)]],
        gives="float",
        kinks=[
            at([[0.0, 0.0], [3.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]], eps=0.0, y=[0, 5],
               grads=([[0, 0], [0.6, 0.8]], [[0, 0], [-0.6, -0.8]]),
               second=[[0, 0], [0.2 - 0.6 * 0.28, 0.2 - 0.8 * 0.28]]),
            *[at([[0.0, 0.0, 0.0], [0.0, 1.0, -1.0]], np.zeros((2, 3)), p=p, eps=0.0, y=[0, y],
                 grads=([[0, 0, 0], [0, g, -g]], [[0, 0, 0], [0, -g, g]]), second=np.zeros((2, 3)))
              for p, y, g in [(0, 2, 0), (1, 2, 1), (inf, 1, 0.5)]],
            *[at([0.0, 0.0], [0.0, 0.0], p=p, eps=0.0, y=0, grads=([0, 0], [0, 0]), second=[0, 0])
              for p in (0.5, 1.5, 3)],
            at([0.0, 2.0], [0.0, 0.0], p=1.5, eps=0.0, y=2, grads=([0, 1], [0, -1]), second=[0, 0]),
            # powers that no float32 holds
            *[at([3e8, 0.0], [0.0, 4e8], p=p, eps=0.0, y=y, grads=(g, [-v for v in g]))
              for p, y, g in [(2, 5e8, [0.6, -0.8]), (inf, 4e8, [0, -1]),
                              (6, 4e8 * (1 + 0.75**6) ** (1 / 6),
                               [(0.75**-6 + 1) ** (-5 / 6), -((1 + 0.75**6) ** (-5 / 6))])]],
        ],
    ),
    case(
        "cosine_similarity", ops.cosine_similarity, cosine_similarity,
        [run((2, 3), (2, 3)), run((3,), (3,), dim=0), run((2, 1, 3), (2, 3), dim=2),
         run((2, 3), (3,), dim=0), run((2, 3), (2, 1), dim=-1), run((0, 3), (0, 3)),
         run((2, 2, 2), (2, 2, 2))],
        gives="float",
        kinks=[
            # a vector of zeros: x2 over its norm and eps; identical vectors: no gradient
            at([[0.0, 0.0]], [[3.0, 4.0]], eps=0.5, y=[0], grads=([[1.2, 1.6]], [[0, 0]])),
            at([[0.0, 0.0]], [[0.0, 0.0]], y=[0], grads=([[0, 0]], [[0, 0]]), second=[[0, 0]]),
            at([[[2.0, -1.0]]], [[0.5, 4.0]], dim=0, y=[[1, -1]]),  # a dim that x2 lacks
            at([[3e8, 4e8], [3.0, 4.0]], [[3e-3, 4e-3], [-3.0, -4.0]], y=[1, -1]),
        ],
    ),
    case(
        "cdist", ops.cdist, cdist,
        [run((2, 3), (4, 3)), run((2, 1, 3, 2), (2, 2, 2)), run((0, 3), (2, 3)),
         run((1, 2), (26, 2)),
         *[run((2, 3), (2, 3), p=p) for p in (0.5, 1.0, 1.5, 3, inf)]],
        gives="float",
        kinks=[
            *[at([[1.0, 2.0]], [[1.0, 2.0], [2.0, 2.0]], p=p, y=[[0, 1]],
                 grads=([[-g, 0]], [[0, 0], [g, 0]]), second=[[0, 0]])
              for p, g in [(0, 0), (0.5, 1), (1, 1), (1.5, 1), (3, 1), (inf, 1)]],
            at([[0.0, 0.0]], [[0.0, 0.0], [1.0, 1.0]], y=[[0, 1 / ROOT]],
               grads=([[-ROOT, -ROOT]], [[0, 0], [ROOT, ROOT]]), second=[[0, 0]]),
            # far from 0, and the same point again among many
            at(np.full((1, 2), 1e4), 1e4 + np.arange(28.0)[:, None] * [3.0, 4.0],
               y=[5.0 * np.arange(28)],
               grads=([[-16.2, -21.6]], np.sign(np.arange(28.0))[:, None] * [0.6, 0.8])),
            # coordinates that tie share the gradient
            at([[0.0, 0.0]], [[1.0, -1.0]], p=inf, y=[[1]],
               grads=([[-0.5, 0.5]], [[0.5, -0.5]]), second=[[0, 0]]),
            at(np.ones((2, 0)), np.ones((1, 0)), y=[[0], [0]],
               grads=(np.ones((2, 0)), np.ones((1, 0)))),
        ],
    ),
]  # fmt: skip
