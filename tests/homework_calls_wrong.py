"""Homework that overwrites, remembers or draws what it should not; every formula in it is right.

Idea: a name says what is wrong, `<kind>__<what>_forward`. This is an ordinary homework file, and
the checker's tests read it as one, here and in a process of its own. homework_calls_right.py has
what looks like it and is right, homework_returns_wrong.py gradients that are wrong as a whole.
"""

import numpy as np


def make_inputs(seed):
    return (np.random.default_rng(seed).normal(size=(4, 3)),)


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


class stale_cache__Layer:
    def forward(self, x):
        stale_cache__Layer.x = x
        return x * x

    def backward(self, dout):
        return 2 * self.x * dout


def stale_cache__Layer_inputs(seed):
    return make_inputs(seed)


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
