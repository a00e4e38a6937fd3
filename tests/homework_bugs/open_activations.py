"""Activations: the mask of the wrong array, the input for the output, half a product rule."""

import numpy as np

KIND = {
    "sigmoid": "input_vs_output",
    "tanh": "input_vs_output",          # tanh is taken of what is a tanh already
    "relu": "wrong_mask",               # dout > 0
    "leaky_relu": "kink_outside_subgradient",   # 0 at 0, where the slopes are 0.1 and 1
    "elu": "missing_term",              # alpha exp(x) is y + alpha
    "gelu": "missing_term",             # x dPhi/dx
    "swish": "missing_term",
    "softplus": "sign",                 # of the exponent
    "hard_tanh": "wrong_mask",          # one side only
    "selu": "small_error",              # constants to three digits
    "absolute": "nan_at_edge",          # x / |x|
    "relu_inplace": "mutates_input",
}


def sigmoid_inputs(seed):
    return np.random.default_rng(seed).normal(size=(3, 4))


def sigmoid_forward(x):
    return 1 / (1 + np.exp(-x)), x


def sigmoid_backward(dout, x):
    return dout * x * (1 - x)


class tanh:
    def forward(self, x):
        self.x = np.tanh(x)
        return self.x

    def backward(self, dout):
        return dout * (1 - np.tanh(self.x) ** 2)


def tanh_inputs(seed):
    return np.random.default_rng(seed).normal(size=(2, 5))


def relu_inputs(seed):
    return np.random.default_rng(seed).normal(size=(4, 4))


def relu_forward(x):
    return np.maximum(x, 0), x


def relu_backward(dout, x):
    dx = dout.copy()
    dx[dout < 0] = 0
    return dx


def leaky_relu_inputs(seed):
    x = np.random.default_rng(seed).normal(size=(3, 4))
    x[0, 1] = x[2, 2] = 0.0
    return x


def leaky_relu_forward(x, slope=0.1):
    return np.where(x > 0, x, slope * x), (x, slope)


def leaky_relu_backward(dout, cache):
    x, slope = cache
    return dout * ((x > 0) + slope * (x < 0))


def elu_inputs(seed):
    return np.random.default_rng(seed).normal(size=(3, 4))


def elu_forward(x, alpha=1.5):
    y = np.where(x > 0, x, alpha * (np.exp(np.minimum(x, 0)) - 1))
    return y, (x, y, alpha)


def elu_backward(dout, cache):
    x, y, alpha = cache
    return np.where(x > 0, dout, dout * y)


def gelu_inputs(seed):
    return np.random.default_rng(seed).normal(size=(3, 4))


def gelu_forward(x):
    inner = np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
    t = np.tanh(inner)
    return 0.5 * x * (1 + t), (x, t)


def gelu_backward(dout, cache):
    x, t = cache
    return dout * 0.5 * (1 + t)


def swish_inputs(seed):
    return np.random.default_rng(seed).normal(size=(2, 6))


def swish_forward(x):
    s = 1 / (1 + np.exp(-x))
    return x * s, (x, s)


def swish_backward(dout, cache):
    x, s = cache
    dsig = s * (1 - s)
    return dout * x * dsig


def softplus_inputs(seed):
    return np.random.default_rng(seed).normal(size=(2, 6))


def softplus_forward(x):
    return np.log1p(np.exp(x)), x


def softplus_backward(dout, x):
    return dout / (1 + np.exp(x))


def hard_tanh_inputs(seed):
    return 2 * np.random.default_rng(seed).normal(size=(3, 5))


def hard_tanh_forward(x):
    return np.clip(x, -1, 1), x


def hard_tanh_backward(dout, x):
    grad = np.ones_like(x)
    grad[x > 1] = 0
    return dout * grad


def selu_inputs(seed):
    return np.random.default_rng(seed).normal(size=(3, 4))


def selu_forward(x):
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    return scale * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))), x


def selu_backward(dout, x):
    return dout * 1.05 * np.where(x > 0, 1, 1.673 * np.exp(x))


def absolute_inputs(seed):
    x = np.random.default_rng(seed).normal(size=(2, 4))
    x[1, 1] = 0.0
    return x


def absolute_forward(x):
    return np.abs(x), x


def absolute_backward(dout, x):
    return dout * x / np.abs(x)


def relu_inplace_inputs(seed):
    return np.random.default_rng(seed).normal(size=(3, 3))


def relu_inplace_forward(x):
    return x * (x > 0), x


def relu_inplace_backward(dout, x):
    dx = dout
    dx[x < 0] = 0
    return dx
