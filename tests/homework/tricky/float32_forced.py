"""Code that forces float32 whatever comes in, and a convolution in float32."""

import numpy as np


def forced_inputs(seed):
    return np.random.default_rng(seed).normal(size=(3, 3)).astype(np.float32)


def forced_forward(x):
    x = np.asarray(x, dtype=np.float32)
    return np.tanh(x) * x, x


def forced_backward(dout, x):
    t = np.tanh(x)
    return (dout * (t + x * (1 - t * t))).astype(np.float32)


def conv_inputs(seed):
    rng = np.random.default_rng([seed, 1])
    return rng.normal(size=(2, 8)).astype("f"), rng.normal(size=3).astype("f")


def conv_forward(x, w):
    return sum(w[k] * x[:, k : k + 6] for k in range(3)), (x, w)


def conv_backward(dout, cache):
    x, w = cache
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for k in range(3):
        dx[:, k : k + 6] += w[k] * dout
        dw[k] = (dout * x[:, k : k + 6]).sum()
    return dx, dw
