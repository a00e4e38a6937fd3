"""One step of an LSTM, two outputs; gates in the order i, f, o, g."""

import numpy as np


def lstm_step_inputs(seed):
    rng = np.random.default_rng(seed)
    N, D, H = 2, 2, 3
    sizes = ((N, D), (N, H), (N, H), (D, 4 * H), (H, 4 * H), (4 * H,))
    return tuple(rng.normal(size=s) / 2 for s in sizes)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_step_forward(x, prev_h, prev_c, Wx, Wh, b):
    ai, af, ao, ag = np.split(x @ Wx + prev_h @ Wh + b, 4, axis=1)
    i, f, o, g = sigmoid(ai), sigmoid(af), sigmoid(ao), np.tanh(ag)
    next_c = f * prev_c + i * g
    t = np.tanh(next_c)
    next_h = o * t
    cache = (x, prev_h, prev_c, Wx, Wh, i, f, o, g, t)
    return next_h, next_c, cache


def lstm_step_backward(dout, cache):
    dnext_h, dnext_c = dout
    x, prev_h, prev_c, Wx, Wh, i, f, o, g, t = cache
    do = dnext_h * t
    dc = dnext_c + dnext_h * o * (1 - t**2)
    df = dc * prev_c
    dprev_c = dc * f
    di = dc * g
    dg = dc * i
    dai = di * i * (1 - i)
    daf = df * f * (1 - f)
    dao = do * o * (1 - o)
    dag = dg * (1 - g**2)
    da = np.hstack([dai, daf, dao, dag])
    return da @ Wx.T, da @ Wh.T, dprev_c, x.T @ da, prev_h.T @ da, da.sum(axis=0)
