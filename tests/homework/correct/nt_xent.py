"""SimCLR's NT-Xent loss on unit vectors of two views, and InfoNCE with a queue of keys."""

import numpy as np


def ntxent_inputs(seed):
    rng = np.random.default_rng([seed, 1])
    return rng.normal(size=(3, 4)), rng.normal(size=(3, 4))


def ntxent_forward(a, b, tau=0.5):
    raw = np.concatenate([a, b])
    norm = np.linalg.norm(raw, axis=1, keepdims=True)
    z = raw / norm
    s = z @ z.T / tau
    np.fill_diagonal(s, -np.inf)
    e = np.exp(s - s.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    n = len(a)
    partner = np.concatenate([np.arange(n, 2 * n), np.arange(n)])
    loss = -np.log(p[np.arange(2 * n), partner]).mean()
    return loss, (z, norm, p, partner, tau)


def ntxent_backward(dout, cache):
    z, norm, p, partner, tau = cache
    ds = p.copy()
    ds[np.arange(len(z)), partner] -= 1
    ds *= dout / len(z) / tau
    dz = (ds + ds.T) @ z
    draw = (dz - z * (z * dz).sum(axis=1, keepdims=True)) / norm
    return np.split(draw, 2)


def moco_inputs(seed):
    rng = np.random.default_rng([seed, 2])
    q, k = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    return q, k, rng.normal(size=(5, 4))


def moco_forward(q, k, queue):
    logits = np.hstack([(q * k).sum(1, keepdims=True), q @ queue.T]) / 0.7
    m = logits.max(1, keepdims=True)
    lse = m[:, 0] + np.log(np.exp(logits - m).sum(1))
    return (lse - logits[:, 0]).mean(), (q, k, queue, np.exp(logits - lse[:, None]))


def moco_backward(dout, cache):
    q, k, queue, p = cache
    d = p.copy()
    d[:, 0] -= 1
    d = d * dout / (0.7 * len(q))
    dq = d[:, :1] * k + d[:, 1:] @ queue
    dk = d[:, :1] * q
    dqueue = d[:, 1:].T @ q
    return dq, dk, dqueue
