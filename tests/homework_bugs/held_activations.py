"""Activations, by other students."""

import numpy as np

KIND = {
    "sigmoid": "sign",                  # y (y - 1)
    "tanh": "input_vs_output",
    "Tanh": "wrong_formula",            # the sigmoid's derivative
    "relu": "wrong_mask",               # the negative ones pass
    "relu_zero": "kink_outside_subgradient",    # 2 at 0
    "relu6": "wrong_mask",              # nothing stops at 6
    "leaky_relu": "wrong_mask",         # slope where x > 0
    "prelu": "missing_broadcast_sum",   # da of the last sample
    "gelu": "small_error",              # 0.0447, 0.8
    "silu": "missing_term",
    "mish": "factor",                   # x, in the second term
    "softplus": "input_vs_output",      # sigmoid of the output
    "square": "factor",
    "glu": "factor",                    # the sigmoid is passed through as if linear
    "maxout": "wrong_mask",             # by dout
    "sqrt": "nan_at_edge",              # 0 * inf
    "exp": "wrong_precision",           # kept in float32 for a moment
    "l1": "ignores_upstream",
}


def normal(seed):
    return np.random.default_rng(seed).normal(size=(3, 4))


sigmoid_inputs = normal


def sigmoid_forward(x):
    y = 1 / (1 + np.exp(-x))
    return y, y


def sigmoid_backward(dout, y):
    return dout * y * (y - 1)


tanh_inputs = normal


def tanh_forward(x):
    return np.tanh(x), x


def tanh_backward(dout, x):
    return (1 - np.square(x)) * dout


Tanh_inputs = normal


class Tanh:
    def forward(self, x):
        self.out = np.tanh(x)
        return self.out

    def backward(self, dout):
        return dout * self.out * (1 - self.out)


relu_inputs = normal


def relu_forward(x):
    return x * (x > 0), x


def relu_backward(dout, x):
    dx = dout.copy()
    dx[x > 0] = 0
    return dx


def relu_zero_inputs(seed):
    x = normal(seed)
    x[1, :2] = 0
    return x


def relu_zero_forward(x):
    return np.maximum(0, x), x


def relu_zero_backward(dout, x):
    mask = np.zeros_like(x)
    mask[x >= 0] += 1
    mask[x == 0] += 1
    return dout * mask


def relu6_inputs(seed):
    return 6 * normal(seed)


def relu6_forward(x):
    return np.minimum(np.maximum(x, 0), 6), x


def relu6_backward(dout, x):
    return dout * (x > 0)


leaky_relu_inputs = normal


def leaky_relu_forward(x, slope=0.2):
    return np.maximum(x, slope * x), (x, slope)


def leaky_relu_backward(dout, cache):
    x, slope = cache
    dx = np.array(dout)
    dx[x > 0] *= slope
    return dx


def prelu_inputs(seed):
    return normal(seed), np.random.default_rng([seed, 1]).uniform(0.1, 0.5, size=4)


def prelu_forward(x, a):
    return np.where(x > 0, x, a * x), (x, a)


def prelu_backward(dout, cache):
    x, a = cache
    dx = np.zeros_like(x)
    da = np.zeros_like(a)
    for n in range(x.shape[0]):
        dx[n] = np.where(x[n] > 0, 1, a) * dout[n]
        da = dout[n] * x[n] * (x[n] <= 0)
    return dx, da


gelu_inputs = normal


def gelu_forward(x):
    c = np.sqrt(2 / np.pi)
    t = np.tanh(c * (x + 0.044715 * x**3))
    return 0.5 * x * (1 + t), x


def gelu_backward(dout, x):
    t = np.tanh(0.8 * (x + 0.0447 * x**3))
    dt = (1 - t**2) * 0.8 * (1 + 3 * 0.0447 * x**2)
    return dout * (0.5 * (1 + t) + 0.5 * x * dt)


silu_inputs = normal


def silu_forward(x):
    s = 1 / (1 + np.exp(-x))
    return x * s, (x, s)


def silu_backward(dout, cache):
    x, s = cache
    return dout * s


mish_inputs = normal


def mish_forward(x):
    t = np.tanh(np.log1p(np.exp(x)))
    return x * t, (x, t)


def mish_backward(dout, cache):
    x, t = cache
    s = 1 / (1 + np.exp(-x))
    return dout * (t + (1 - t**2) * s)


softplus_inputs = normal


def softplus_forward(x):
    y = np.log(1 + np.exp(x))
    return y, y


def softplus_backward(dout, y):
    return dout / (1 + np.exp(-y))


square_inputs = normal


def square_forward(x):
    return x**2, x


def square_backward(dout, x):
    return dout * x


def glu_inputs(seed):
    return normal(seed)


def glu_forward(x):
    a, b = np.split(x, 2, axis=1)
    s = 1 / (1 + np.exp(-b))
    return a * s, (a, s)


def glu_backward(dout, cache):
    a, s = cache
    return np.concatenate([dout * s, dout * a], axis=1)


def maxout_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 4)), rng.normal(size=(3, 4))


def maxout_forward(a, b):
    return np.maximum(a, b), (a, b)


def maxout_backward(dout, cache):
    a, b = cache
    first = dout > 0
    return dout * first, dout * (1 - first)


def sqrt_inputs(seed):
    x = np.abs(normal(seed)) + 0.1
    x[0, 0] = 0
    return x


def sqrt_forward(x):
    """x sqrt(x)"""
    return x * np.sqrt(x), x


def sqrt_backward(dout, x):
    return dout * (np.sqrt(x) + x / (2 * np.sqrt(x)))


exp_inputs = normal


def exp_forward(x):
    y = np.exp(x)
    return y, y


def exp_backward(dout, y):
    dx = np.empty(y.shape, dtype=np.float32)
    dx[...] = dout * y
    return dx.astype(y.dtype)


l1_inputs = normal


def l1_forward(x):
    return np.abs(x).sum(), x


def l1_backward(dout, x):
    return np.sign(x)
