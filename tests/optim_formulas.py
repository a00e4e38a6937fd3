"""The formulas of the optimizers, written once more: plain loops over float64 arrays.

Each takes the parameter, its gradients in order, and the optimizer's settings; -> the parameter
after the last step. CASES pairs them with the optimizers.
"""

import numpy as np

from minigen import optim


def sgd(x, grads, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
    b = None
    for g in grads:
        g = g + weight_decay * x
        b = g if b is None else momentum * b + (1 - dampening) * g
        x = x - lr * (g + momentum * b if nesterov else b if momentum else g)
    return x


def adam(x, grads, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, decoupled=False):
    m = v = 0.0
    for t, g in enumerate(grads, start=1):
        if decoupled:
            x = x - lr * weight_decay * x
        else:
            g = g + weight_decay * x
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        m_hat, v_hat = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
        x = x - lr * m_hat / (np.sqrt(v_hat) + eps)
    return x


def adamw(x, grads, weight_decay=1e-2, **settings):
    return adam(x, grads, weight_decay=weight_decay, decoupled=True, **settings)


def rmsprop(x, grads, lr, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False):
    v = a = b = 0.0
    for g in grads:
        g = g + weight_decay * x
        v, a = alpha * v + (1 - alpha) * g * g, alpha * a + (1 - alpha) * g
        b = momentum * b + g / (np.sqrt(v - a * a if centered else v) + eps)
        x = x - lr * b
    return x


def adagrad(x, grads, lr, lr_decay=0.0, weight_decay=0.0, initial=0.0, eps=1e-10):
    s = initial
    for t, g in enumerate(grads):
        g = g + weight_decay * x
        s = s + g * g
        x = x - lr / (1 + t * lr_decay) * g / (np.sqrt(s) + eps)
    return x


def adagrad_from(x, grads, initial_accumulator_value, **settings):
    return adagrad(x, grads, initial=initial_accumulator_value, **settings)


def lars(x, grads, lr, momentum=0.9, weight_decay=0.0, nesterov=False, eta=1e-3, adapt=True):
    b = 0.0
    for g in grads:
        size, slope = np.linalg.norm(x), np.linalg.norm(g)
        ratio = eta * size / (slope + weight_decay * size) if adapt and size * slope > 0 else 1
        d = ratio * (g + weight_decay * x)
        b = momentum * b + d
        x = x - lr * (d + momentum * b if nesterov else b)
    return x


def lamb(x, grads, lr, betas=(0.9, 0.999), eps=1e-6, weight_decay=1e-2):
    m = v = 0.0
    for t, g in enumerate(grads, start=1):
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        r = m / (1 - betas[0] ** t) / (np.sqrt(v / (1 - betas[1] ** t)) + eps) + weight_decay * x
        size, length = np.linalg.norm(x), np.linalg.norm(r)
        x = x - lr * (size / length if size * length > 0 else 1) * r
    return x


CASES = [
    (optim.SGD, sgd, {"lr": 0.1}),
    (optim.SGD, sgd, {"lr": 0.1, "weight_decay": 0.2}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9, "dampening": 0.4, "weight_decay": 0.2}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.2}),
    (optim.Adam, adam, {}),
    (optim.Adam, adam, {"lr": 0.01, "betas": (0.5, 0.9), "eps": 1e-2, "weight_decay": 0.3}),
    (optim.AdamW, adamw, {}),
    (optim.AdamW, adamw, {"lr": 0.1, "betas": (0.0, 0.9), "weight_decay": 0.5}),
    (optim.RMSprop, rmsprop, {"lr": 0.02}),
    (optim.RMSprop, rmsprop, {"lr": 0.02, "alpha": 0.8, "weight_decay": 0.2, "momentum": 0.7}),
    (optim.RMSprop, rmsprop, {"lr": 0.1, "alpha": 0.6, "centered": True, "eps": 0.1}),
    (optim.RMSprop, rmsprop, {"centered": True, "momentum": 0.5, "eps": 0.1, "lr": 0.05}),
    (optim.Adagrad, adagrad, {"lr": 0.1, "lr_decay": 0.3, "weight_decay": 0.2}),
    (optim.Adagrad, adagrad_from, {"lr": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-3}),
    (optim.LARS, lars, {"lr": 20.0, "weight_decay": 0.2}),
    (optim.LARS, lars, {"lr": 0.1, "nesterov": True, "adapt": False, "weight_decay": 0.3}),
    (optim.LAMB, lamb, {"lr": 0.1, "weight_decay": 0.3}),
    (optim.LAMB, lamb, {"lr": 0.01, "betas": (0.5, 0.9), "eps": 1e-2}),
]
