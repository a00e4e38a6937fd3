"""Embedding, attention, recurrent cells, by other students."""

import numpy as np

KIND = {
    "embedding": "overwrites",          # dW[ids] = dout
    "embedding_padded": "wrong_mask",   # the padding word is not to learn
    "bag_of_words": "factor",           # the mean over the words
    "tied_output": "missing_term",      # the table is input and output layer
    "attention": "wrong_axis",          # softmax is taken over the keys, its sum over the queries
    "attention_values": "transpose",    # p @ dout, square
    "attention_scale": "factor",        # scaled twice
    "multi_head": "transpose",          # heads are put together without moving their axis
    "cross_attention": "missing_term",  # the memory is key and value
    "additive_attention": "factor",     # tanh is passed through as if it were linear
    "rnn": "off_by_one",                # 1 - h[t]**2, the state before the step
    "rnn_truncated": "flip",            # dx in the order in which the loop fills it
    "rnn_double": "double_count",       # dh is handed on and added again
    "lstm_step": "wrong_formula",       # the sigmoid's derivative for the candidate
    "lstm_forget": "wrong_formula",     # the new cell state for the old one
    "gru_step": "missing_term",         # h also reaches the output past the gates
    "reverse_cumsum": "flip",
    "sinusoid": "sign",
}


def softmax(s, axis=-1):
    e = np.exp(s - s.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def embedding_inputs(seed):
    return np.random.default_rng(seed).normal(size=(6, 2)), np.array([3, 1, 3, 0, 5])


def embedding_forward(W, ids):
    return W[ids], (W, ids)


def embedding_backward(dout, cache):
    W, ids = cache
    dW = np.zeros_like(W)
    dW[ids] = dout
    return dW


def embedding_padded_inputs(seed):
    return np.random.default_rng(seed).normal(size=(4, 3)), np.array([[1, 2, 0], [3, 0, 0]])


def embedding_padded_forward(W, ids):
    """word 0 is padding and becomes zeros"""
    keep = (ids != 0)[..., None]
    return W[ids] * keep, (W, ids, keep)


def embedding_padded_backward(dout, cache):
    W, ids, keep = cache
    dW = np.zeros_like(W)
    np.add.at(dW, ids, dout)
    return dW


def bag_of_words_inputs(seed):
    return np.random.default_rng(seed).normal(size=(5, 3)), np.array([[0, 1, 1, 4], [2, 0, 3, 1]])


def bag_of_words_forward(W, ids):
    return W[ids].mean(axis=1), (W.shape, ids)


def bag_of_words_backward(dout, cache):
    shape, ids = cache
    dW = np.zeros(shape)
    for n, sentence in enumerate(ids):
        for word in sentence:
            dW[word] += dout[n]
    return dW


def tied_output_inputs(seed):
    return np.random.default_rng(seed).normal(size=(5, 3)), np.array([1, 4, 1])


def tied_output_forward(W, ids):
    h = W[ids]
    return h @ W.T, (W, ids, h)


def tied_output_backward(dlogits, cache):
    W, ids, h = cache
    dh = dlogits @ W
    dW = np.zeros_like(W)
    np.add.at(dW, ids, dh)
    return dW


def attention_inputs(seed):
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=s) for s in ((2, 3, 4), (2, 5, 4), (2, 5, 2)))


def attention_forward(q, k, v):
    d = q.shape[-1]
    p = softmax(q @ np.swapaxes(k, 1, 2) / d**0.5)
    return p @ v, (q, k, v, p)


def attention_backward(dout, cache):
    q, k, v, p = cache
    dv = np.swapaxes(p, 1, 2) @ dout
    dp = dout @ np.swapaxes(v, 1, 2)
    ds = p * (dp - np.sum(p * dp, axis=1, keepdims=True)) / q.shape[-1] ** 0.5
    return ds @ k, np.swapaxes(ds, 1, 2) @ q, dv


def attention_values_inputs(seed):
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=(4, 3)) for _ in range(3))


def attention_values_forward(q, k, v):
    p = softmax(q @ k.T)
    return p @ v, (q, k, v, p)


