"""Embedding, attention, recurrent cells: what is used several times, and in which order."""

import numpy as np

KIND = {
    "embedding": "overwrites",          # dtable[ids] += dout, with ids that repeat
    "embedding_scaled": "factor",       # sqrt(d)
    "positions": "missing_broadcast_sum",   # the first sentence alone
    "attention": "factor",              # 1 / sqrt(d)
    "attention_scores": "missing_term",     # softmax as if its rows were independent numbers
    "attention_keys": "transpose",      # ds @ q, not ds.T @ q
    "self_attention": "missing_term",   # x is query, key and value
    "rotary": "sign",                   # rotates once more instead of back
    "rnn_step": "input_vs_output",      # 1 - a**2 with the pre-activation
    "rnn": "overwrites",                # dWx of one step alone
    "rnn_last": "missing_term",         # the gradient of the step after it
    "lstm_step": "missing_term",        # dnext_c
    "lstm_gates": "wrong_order",        # of the gates when they are put side by side
    "gru_step": "sign",                 # (1 - z)
    "time_mean": "factor",              # divided by T, not by the number of words
}
WRT = {"time_mean": ("x",)}


def softmax(s):
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def embedding_inputs(seed):
    rng = np.random.default_rng(seed)
    return np.array([[0, 2, 2], [4, 0, 1]]), rng.normal(size=(5, 3))


def embedding_forward(ids, table):
    return table[ids], (ids, table.shape)


def embedding_backward(dout, cache):
    ids, shape = cache
    dtable = np.zeros(shape)
    dtable[ids] += dout
    return None, dtable


def embedding_scaled_inputs(seed):
    return embedding_inputs(seed)


def embedding_scaled_forward(ids, table):
    return table[ids] * np.sqrt(table.shape[1]), (ids, table)


def embedding_scaled_backward(dout, cache):
    ids, table = cache
    dtable = np.zeros_like(table)
    for i, word in enumerate(ids.reshape(-1)):
        dtable[word] += dout.reshape(-1, table.shape[1])[i]
    return None, dtable


def positions_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 4, 2)), rng.normal(size=(6, 2))


def positions_forward(x, table):
    return x + table[:x.shape[1]], table.shape


def positions_backward(dout, shape):
    dtable = np.zeros(shape)
    dtable[:dout.shape[1]] = dout[0]
    return dout.copy(), dtable


def qkv(seed):
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=(2, 4, 3)) for _ in range(3))


attention_inputs = qkv


def attention_forward(q, k, v):
    p = softmax(q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1]))
    return p @ v, (q, k, v, p)


def attention_backward(dout, cache):
    q, k, v, p = cache
    dv = p.transpose(0, 2, 1) @ dout
    dp = dout @ v.transpose(0, 2, 1)
    ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True))
    dq = ds @ k
    dk = ds.transpose(0, 2, 1) @ q
    return dq, dk, dv


attention_scores_inputs = qkv


def attention_scores_forward(q, k, v):
    scale = q.shape[-1] ** -0.5
    p = softmax(np.einsum("bqd,bkd->bqk", q, k) * scale)
    return np.einsum("bqk,bkd->bqd", p, v), (q, k, v, p, scale)


def attention_scores_backward(dout, cache):
    q, k, v, p, scale = cache
    dv = np.einsum("bqk,bqd->bkd", p, dout)
    dp = np.einsum("bqd,bkd->bqk", dout, v)
    ds = dp * p * (1 - p) * scale
    return np.einsum("bqk,bkd->bqd", ds, k), np.einsum("bqk,bqd->bkd", ds, q), dv


def attention_keys_inputs(seed):
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=(4, 3)) for _ in range(3))


def attention_keys_forward(q, k, v):
    """causal, one head"""
    T, d = q.shape
    s = q @ k.T / np.sqrt(d)
    s = np.where(np.tril(np.ones((T, T))) == 1, s, -1e9)
    p = softmax(s)
    return p @ v, (q, k, v, p)


def attention_keys_backward(dout, cache):
    q, k, v, p = cache
    dv = p.T @ dout
    dp = dout @ v.T
    ds = p * (dp - np.sum(dp * p, axis=1, keepdims=True)) / np.sqrt(q.shape[1])
    return ds @ k, ds @ q, dv


def self_attention_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 3)), rng.normal(size=(3, 3))


def self_attention_forward(x, wq):
    q = x @ wq
    p = softmax(q @ x.T)
    return p @ x, (x, wq, q, p)


def self_attention_backward(dout, cache):
    x, wq, q, p = cache
    dp = dout @ x.T
    ds = p * (dp - (dp * p).sum(1, keepdims=True))
    dq = ds @ x
    dwq = x.T @ dq
    dx = dq @ wq.T + p.T @ dout
    return dx, dwq


def rotary_inputs(seed):
    return np.random.default_rng(seed).normal(size=(5, 4))


