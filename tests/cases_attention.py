"""Rows of ops/attention.py.

Read next: cases_row.py (the words used here), cases_softmax.py.
"""

import math

import numpy as np
from cases_row import at, case, mask, normal, run

from minigen import Generator, ops

inf = math.inf


def attention(q, k, v, attn_mask=None, is_causal=False, scale=None, kept=1):
    """From the definition, a query at a time: a mean of the values that it may look at."""
    lead = np.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])
    q, k, v = (np.broadcast_to(x, (*lead, *x.shape[-2:])) for x in (q, k, v))
    scale = 1 / math.sqrt(q.shape[-1] or 1) if scale is None else scale
    add = np.zeros((*lead, q.shape[-2], k.shape[-2]))
    if attn_mask is not None:
        boolean = attn_mask.dtype == bool
        add = add + (np.where(attn_mask, 0, -inf) if boolean else attn_mask)
    kept = np.broadcast_to(kept, add.shape)
    y = np.zeros((*lead, q.shape[-2], v.shape[-1]))
    for place in np.ndindex(*y.shape[:-1]):
        *head, i = place
        head = tuple(head)
        seen = [j for j in range(k.shape[-2]) if add[(*place, j)] > -inf]
        seen = [j for j in seen if j <= i or not is_causal]
        weights = [math.exp(q[place] @ k[(*head, j)] * scale + add[(*place, j)]) for j in seen]
        for j, w in zip(seen, weights, strict=True):
            y[place] += w / sum(weights) * kept[(*place, j)] * v[(*head, j)]
    return y


def our_dropping(q, k, v, dropout_p=0.5, is_causal=False):
    return ops.scaled_dot_product_attention(
        q, k, v, None, dropout_p, is_causal, rng=Generator(4, q.device)
    )


def dropping(q, k, v, dropout_p=0.5, is_causal=False):
    """Which weights are dropped is chance: read off what comes of equal scores and unit values."""
    shape = *np.broadcast_shapes(q.shape[:-2], k.shape[:-2]), q.shape[-2], k.shape[-2]
    eye = np.eye(k.shape[-2])
    equal = np.zeros((*shape[:-1], 1)), np.zeros((*shape[:-2], len(eye), 1))
    kept = our_dropping(*map(ops.tensor, (*equal, eye)), dropout_p).numpy() > 0
    return attention(q, k, v, None, is_causal, kept=kept / (1 - dropout_p))


Q, K, V = (2, 2, 3, 2), (2, 2, 4, 2), (2, 2, 4, 3)
EQUAL = np.zeros((1, 2)), np.zeros((2, 2)), np.array([[1.0], [3.0]])
FAR = np.array([[1e4]]), np.array([[1.0], [-1.0]]), np.array([[1.0], [3.0]])

ATTENTION = [
    case(
        "scaled_dot_product_attention", ops.scaled_dot_product_attention, attention,
        [
            run((2, 3, 2), (2, 4, 2), (2, 4, 3)),
            run((3, 2), (4, 2), (4, 1)),
            run(Q, K, V, is_causal=True),
            run((5, 2), (2, 2), (2, 2), is_causal=True),
            run((2, 1, 2, 3), (1, 2, 2, 3), (2, 2), scale=0.7),
            run((2, 1, 2, 2, 1), (2, 2, 1, 2, 1), (2, 1), scale=-1.5),
            run((2, 0, 2), (2, 3, 2), (2, 3, 1)),
            run((2, 2), (0, 2), (0, 3)),
            run((0, 2, 2), (0, 3, 2), (0, 3, 1), is_causal=True),
            run((2, 0), (3, 0), (3, 1)),
        ],
        linear=(2,),
        kinks=[
            at(*EQUAL, y=[[2]], grads=([[0, 0]], [[0, 0]] * 2, [[0.5]] * 2)),
            at([[0.5]], [[1.0]], [[2.0]], y=[[2]], grads=([[0]], [[0]], [[1]])),
            at(*FAR, scale=1.0, y=[[1]], grads=([[0]], [[0], [0]], [[1], [0]])),
            at(np.ones((2, 1)), *FAR[1:], is_causal=True, scale=0.0, y=[[1], [2]],
               grads=([[0], [0]], [[0], [0]], [[1.5], [0.5]])),
        ],
    ),
    *[
        case(
            "scaled_dot_product_attention", ops.scaled_dot_product_attention, attention,
            [
                run(Q, K, V, shape)
                for shape in [(3, 4), (4,), (2, 1, 1, 4), (1, 2, 3, 1), (2, 2, 3, 4)]
            ] + [
                run((2, 2), (3, 2), (3, 1), (2, 3)),
                run((2, 1, 2, 2, 1), (2, 2, 2, 2, 1), (2, 2, 2, 2, 1), (2, 1, 1, 1, 2)),
                run((0, 2, 2), (0, 3, 2), (0, 3, 1), (2, 3)),
            ],
            normal, normal, normal, draw, linear=(2,), kinks=kinks,
        )
        for draw, kinks in [
            # nothing allowed: zeros, and no gradient
            (mask, [at(*EQUAL, [[False, False]], y=[[0]],
                       grads=([[0, 0]], [[0, 0]] * 2, [[0]] * 2)),
                    at(*FAR, [[False, True]], y=[[3]], grads=([[0]], [[0], [0]], [[0], [1]]))]),
            (normal, [at(*EQUAL, [[-inf, -inf]], y=[[0]],
                         grads=([[0, 0]], [[0, 0]] * 2, [[0]] * 2, [[0, 0]])),
                      at(*EQUAL, [[-inf, 2.0]], y=[[3]],
                         grads=([[0, 0]], [[0, 0]] * 2, [[0], [1]], [[0, 0]]))]),
        ]
    ],
    case(
        "scaled_dot_product_attention", our_dropping, dropping,
        [
            run((2, 3, 2), (2, 4, 2), (2, 4, 3)),
            run((2, 2, 3, 2), (2, 1, 5, 2), (2, 2, 5, 1), dropout_p=0.2, is_causal=True),
        ],
        linear=(2,),
    ),
]  # fmt: skip
