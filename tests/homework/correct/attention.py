"""Scaled dot-product attention with a causal mask."""

import numpy as np


def attention_inputs(seed):
    rng = np.random.default_rng(seed)
    q, k, v = (rng.normal(size=(2, 3, 2)) for _ in range(3))
    return q, k, v, np.tril(np.ones((3, 3), dtype=bool))


def attention_forward(q, k, v, mask):
    scale = 1 / np.sqrt(q.shape[-1])
    scores = q @ k.transpose(0, 2, 1) * scale
    scores = np.where(mask, scores, -1e9)
    e = np.exp(scores - scores.max(-1, keepdims=True))
    p = e / e.sum(-1, keepdims=True)
    return p @ v, (q, k, v, p, scale)


def attention_backward(dout, cache):
    q, k, v, p, scale = cache
    dv = p.transpose(0, 2, 1) @ dout
    dp = dout @ v.transpose(0, 2, 1)
    ds = p * (dp - (dp * p).sum(-1, keepdims=True))
    dq = ds @ k * scale
    dk = ds.transpose(0, 2, 1) @ q * scale
    return dq, dk, dv, None
