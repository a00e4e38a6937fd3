"""Homework that looks as if it overwrote or remembered something, and is right.

Idea: for each kind in homework_calls_wrong.py look-alikes that must not be reported.
"""

import numpy as np


def make_inputs(seed):
    return (np.random.default_rng(seed).normal(size=(4, 3)),)


def two_inputs(seed):
    return *make_inputs(seed), *make_inputs(seed + 1)


# What is overwritten is a copy, or state ---------------------------------------------------------


def softmax_on_a_copy_forward(x):
    y = x - x.max(axis=1, keepdims=True)
    np.exp(y, out=y)
    y /= y.sum(axis=1, keepdims=True)
    return y, y.copy()


def softmax_on_a_copy_backward(dout, y):
    dx = dout.copy()
    dx -= (dout * y).sum(axis=1, keepdims=True)
    dx *= y
    return dx


def relu_on_a_copy_forward(x):
    return np.maximum(x, 0), x


def relu_on_a_copy_backward(dout, x):
    x = x.copy()
    x[x > 0] = 1
    x[x <= 0] = 0
    return dout * x


def running_statistics_forward(x, gamma, settings):
    mean, var = x.mean(axis=0), x.var(axis=0)
    settings["running_mean"] *= 0.9
    settings["running_mean"] += 0.1 * mean
    settings["running_var"] = 0.9 * settings["running_var"] + 0.1 * var
    xhat = (x - mean) / np.sqrt(var + settings["eps"])
    return gamma * xhat, (xhat, gamma, var, settings["eps"])


def running_statistics_backward(dout, cache):
    xhat, gamma, var, eps = cache
    g = dout * gamma
    dx = (g - g.mean(axis=0) - xhat * (g * xhat).mean(axis=0)) / np.sqrt(var + eps)
    return dx, (dout * xhat).sum(axis=0)


def running_statistics_inputs(seed):
    settings = {"eps": 1e-5, "running_mean": np.zeros(3), "running_var": np.ones(3)}
    return *make_inputs(seed), np.array([1.0, -2.0, 3.0]), settings


def running_argument_forward(x, running_mean):
    running_mean += 0.1 * x.mean(axis=0)
    return x - x.mean(axis=0), None


def running_argument_backward(dout, _cache):
    return dout - dout.mean(axis=0)


def running_argument_inputs(seed):
    return *make_inputs(seed), np.zeros(3)


def gradient_in_the_cache_forward(x):
    return x * x, {"x": x, "dx": np.zeros(x.shape)}


def gradient_in_the_cache_backward(dout, cache):
    cache["dx"][...] = 2 * cache["x"] * dout
    return cache["dx"]


def scratch_in_the_cache_forward(x):
    return x * x, (x, np.zeros(x.shape))


def scratch_in_the_cache_backward(dout, cache):
    x, scratch = cache
    np.multiply(x, dout, out=scratch)
    return 2 * scratch


def result_into_an_argument_forward(x, out):
    np.multiply(x, x, out=out)
    return out * 1.0, x


def result_into_an_argument_backward(dout, x):
    return 2 * x * dout


def result_into_an_argument_inputs(seed):
    return *make_inputs(seed), np.zeros((4, 3))


def add_forward(x, y):
    return x + y


def add_backward(dout, _cache):
    return dout, dout


add_inputs = two_inputs


def identity_forward(x):
    return x, None


def identity_backward(dout, _cache):
    return dout


# State that is no part of the result -------------------------------------------------------------

tables = {}
counted = [0]
stacks = []
generator = np.random.default_rng(3)


def table_by_shape_forward(x):
    counted[0] += 1
    if x.shape not in tables:
        tables[x.shape] = np.cos(np.arange(x.size)).reshape(x.shape)
    return x * tables[x.shape], x.shape


def table_by_shape_backward(dout, shape):
    return dout * tables[shape]


def only_once_forward(x):
    return x * x, [x]


def only_once_backward(dout, cache):
    return 2 * cache.pop() * dout


def dropout_forward(x):
    mask = (np.random.random(x.shape) < 0.5) / 0.5
    return x * mask, mask


def dropout_backward(dout, mask):
    return dout * mask


def dropout_of_generator_forward(x, rng):
    mask = rng.random(x.shape) < 0.5
    return x * mask, mask


def dropout_of_generator_backward(dout, mask):
    return dout * mask


def dropout_of_generator_inputs(seed):
    return *make_inputs(seed), np.random.default_rng(seed)


def dropout_of_module_forward(x):
    mask = generator.random(x.shape) < 0.5
    return x * mask, mask


def dropout_of_module_backward(dout, mask):
    return dout * mask


def jitter_forward(x):
    order = np.random.default_rng().permutation(x.shape[1])
    return x[:, order].sum(axis=1), (x.shape, order)


def jitter_backward(dout, cache):
    shape, _ = cache
    return np.broadcast_to(dout[:, None], shape) * 1.0


class Linear:
    def __init__(self):
        self.W = np.random.default_rng(1).normal(size=(3, 2))
        self.b = np.zeros(2)
        self.dW, self.db = np.zeros((3, 2)), np.zeros(2)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW += self.x.T @ dout
        self.db += dout.sum(axis=0)
        return dout @ self.W.T


Linear_inputs = make_inputs


class Dropout:
    def __init__(self):
        self.training = True

    def forward(self, x):
        self.mask = np.random.random(x.shape) < 0.5 if self.training else np.ones(x.shape)
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask


Dropout_inputs = make_inputs


def shuffled_mean(g):
    return g[np.random.default_rng().permutation(len(g))].mean(axis=0)


def jitter_around_zero_forward(x, b):
    y = x + b
    y = y - shuffled_mean(y)
    return (y, shuffled_mean(y)), None


def jitter_around_zero_backward(dout, _cache):
    dy = dout[0] + dout[1] / 4
    dx = dy - shuffled_mean(dy)
    return dx, 4 * shuffled_mean(dx)


def jitter_around_zero_inputs(seed):
    return *make_inputs(seed), np.arange(3.0)


# Losses ------------------------------------------------------------------------------------------


def cross_entropy_forward(logits, labels):
    z = logits - logits.max(axis=1, keepdims=True)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    return -np.log(p[rows, labels]).mean(), (p, labels)


def cross_entropy_backward(dout, cache):
    p, labels = cache
    dx = p.copy()
    dx[np.arange(len(labels)), labels] -= 1
    return dout * dx / len(labels)


def cross_entropy_inputs(seed):
    return *make_inputs(seed), np.array([2, 0, 1, 0])


def mean_square_forward(prediction, target):
    return float(((prediction - target) ** 2).mean()), (prediction, target)


def mean_square_backward(dout, cache):
    prediction, target = cache
    return 2 * dout * (prediction - target) / target.size


mean_square_inputs = two_inputs


def both_gradients_forward(x, y):
    return ((x - y) ** 2).sum(), x - y


def both_gradients_backward(dout, difference):
    return 2 * dout * difference, -2 * dout * difference


both_gradients_inputs = two_inputs