def attention_values_backward(dout, cache):
    q, k, v, p = cache
    dp = dout @ v.T
    ds = p * (dp - (p * dp).sum(-1, keepdims=True))
    return ds @ k, ds.T @ q, p @ dout


def attention_scale_inputs(seed):
    return attention_inputs(seed)


def attention_scale_forward(q, k, v):
    scale = 1 / np.sqrt(q.shape[-1])
    q = q * scale
    p = softmax(np.einsum("bid,bjd->bij", q, k))
    return np.einsum("bij,bjd->bid", p, v), (q, k, v, p, scale)


def attention_scale_backward(dout, cache):
    q, k, v, p, scale = cache       # q is scaled already
    dv = np.einsum("bij,bid->bjd", p, dout)
    dp = np.einsum("bid,bjd->bij", dout, v)
    ds = scale * p * (dp - (dp * p).sum(axis=2, keepdims=True))
    dq = np.einsum("bij,bjd->bid", ds, k)
    dk = np.einsum("bij,bid->bjd", ds, q)
    return dq * scale, dk, dv


def multi_head_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, 3, 4)), rng.normal(size=(4, 4))


def multi_head_forward(x, wv, heads=2):
    """the values of each head, mixed by a fixed attention: the mean over time"""
    B, T, D = x.shape
    v = (x @ wv).reshape(B, T, heads, D // heads).transpose(0, 2, 1, 3)
    out = v + v.mean(axis=2, keepdims=True)
    return out, (x, wv)


def multi_head_backward(dout, cache):
    x, wv = cache
    dv = dout + dout.mean(axis=2, keepdims=True)
    dv = dv.reshape(x.shape)
    return dv @ wv.T, np.einsum("btd,bte->de", x, dv)


def cross_attention_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 4)), rng.normal(size=(5, 4))


def cross_attention_forward(x, memory):
    p = softmax(x @ memory.T / 2)
    return p @ memory, (x, memory, p)


def cross_attention_backward(dout, cache):
    x, memory, p = cache
    dp = dout @ memory.T
    ds = p * (dp - (dp * p).sum(1, keepdims=True)) / 2
    return ds @ memory, p.T @ dout


def additive_attention_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 3)), rng.normal(size=(5, 3)), rng.normal(size=3)


def additive_attention_forward(q, k, v):
    """scores of Bahdanau: v . tanh(q_i + k_j)"""
    t = np.tanh(q[:, None, :] + k[None, :, :])
    return t @ v, (t, v)


def additive_attention_backward(dout, cache):
    t, v = cache
    dt = dout[:, :, None] * v
    return dt.sum(axis=1), dt.sum(axis=0), np.tensordot(dout, t, axes=([0, 1], [0, 1]))


def rnn_inputs(seed):
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=s) / 2 for s in ((4, 2, 3), (2, 3), (3, 3), (3, 3), (3,)))


def rnn_forward(x, h0, U, W, b):
    """time first"""
    h = np.zeros((len(x) + 1, *h0.shape))
    h[0] = h0
    for t in range(len(x)):
        h[t + 1] = np.tanh(x[t] @ U + h[t] @ W + b)
    return h[1:], (x, h, U, W)


def rnn_backward(dout, cache):
    x, h, U, W = cache
    dx, dU, dW, db = np.zeros_like(x), np.zeros_like(U), np.zeros_like(W), np.zeros(len(W))
    dh = np.zeros_like(h[0])
    for t in reversed(range(len(x))):
        da = (dh + dout[t]) * (1 - h[t] ** 2)
        dx[t] = da @ U.T
        dU += x[t].T @ da
        dW += h[t].T @ da
        db += da.sum(axis=0)
        dh = da @ W.T
    return dx, dh, dU, dW, db


def rnn_truncated_inputs(seed):
    return rnn_inputs(seed)


def rnn_truncated_forward(x, h0, U, W, b):
    return rnn_forward(x, h0, U, W, b)


def rnn_truncated_backward(dout, cache):
    x, h, U, W = cache
    dx, dU, dW, db = [], 0, 0, 0
    dh = 0
    for t in range(len(x) - 1, -1, -1):
        da = (dh + dout[t]) * (1 - h[t + 1] ** 2)
        dx.append(da @ U.T)
        dU, dW, db = dU + x[t].T @ da, dW + h[t].T @ da, db + da.sum(axis=0)
        dh = da @ W.T
    return np.array(dx), dh, dU, dW, db


