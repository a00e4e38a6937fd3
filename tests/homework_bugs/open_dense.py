"""Linear layers and what is built of them, by students who lost a transpose, a sum or a use."""

import numpy as np

KIND = {
    "linear": "transpose",              # w, not w.T; w is square, so that nothing protests
    "linear_sequence": "factor",        # "gradients are averaged over the batch"
    "scale_shift": "input_vs_output",   # out where x is needed
    "tied_autoencoder": "missing_term",     # w is used twice; only the decoder is looked at
    "quadratic": "missing_term",        # (A + A.T) x for a symmetric A only
    "outer": "wrong_order",             # da and db exchanged
    "skip_mlp": "missing_term",         # the shortcut
}


def linear_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 4)), rng.normal(size=(4, 4)), rng.normal(size=4)


def linear_forward(x, w, b):
    cache = (x, w)
    return x.dot(w) + b, cache


def linear_backward(dout, cache):
    x, w = cache
    dx = dout.dot(w)
    dw = x.T.dot(dout)
    db = np.sum(dout, axis=0)
    return dx, dw, db


def linear_sequence_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, 3, 4)), rng.normal(size=(4, 5)), rng.normal(size=5)


def linear_sequence_forward(x, w, b):
    return np.einsum("btd,dm->btm", x, w) + b, (x, w)


def linear_sequence_backward(dout, cache):
    x, w = cache
    batch = x.shape[0]
    dx = np.einsum("btm,dm->btd", dout, w)
    # average over the samples of the batch
    dw = np.einsum("btd,btm->dm", x, dout) / batch
    db = dout.sum(axis=(0, 1)) / batch
    return dx, dw, db


def scale_shift_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 3)), rng.normal(size=3), rng.normal(size=3)


def scale_shift_forward(x, gamma, beta):
    out = gamma * x + beta
    return out, (x, out, gamma)


def scale_shift_backward(dout, cache):
    x, out, gamma = cache
    dx = dout * gamma
    dgamma = np.sum(dout * out, axis=0)
    dbeta = np.sum(dout, axis=0)
    return dx, dgamma, dbeta


def tied_autoencoder_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 5)), rng.normal(size=(5, 2)) / 2


def tied_autoencoder_forward(x, w):
    code = np.tanh(x @ w)
    recon = code @ w.T
    return recon, (x, w, code)


def tied_autoencoder_backward(dout, cache):
    x, w, code = cache
    # decoder: recon = code @ w.T
    dcode = dout @ w
    dw = dout.T @ code
    # encoder: code = tanh(x @ w)
    da = dcode * (1 - code**2)
    dx = da @ w.T
    return dx, dw


def quadratic_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 4)), rng.normal(size=(4, 4))


def quadratic_forward(x, A):
    """x_n' A x_n for every row"""
    Ax = x @ A.T
    return (x * Ax).sum(axis=1), (x, A, Ax)


def quadratic_backward(dout, cache):
    x, A, Ax = cache
    dx = dout[:, None] * Ax
    dA = np.einsum("n,ni,nj->ij", dout, x, x)
    return dx, dA


def outer_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=4), rng.normal(size=4)


def outer_forward(a, b):
    return np.outer(a, b), (a, b)


def outer_backward(dout, cache):
    a, b = cache
    return a @ dout, dout @ b


def skip_mlp_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 4)), rng.normal(size=(4, 6)), rng.normal(size=(6, 4))


def skip_mlp_forward(x, w1, w2):
    h = np.maximum(0, x @ w1)
    return x + h @ w2, (x, w1, w2, h)


def skip_mlp_backward(dout, cache):
    x, w1, w2, h = cache
    dw2 = h.T @ dout
    dh = dout @ w2.T
    dh[h <= 0] = 0
    dw1 = x.T @ dh
    dx = dh @ w1.T
    return dx, dw1, dw2
