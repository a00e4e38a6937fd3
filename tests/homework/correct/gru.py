"""A GRU cell with the reset gate inside the candidate; parameters in a dict."""

import numpy as np


def gru_inputs(seed):
    rng = np.random.default_rng(seed)
    p = {}
    for gate in "rzn":
        p["W" + gate] = rng.normal(size=(2, 3)) / 2
        p["U" + gate] = rng.normal(size=(3, 3)) / 2
    return {"x": rng.normal(size=(2, 2)), "h": rng.normal(size=(2, 3)), "p": p}


def gru_forward(x, h, p):
    r = 1 / (1 + np.exp(-(x @ p["Wr"] + h @ p["Ur"])))
    z = 1 / (1 + np.exp(-(x @ p["Wz"] + h @ p["Uz"])))
    n = np.tanh(x @ p["Wn"] + (r * h) @ p["Un"])
    return (1 - z) * n + z * h, (x, h, p, r, z, n)


def gru_backward(dout, cache):
    x, h, p, r, z, n = cache
    dn = dout * (1 - z)
    dz = dout * (h - n)
    dan = dn * (1 - n**2)
    daz = dz * z * (1 - z)
    drh = dan @ p["Un"].T
    dar = drh * h * r * (1 - r)
    dh = dout * z + drh * r + daz @ p["Uz"].T + dar @ p["Ur"].T
    dx = dan @ p["Wn"].T + daz @ p["Wz"].T + dar @ p["Wr"].T
    dp = {"Wr": x.T @ dar, "Ur": h.T @ dar, "Wz": x.T @ daz, "Uz": h.T @ daz}
    dp["Wn"] = x.T @ dan
    dp["Un"] = (r * h).T @ dan
    return {"x": dx, "h": dh, "p": dp}
