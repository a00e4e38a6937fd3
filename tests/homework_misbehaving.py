"""Homework with every gradient formula right that misbehaves all the same, for the checker's tests.

Idea: a name says what is wrong, `<kind>__<what>_forward`, and the file is an ordinary homework file:
the tests read it as one, here and in a process of its own. homework_behaving.py holds what looks
like it and is right.
"""

import numpy as np

X = np.random.default_rng(5).normal(size=(4, 3))
W = np.random.default_rng(6).normal(size=(3, 5))
B = np.random.default_rng(7).normal(size=5)


def make_inputs(seed):
    return (np.random.default_rng(seed).normal(size=(4, 3)),)


def affine(x, w, b):
    return x @ w + b, (x, w)


def affine_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 3)), rng.normal(size=(3, 5)), rng.normal(size=5)


# mutates_input ----------------------------------------------------------------------------------


def mutates_input__softmax_forward(x):
    x -= x.max(axis=1, keepdims=True)
    e = np.exp(x)
    y = e / e.sum(axis=1, keepdims=True)
    return y, y


def mutates_input__softmax_backward(dout, y):
    return y * (dout - (dout * y).sum(axis=1, keepdims=True))


def mutates_input__relu_forward(x):
    return np.maximum(x, 0), x


def mutates_input__relu_backward(dout, x):
    dout[x < 0] = 0
    return dout


def mutates_input__labels_forward(x, labels):
    labels %= 3
    return x[np.arange(4), labels], (x.shape, labels)


def mutates_input__labels_backward(dout, cache):
    shape, labels = cache
    dx = np.zeros(shape)
    dx[np.arange(4), labels] = dout
    return dx


def mutates_input__labels_inputs(seed):
    return *make_inputs(seed), np.array([2, 1, 3, 0])


def mutates_input__concatenate_forward(parts):
    parts[0] *= 2
    return np.concatenate(parts, axis=1), [p.shape[1] for p in parts]


def mutates_input__concatenate_backward(dout, widths):
    return [2 * dout[:, : widths[0]], dout[:, widths[0] :]]


def mutates_input__concatenate_inputs(seed):
    return ([*make_inputs(seed), *make_inputs(seed + 1)],)


def mutates_input__no_cache_forward(x, w):
    return x @ w


def mutates_input__no_cache_backward(dout, x, w):
    dx = dout @ w.T
    dw = x.T @ dout
    w *= 0
    return dx, dw


def mutates_input__no_cache_inputs(seed):
    return affine_inputs(seed)[:2]


# mutates_cache ----------------------------------------------------------------------------------


def mutates_cache__relu_forward(x):
    return np.maximum(x, 0), x


def mutates_cache__relu_backward(dout, x):
    x[x > 0] = 1
    x[x < 0] = 0
    return x * dout


def mutates_cache__tanh_forward(x):
    y = np.tanh(x)
    return y, {"y": y}


def mutates_cache__tanh_backward(dout, cache):
    y = cache["y"]
    y *= y
    return (1 - y) * dout


def mutates_cache__own_copy_forward(x):
    return x * x, (2 * x,)


def mutates_cache__own_copy_backward(dout, cache):
    (slope,) = cache
    slope *= dout
    return slope


def mutates_cache__list_forward(x):
    return 3 * x, [3.0 * np.ones(x.shape)]


def mutates_cache__list_backward(dout, cache):
    np.multiply(cache[0], dout, out=cache[0])
    return cache[0].copy()


# stale_cache ------------------------------------------------------------------------------------

memory = {}
history = []
buffer = np.zeros((4, 3))
last_mask = None


def stale_cache__global_forward(x):
    global last_mask
    last_mask = x > 0
    return x * last_mask, x.shape


def stale_cache__global_backward(dout, _cache):
    return dout * last_mask


def stale_cache__dict_forward(x, w):
    memory.update(x=x.copy(), w=w.copy())
    return x @ w


def stale_cache__dict_backward(dout):
    return dout @ memory["w"].T, memory["x"].T @ dout


def stale_cache__dict_inputs(seed):
    return affine_inputs(seed)[:2]


def stale_cache__stack_forward(x):
    history.append(x * 1.0)
    return x * x, None


def stale_cache__stack_backward(dout, _cache):
    return 2 * history[-1] * dout


def stale_cache__buffer_forward(x):
    np.multiply(x, x, out=buffer)
    return buffer, x.copy()


def stale_cache__buffer_backward(dout, cache):
    return 2 * cache * dout


def stale_cache__function_forward(x):
    stale_cache__function_forward.y = np.tanh(x)
    return stale_cache__function_forward.y.copy(), x


def stale_cache__function_backward(dout, _x):
    return (1 - stale_cache__function_forward.y ** 2) * dout


# nondeterministic -------------------------------------------------------------------------------

calls = [0]
total = np.zeros(3)


def nondeterministic__dropout_forward(x):
    mask = np.random.random(x.shape) < 0.5
    return x * mask, x


def nondeterministic__dropout_backward(dout, _x):
    return dout * (np.random.random(dout.shape) < 0.5)


def nondeterministic__noise_forward(x):
    return x * 2, None


def nondeterministic__noise_backward(dout, _cache):
    return 2 * dout + 1e-3 * np.random.default_rng().normal(size=dout.shape)


def nondeterministic__counter_forward(x):
    return x * 2, None


def nondeterministic__counter_backward(dout, _cache):
    calls[0] += 1
    return 2 * dout / calls[0]


def nondeterministic__accumulates_forward(x, b):
    return x + b, None


def nondeterministic__accumulates_backward(dout, _cache):
    global total
    total = total + dout.sum(axis=0)
    return dout, total


def nondeterministic__accumulates_inputs(seed):
    return *make_inputs(seed), np.arange(3.0)


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


def wrong_shape__none_forward(x, w, b):
    return affine(x, w, b)


def wrong_shape__none_backward(dout, cache):
    x, w = cache
    return dout @ w.T, None, dout.sum(axis=0)


wrong_shape__none_inputs = affine_inputs


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
