"""Homework whose gradients have unusual order, nesting, shape, dtype or edges, and are right.

Idea: for each kind in homework_returns_wrong.py look-alikes that must not be reported.
"""

import numpy as np


def make_inputs(seed):
    return (np.random.default_rng(seed).normal(size=(4, 3)),)


def affine(x, w, b):
    return x @ w + b, (x, w)


def affine_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 3)), rng.normal(size=(3, 5)), rng.normal(size=5)


def two_inputs(seed):
    return *make_inputs(seed), *make_inputs(seed + 1)


# Count, shape and dtype --------------------------------------------------------------------------


def none_for_mask_forward(x, mask, scale):
    return x * mask * scale, (mask, scale)


def none_for_mask_backward(dout, cache):
    mask, scale = cache
    return dout * mask * scale, None, None


def none_for_mask_inputs(seed):
    return *make_inputs(seed), np.array([1.0, 0.0, 1.0]), 2.5


def held_fixed_forward(student, teacher):
    return ((student - teacher) ** 2).sum(axis=1), student - teacher


def held_fixed_backward(dout, difference):
    return 2 * dout[:, None] * difference, None


held_fixed_inputs = two_inputs


def float_argument_forward(x, scale):
    return x * scale, (x, scale)


def float_argument_backward(dout, cache):
    x, scale = cache
    return dout * scale, (dout * x).sum()


def float_argument_inputs(seed):
    return *make_inputs(seed), 2.5


def by_name_forward(x, w, b):
    return affine(x, w, b)


def by_name_backward(dout, cache):
    x, w = cache
    return {"db": dout.sum(axis=0), "dw": x.T @ dout, "dx": dout @ w.T}


by_name_inputs = affine_inputs


def parameters_forward(x, params):
    return x @ params["W"] + params["b"], (x, params)


def parameters_backward(dout, cache):
    x, params = cache
    return dout @ params["W"].T, {"W": x.T @ dout, "b": dout.sum(axis=0)}


def parameters_inputs(seed):
    x, w, b = affine_inputs(seed)
    return x, {"W": w, "b": b}


def concatenate_forward(parts, axis):
    return np.concatenate(parts, axis=axis), (len(parts), axis)


def concatenate_backward(dout, cache):
    count, axis = cache
    return np.split(dout, count, axis=axis)


def concatenate_inputs(seed):
    return list(two_inputs(seed)), 1


def float32_forward(x, w):
    return x @ w, (x, w)


def float32_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout


def float32_inputs(seed):
    return tuple(a.astype(np.float32) for a in affine_inputs(seed)[:2])


def mixed_forward(x, w):
    return x @ w, (x, w)


def mixed_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout


def mixed_inputs(seed):
    x, w, _ = affine_inputs(seed)
    return x.astype(np.float32), w


def two_outputs_forward(x):
    return (np.sin(x), x.sum(axis=0)), x


def two_outputs_backward(dout, x):
    first, second = dout
    return np.cos(x) * first + second


def top_forward(x):
    index = x.argmax(axis=1)
    return (x.max(axis=1), index), (x.shape, index)


def top_backward(dout, cache):
    shape, index = cache
    dx = np.zeros(shape)
    dx[np.arange(shape[0]), index] = dout[0]
    return dx


def empty_forward(x):
    return 2 * x, None


def empty_backward(dout, _cache):
    return 2 * dout


def empty_inputs(seed):
    return (np.zeros((0, 3)),)


def number_forward(x):
    return np.asarray(x * x), x


def number_backward(dout, x):
    return np.asarray(2 * x * dout)


def number_inputs(seed):
    return (np.array(1.5),)


def shared_forward(x, y):
    return x * y, (x, y)


def shared_backward(dout, cache):
    x, y = cache
    return dout * y, dout * x


def shared_inputs(seed):
    x = make_inputs(seed)[0]
    x.flags.writeable = False
    return x, x


# Edges -------------------------------------------------------------------------------------------


def log_forward(x):
    if (x <= 0).any():
        raise ValueError("log of a number that is not positive")
    return np.log(x), x


def log_backward(dout, x):
    return dout / x


def log_inputs(seed):
    return (np.abs(make_inputs(seed)[0]) + 0.5,)


def absolute_forward(x):
    return np.abs(x), x


def absolute_backward(dout, x):
    return dout * np.sign(x)


def absolute_inputs(seed):
    x = make_inputs(seed)[0]
    x[1] = 0.0
    return (x,)


def no_part_forward(x):
    return np.where(x > 0, x, 0.0), x > 0


def no_part_backward(dout, positive):
    return np.where(positive, dout, 0.0)


def no_part_inputs(seed):
    return (-np.abs(make_inputs(seed)[0]) - 1.0,)


def infinite_slope_forward(x):
    return np.sqrt(x), x


def infinite_slope_backward(dout, x):
    return dout / (2 * np.sqrt(x))


def infinite_slope_inputs(seed):
    x = np.abs(make_inputs(seed)[0])
    x[1, 2] = 0.0
    return (x,)


def entropy_at_zero_forward(x):
    return -x * np.log(np.where(x > 0, x, 1.0)), x


def entropy_at_zero_backward(dout, x):
    return dout * -(np.log(x) + 1)


entropy_at_zero_inputs = infinite_slope_inputs


def cube_root_forward(x):
    return np.cbrt(x), x


def cube_root_backward(dout, x):
    return dout / (3 * np.cbrt(x) ** 2)


def cube_root_inputs(seed):
    x = make_inputs(seed)[0]
    x[1, 2] = 0.0
    return (x,)
