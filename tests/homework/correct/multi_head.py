"""Multi-head self-attention with its four weight matrices in a dict of parameters."""

import numpy as np


def make_inputs(seed):
    rng = np.random.default_rng(seed)
    params = {name: rng.normal(size=(4, 4)) / 2 for name in ("Wq", "Wk", "Wv", "Wo")}
    return rng.normal(size=(2, 3, 4)), params


def heads(x, h):
    B, T, D = x.shape
    return x.reshape(B, T, h, D // h).transpose(0, 2, 1, 3)


def merge(x):
    B, h, T, d = x.shape
    return x.transpose(0, 2, 1, 3).reshape(B, T, h * d)


def mha_forward(x, params, h=2):
    q, k, v = (heads(x @ params[name], h) for name in ("Wq", "Wk", "Wv"))
    s = q @ k.swapaxes(2, 3) / np.sqrt(q.shape[3])
    e = np.exp(s - s.max(3, keepdims=True))
    p = e / e.sum(3, keepdims=True)
    y = merge(p @ v)
    return y @ params["Wo"], (x, params, q, k, v, p, y)


def mha_backward(dout, cache):
    x, params, q, k, v, p, y = cache
    h, d = q.shape[1], q.shape[3]
    dWo = np.einsum("bti,btj->ij", y, dout)
    dy = heads(dout @ params["Wo"].T, h)
    dv = p.swapaxes(2, 3) @ dy
    dp = dy @ v.swapaxes(2, 3)
    ds = p * (dp - (dp * p).sum(3, keepdims=True)) / np.sqrt(d)
    dq, dk, dv = merge(ds @ k), merge(ds.swapaxes(2, 3) @ q), merge(dv)
    grads = {"Wo": dWo}
    dx = np.zeros_like(x)
    for name, g in (("Wq", dq), ("Wk", dk), ("Wv", dv)):
        grads[name] = np.einsum("bti,btj->ij", x, g)
        dx += g @ params[name].T
    return dx, grads
