"""A network of two layers with its loss and weight decay, gradients in a dict by name."""

import numpy as np


def two_layer_inputs(seed):
    rng = np.random.default_rng(seed)
    params = {
        "W1": rng.normal(size=(3, 4)),
        "b1": rng.normal(size=4),
        "W2": rng.normal(size=(4, 3)),
        "b2": rng.normal(size=3),
    }
    return params, rng.normal(size=(5, 3)), rng.integers(0, 3, 5)


def two_layer_forward(params, X, y, reg=0.1):
    h = np.maximum(0, X @ params["W1"] + params["b1"])
    scores = h @ params["W2"] + params["b2"]
    z = scores - scores.max(1, keepdims=True)
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    loss = -np.log(p[np.arange(len(y)), y]).mean()
    loss += 0.5 * reg * (np.sum(params["W1"] ** 2) + np.sum(params["W2"] ** 2))
    return loss, {"params": params, "X": X, "y": y, "h": h, "p": p, "reg": reg}


def two_layer_backward(dout, cache):
    params, X, h, reg = cache["params"], cache["X"], cache["h"], cache["reg"]
    N = len(X)
    ds = cache["p"].copy()
    ds[np.arange(N), cache["y"]] -= 1
    ds *= dout / N
    grads = {"W2": h.T @ ds + dout * reg * params["W2"], "b2": ds.sum(axis=0)}
    dh = ds @ params["W2"].T
    dh[h <= 0] = 0
    grads["W1"] = X.T @ dh + dout * reg * params["W1"]
    grads["b1"] = dh.sum(axis=0)
    return {"params": grads, "X": dh @ params["W1"].T}
