"""exp(30 x), x⁻⁴ and tanh(200 x): large derivatives of every order."""

import numpy as np


def make_inputs(seed):
    return np.random.default_rng(seed).uniform(0.3, 1.5, size=(2, 4))


def exp_forward(x):
    out = np.exp(30 * x)
    return out, out


def exp_backward(dout, out):
    return 30 * dout * out


def inverse_forward(x):
    return x**-4.0, x


def inverse_backward(dout, x):
    return -4 * dout * x**-5.0


def gate_inputs(seed):
    return np.random.default_rng(seed).normal(size=6) / 100


def gate_forward(x):
    t = np.tanh(200 * x)
    return t, t


def gate_backward(dout, t):
    return 200 * dout * (1 - t) * (1 + t)