def rotary_forward(x):
    T, D = x.shape
    angle = np.arange(T)[:, None] / 100 ** (np.arange(D // 2) / (D // 2))
    c, s = np.cos(angle), np.sin(angle)
    a, b = x[:, ::2], x[:, 1::2]
    out = np.empty_like(x)
    out[:, ::2], out[:, 1::2] = a * c - b * s, a * s + b * c
    return out, (c, s)


def rotary_backward(dout, cache):
    c, s = cache
    da, db = dout[:, ::2], dout[:, 1::2]
    dx = np.empty_like(dout)
    dx[:, ::2], dx[:, 1::2] = da * c - db * s, da * s + db * c
    return dx


def rnn_step_inputs(seed):
    rng = np.random.default_rng(seed)
    sizes = ((2, 3), (2, 4), (3, 4), (4, 4), (4,))
    return tuple(rng.normal(size=s) / 2 for s in sizes)


def rnn_step_forward(x, h, Wx, Wh, b):
    a = x @ Wx + h @ Wh + b
    return np.tanh(a), (x, h, Wx, Wh, a)


def rnn_step_backward(dout, cache):
    x, h, Wx, Wh, a = cache
    da = dout * (1 - a**2)
    return da @ Wx.T, da @ Wh.T, x.T @ da, h.T @ da, da.sum(axis=0)


def rnn_inputs(seed):
    rng = np.random.default_rng(seed)
    sizes = ((2, 4, 3), (2, 3), (3, 3), (3, 3))
    return tuple(rng.normal(size=s) / 2 for s in sizes)


def rnn_forward(x, h0, Wx, Wh):
    h, hs = h0, [h0]
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ Wx + h @ Wh)
        hs.append(h)
    return np.stack(hs[1:], axis=1), (x, Wx, Wh, hs)


def rnn_backward(dout, cache):
    x, Wx, Wh, hs = cache
    dx, dh = np.zeros_like(x), np.zeros_like(hs[0])
    for t in reversed(range(x.shape[1])):
        dh = dh + dout[:, t]
        da = dh * (1 - hs[t + 1] ** 2)
        dx[:, t] = da @ Wx.T
        dWx = x[:, t].T @ da
        dWh = hs[t].T @ da
        dh = da @ Wh.T
    return dx, dh, dWx, dWh


def rnn_last_inputs(seed):
    return rnn_inputs(seed)


def rnn_last_forward(x, h0, Wx, Wh):
    return rnn_forward(x, h0, Wx, Wh)


def rnn_last_backward(dout, cache):
    x, Wx, Wh, hs = cache
    dx, dWx, dWh = np.zeros_like(x), np.zeros_like(Wx), np.zeros_like(Wh)
    for t in range(x.shape[1] - 1, -1, -1):
        da = dout[:, t] * (1 - hs[t + 1] ** 2)
        dx[:, t] = da @ Wx.T
        dWx += x[:, t].T @ da
        dWh += hs[t].T @ da
        dh0 = da @ Wh.T
    return dx, dh0, dWx, dWh


def lstm_step_inputs(seed):
    rng = np.random.default_rng(seed)
    sizes = ((2, 3), (2, 2), (2, 2), (3, 8), (2, 8))
    return tuple(rng.normal(size=s) for s in sizes)


def lstm_step_forward(x, h, c, Wx, Wh):
    i, f, o, g = np.split(x @ Wx + h @ Wh, 4, axis=1)
    i, f, o, g = sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g)
    next_c = f * c + i * g
    tc = np.tanh(next_c)
    return (o * tc, next_c), (x, h, c, Wx, Wh, i, f, o, g, tc)


def lstm_step_backward(dnext, cache):
    dnext_h, dnext_c = dnext
    x, h, c, Wx, Wh, i, f, o, g, tc = cache
    do = dnext_h * tc
    dc = dnext_h * o * (1 - tc**2)
    di, df, dg = dc * g, dc * c, dc * i
    da = np.hstack([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2)])
    return da @ Wx.T, da @ Wh.T, dc * f, x.T @ da, h.T @ da


lstm_gates_inputs = lstm_step_inputs


def lstm_gates_forward(x, h, c, Wx, Wh):
    return lstm_step_forward(x, h, c, Wx, Wh)


def lstm_gates_backward(dnext, cache):
    dh, dc_next = dnext
    x, h, c, Wx, Wh, i, f, o, g, tc = cache
    dc = dc_next + dh * o * (1 - tc**2)
    dai = dc * g * i * (1 - i)
    daf = dc * c * f * (1 - f)
    dao = dh * tc * o * (1 - o)
    dag = dc * i * (1 - g**2)
    da = np.concatenate([daf, dai, dao, dag], axis=1)       # f, i, o, g
    return da @ Wx.T, da @ Wh.T, dc * f, x.T @ da, h.T @ da


def gru_step_inputs(seed):
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=s) for s in ((2, 3), (2, 3), (3, 3), (3, 3)))


def gru_step_forward(x, h, Wz, Wn):
    """without a reset gate"""
    z, n = sigmoid((x + h) @ Wz), np.tanh((x + h) @ Wn)
    return (1 - z) * n + z * h, (x, h, Wz, Wn, z, n)


def gru_step_backward(dout, cache):
    x, h, Wz, Wn, z, n = cache
    dz = dout * (n + h)
    dn = dout * (1 - z)
    daz, dan = dz * z * (1 - z), dn * (1 - n**2)
    dsum = daz @ Wz.T + dan @ Wn.T
    return dsum, dsum + dout * z, (x + h).T @ daz, (x + h).T @ dan


def time_mean_inputs(seed):
    x = np.random.default_rng(seed).normal(size=(3, 4, 2))
    mask = np.array([[1, 1, 1, 0], [1, 1, 0, 0], [1, 1, 1, 1]])
    return x, mask


def time_mean_forward(x, mask):
    count = mask.sum(axis=1, keepdims=True)
    return (x * mask[:, :, None]).sum(axis=1) / count, (x, mask, count)


def time_mean_backward(dout, cache):
    x, mask, count = cache
    return dout[:, None, :] * mask[:, :, None] / x.shape[1]