def rnn_double_inputs(seed):
    return rnn_inputs(seed)


def rnn_double_forward(x, h0, U, W, b):
    return rnn_forward(x, h0, U, W, b)


def rnn_double_backward(dout, cache):
    x, h, U, W = cache
    dx, dU, dW, db = np.zeros_like(x), np.zeros_like(U), np.zeros_like(W), np.zeros(len(W))
    dstates = np.zeros_like(h)
    dstates[1:] = dout
    for t in reversed(range(len(x))):
        dstates[t + 1] += dout[t]
        da = dstates[t + 1] * (1 - h[t + 1] ** 2)
        dx[t] = da @ U.T
        dU += x[t].T @ da
        dW += h[t].T @ da
        db += da.sum(axis=0)
        dstates[t] += da @ W.T
    return dx, dstates[0], dU, dW, db


def lstm_step_inputs(seed):
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=s) for s in ((2, 12), (2, 3)))


def lstm_step_forward(a, c):
    """the gates' pre-activations and the old cell to the new hidden state"""
    H = c.shape[1]
    i, f, o = (sigmoid(a[:, k * H:(k + 1) * H]) for k in range(3))
    g = np.tanh(a[:, 3 * H:])
    new = f * c + i * g
    return o * np.tanh(new), (i, f, o, g, c, new)


def lstm_step_backward(dh, cache):
    i, f, o, g, c, new = cache
    t = np.tanh(new)
    dnew = dh * o * (1 - t**2)
    gates = [dnew * g, dnew * c, dh * t, dnew * i]
    da = [d * s * (1 - s) for d, s in zip(gates, (i, f, o, g), strict=True)]
    return np.concatenate(da, axis=1), dnew * f


lstm_forget_inputs = lstm_step_inputs


def lstm_forget_forward(a, c):
    return lstm_step_forward(a, c)


def lstm_forget_backward(dh, cache):
    i, f, o, g, c, new = cache
    t = np.tanh(new)
    dnew = dh * o * (1 - t**2)
    dai = dnew * g * i * (1 - i)
    daf = dnew * new * f * (1 - f)
    dao = dh * t * o * (1 - o)
    dag = dnew * i * (1 - g**2)
    return np.hstack((dai, daf, dao, dag)), dnew * f


def gru_step_inputs(seed):
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=s) for s in ((2, 3), (2, 3), (3, 3), (3, 3)))


def gru_step_forward(x, h, Uz, Un):
    z = sigmoid(x + h @ Uz)
    n = np.tanh(x + h @ Un)
    return z * h + (1 - z) * n, (h, Uz, Un, z, n)


def gru_step_backward(dout, cache):
    h, Uz, Un, z, n = cache
    daz = dout * (h - n) * z * (1 - z)
    dan = dout * (1 - z) * (1 - n**2)
    dh = daz @ Uz.T + dan @ Un.T
    return daz + dan, dh, h.T @ daz, h.T @ dan


def reverse_cumsum_inputs(seed):
    return np.random.default_rng(seed).normal(size=(2, 5))


def reverse_cumsum_forward(x):
    return np.cumsum(x, axis=1), None


def reverse_cumsum_backward(dout, cache):
    return np.cumsum(dout, axis=1)


def sinusoid_inputs(seed):
    return np.random.default_rng(seed).normal(size=(3, 2))


def sinusoid_forward(x, L=3):
    """positional encoding of coordinates: sin and cos of 2^l x"""
    f = 2.0 ** np.arange(L)
    a = x[..., None] * f
    return np.concatenate([np.sin(a), np.cos(a)], axis=-1).reshape(len(x), -1), (x, f)


def sinusoid_backward(dout, cache):
    x, f = cache
    d = dout.reshape(*x.shape, -1)
    a = x[..., None] * f
    L = len(f)
    return ((d[..., :L] * np.cos(a) + d[..., L:] * np.sin(a)) * f).sum(axis=-1)
