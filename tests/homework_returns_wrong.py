"""Homework that returns gradients of the wrong order, shape or dtype, NaN, or without `dout`.

Idea: names as in homework_calls_wrong.py, `<kind>__<what>_forward`; homework_returns_right.py has
what looks like it and is right.
"""

import numpy as np


def make_inputs(seed):
    return (np.random.default_rng(seed).normal(size=(4, 3)),)


def affine(x, w, b):
    return x @ w + b, (x, w)


def affine_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 3)), rng.normal(size=(3, 5)), rng.normal(size=5)


# ignores_upstream -------------------------------------------------------------------------------


def ignores_upstream__square_forward(x):
    return x * x, x


def ignores_upstream__square_backward(dout, x):
    return 2 * x


def ignores_upstream__loss_forward(prediction, target):
    return ((prediction - target) ** 2).mean(), (prediction, target)


def ignores_upstream__loss_backward(dout, cache):
    prediction, target = cache
    return 2 * (prediction - target) / target.size


def ignores_upstream__loss_inputs(seed):
    return *make_inputs(seed), *make_inputs(seed + 1)


def ignores_upstream__bias_forward(x, w, b):
    return affine(x, w, b)


def ignores_upstream__bias_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout, np.full(w.shape[1], float(len(x)))


ignores_upstream__bias_inputs = affine_inputs


def ignores_upstream__penalty_forward(x, w, b):
    return affine(x, w, b)


def ignores_upstream__penalty_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout + 0.1 * w, dout.sum(axis=0)


ignores_upstream__penalty_inputs = affine_inputs


def ignores_upstream__clipped_forward(x):
    return 3 * x, None


def ignores_upstream__clipped_backward(dout, _cache):
    return 3 * np.clip(dout, -1.0, 1.0)


# wrong_order ------------------------------------------------------------------------------------


def wrong_order__affine_forward(x, w, b):
    return affine(x, w, b)


def wrong_order__affine_backward(dout, cache):
    x, w = cache
    return x.T @ dout, dout @ w.T, dout.sum(axis=0)


wrong_order__affine_inputs = affine_inputs


def wrong_order__rotated_forward(x, w, b):
    return affine(x, w, b)


def wrong_order__rotated_backward(dout, cache):
    x, w = cache
    return dout.sum(axis=0), dout @ w.T, x.T @ dout


wrong_order__rotated_inputs = affine_inputs


def wrong_order__by_name_forward(x, w, b):
    return affine(x, w, b)


def wrong_order__by_name_backward(dout, cache):
    x, w = cache
    return {"dw": dout @ w.T, "dx": x.T @ dout, "db": dout.sum(axis=0)}


wrong_order__by_name_inputs = affine_inputs


def wrong_order__product_forward(x, y):
    return x * y, (x, y)


def wrong_order__product_backward(dout, cache):
    x, y = cache
    return dout * x, dout * y


def wrong_order__product_inputs(seed):
    return *make_inputs(seed), *make_inputs(seed + 1)


def wrong_order__twice_forward(x, y):
    return x * x * y, (x, y)


def wrong_order__twice_backward(dout, cache):
    x, y = cache
    return dout * 2 * x * y, dout * 2 * x * y


wrong_order__twice_inputs = wrong_order__product_inputs


# wrong_shape ------------------------------------------------------------------------------------


def wrong_shape__keepdims_forward(x, w, b):
    return affine(x, w, b)


def wrong_shape__keepdims_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout, dout.sum(axis=0, keepdims=True)


wrong_shape__keepdims_inputs = affine_inputs


def wrong_shape__no_sum_forward(x, w, b):
    return affine(x, w, b)


def wrong_shape__no_sum_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout, dout


wrong_shape__no_sum_inputs = affine_inputs


def wrong_shape__transposed_forward(x, w, b):
    return affine(x, w, b)


def wrong_shape__transposed_backward(dout, cache):
    x, w = cache
    return dout @ w.T, dout.T @ x, dout.sum(axis=0)


wrong_shape__transposed_inputs = affine_inputs


def wrong_shape__one_number_forward(x):
    return x.sum(), x.shape


def wrong_shape__one_number_backward(dout, _shape):
    return dout


def wrong_shape__too_many_forward(x, w):
    return x @ w, (x, w)


def wrong_shape__too_many_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout, dout.sum(axis=0)


def wrong_shape__too_many_inputs(seed):
    return affine_inputs(seed)[:2]


def wrong_shape__nothing_forward(x):
    return 2 * x, None


def wrong_shape__nothing_backward(dout, _cache):
    dx = 2 * dout       # noqa: F841


# wrong_dtype ------------------------------------------------------------------------------------


def wrong_dtype__float64_forward(x):
    return x * x, x


def wrong_dtype__float64_backward(dout, x):
    dx = np.zeros(x.shape)
    dx += 2 * x * dout
    return dx


def wrong_dtype__float64_inputs(seed):
    return (make_inputs(seed)[0].astype(np.float32),)


def wrong_dtype__float32_forward(x):
    return 2 * x, None


def wrong_dtype__float32_backward(dout, _cache):
    return (2 * dout).astype(np.float32)


def wrong_dtype__complex_forward(x):
    return np.fft.fft(x).real, None


def wrong_dtype__complex_backward(dout, _cache):
    return np.fft.fft(dout)


def wrong_dtype__integer_forward(x):
    return 2 * x, None


def wrong_dtype__integer_backward(dout, _cache):
    return (2 * dout).astype(int)


def wrong_dtype__text_forward(x):
    return 2 * x, None


def wrong_dtype__text_backward(dout, _cache):
    return "2 * dout"


# nan_at_edge ------------------------------------------------------------------------------------


def at_zero(seed):
    x = make_inputs(seed)[0]
    x[1, 2] = 0.0
    return (x,)


def nan_at_edge__sign_forward(x):
    return np.abs(x), x


def nan_at_edge__sign_backward(dout, x):
    return dout * x / np.abs(x)


nan_at_edge__sign_inputs = at_zero


def nan_at_edge__cube_forward(x):
    return x**3, x


def nan_at_edge__cube_backward(dout, x):
    return dout * 3 * x**3 / x


nan_at_edge__cube_inputs = at_zero


def nan_at_edge__sinc_forward(x):
    return np.sinc(x), x


def nan_at_edge__sinc_backward(dout, x):
    a = np.pi * x
    return dout * np.pi * (np.cos(a) / a - np.sin(a) / a**2)


nan_at_edge__sinc_inputs = at_zero


def nan_at_edge__logistic_forward(x):
    return 0.5 + 0.5 * np.tanh(0.5 * x), x


def nan_at_edge__logistic_backward(dout, x):
    return dout * np.exp(-x) / (1 + np.exp(-x)) ** 2


def nan_at_edge__logistic_inputs(seed):
    x = make_inputs(seed)[0]
    x[0, 1] = -1000.0
    return (x,)
