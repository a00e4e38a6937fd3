"""One step of a vanilla RNN, in CS231n's names, and the whole sequence."""

import numpy as np


def rnn_step_inputs(seed):
    rng = np.random.default_rng([seed, 1])
    sizes = ((3, 2), (3, 4), (2, 4), (4, 4), (4,))
    return tuple(rng.normal(size=s) / 2 for s in sizes)


def rnn_step_forward(x, prev_h, Wx, Wh, b):
    next_h = np.tanh(x @ Wx + prev_h @ Wh + b)
    return next_h, (x, prev_h, Wx, Wh, next_h)


def rnn_step_backward(dnext_h, cache):
    x, prev_h, Wx, Wh, next_h = cache
    da = dnext_h * (1 - next_h**2)
    dx = da @ Wx.T
    dprev_h = da @ Wh.T
    dWx = x.T @ da
    dWh = prev_h.T @ da
    db = da.sum(axis=0)
    return dx, dprev_h, dWx, dWh, db


def rnn_inputs(seed):
    rng = np.random.default_rng([seed, 2])
    sizes = ((2, 3, 2), (2, 3), (2, 3), (3, 3), (3,))
    return tuple(rng.normal(size=s) / 2 for s in sizes)


def rnn_forward(x, h0, Wx, Wh, b):
    caches, hs, h = [], [], h0
    for t in range(x.shape[1]):
        h, cache = rnn_step_forward(x[:, t], h, Wx, Wh, b)
        hs.append(h)
        caches.append(cache)
    return np.stack(hs, axis=1), caches


def rnn_backward(dh, caches):
    N, T, H = dh.shape
    D = caches[0][0].shape[1]
    dx = np.zeros((N, T, D))
    dWx, dWh, db = np.zeros((D, H)), np.zeros((H, H)), np.zeros(H)
    dnext = np.zeros((N, H))
    for t in reversed(range(T)):
        step = rnn_step_backward(dh[:, t] + dnext, caches[t])
        dx[:, t], dnext = step[0], step[1]
        dWx += step[2]
        dWh += step[3]
        db += step[4]
    return dx, dnext, dWx, dWh, db
