"""Softmax and the losses of a classifier, by other students."""

import numpy as np

KIND = {
    "softmax": "missing_broadcast_sum",     # dout * p is subtracted unsummed
    "softmax_loop": "transpose",        # columns come back as rows
    "softmax_columns": "wrong_axis",
    "logsumexp": "missing_broadcast_sum",   # the upstream of the first row for all
    "cross_entropy": "sign",
    "cross_entropy_ignored": "factor",  # the mean is over the labels that count
    "cross_entropy_ignored_rows": "wrong_mask",     # ignored rows still push
    "cross_entropy_logp": "wrong_formula",  # of the logits, for log-probabilities
    "cross_entropy_sequence": "factor",     # the mean is over batch and time
    "cross_entropy_copy": "ignores_upstream",
    "distillation": "factor",           # 1 / T from the logits
    "bce_logits": "input_vs_output",    # x - t
    "bce": "sign",                      # of the second half
    "bce_weighted": "missing_term",     # the negatives
    "multi_margin": "missing_term",     # the true class
    "squared_hinge": "factor",          # 2 margin
    "hinge": "wrong_mask",              # by the sign of the score
    "entropy": "missing_term",
    "brier": "wrong_formula",           # softmax is skipped
}
WRT = {"distillation": ("student",), "bce_logits": ("x",), "bce": ("p",), "bce_weighted": ("x",),
       "hinge": ("score",), "brier": ("x",)}    # fmt: skip


def softmax(x, axis=-1):
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def logits_and_labels(seed):
    return np.random.default_rng(seed).normal(size=(5, 4)), np.array([3, 0, 1, 1, 2])


def logits_and_targets(seed):
    return np.random.default_rng(seed).normal(size=6), np.array([1.0, 0, 0, 1, 1, 0])


def softmax_inputs(seed):
    return logits_and_labels(seed)[0]


def softmax_forward(x):
    y = softmax(x)
    return y, y


def softmax_backward(dout, y):
    return y * (dout - dout * y)


def softmax_loop_inputs(seed):
    return np.random.default_rng(seed).normal(size=(4, 4))


def softmax_loop_forward(x):
    """of each column"""
    y = softmax(x, axis=0)
    return y, y


def softmax_loop_backward(dout, y):
    rows = []
    for p, d in zip(y.T, dout.T, strict=True):
        J = np.diag(p) - np.outer(p, p)
        rows.append(J @ d)
    return np.array(rows)


def softmax_columns_inputs(seed):
    return logits_and_labels(seed)[0]


def softmax_columns_forward(x):
    y = softmax(x, axis=0)
    return y, y


def softmax_columns_backward(dout, y):
    inner = np.sum(dout * y, axis=1, keepdims=True)
    return y * (dout - inner)


def logsumexp_inputs(seed):
    return logits_and_labels(seed)[0]


def logsumexp_forward(x):
    m = x.max(axis=1, keepdims=True)
    return np.log(np.exp(x - m).sum(axis=1)) + m[:, 0], x


def logsumexp_backward(dout, x):
    return softmax(x) * dout[0]


cross_entropy_inputs = logits_and_labels


def cross_entropy_forward(x, y):
    p = softmax(x)
    n = x.shape[0]
    return -np.sum(np.log(p[np.arange(n), y])) / n, (p, y)


def cross_entropy_backward(dout, cache):
    p, y = cache
    onehot = np.zeros_like(p)
    onehot[np.arange(len(y)), y] = 1
    return dout * (onehot - p) / len(y)


def cross_entropy_ignored_inputs(seed):
    return logits_and_labels(seed)[0], np.array([3, -1, 0, -1, 2])


def cross_entropy_ignored_forward(x, y):
    """label -1: not counted"""
    keep = y >= 0
    logp = np.log(softmax(x))[np.arange(len(y)), np.where(keep, y, 0)]
    return -(logp * keep).sum() / keep.sum(), (x, y, keep)


def cross_entropy_ignored_backward(dout, cache):
    x, y, keep = cache
    dx = softmax(x)
    dx[np.arange(len(y))[keep], y[keep]] -= 1
    dx[~keep] = 0
    return dx * dout / len(y)


def cross_entropy_ignored_rows_inputs(seed):
    return cross_entropy_ignored_inputs(seed)


def cross_entropy_ignored_rows_forward(x, y):
    return cross_entropy_ignored_forward(x, y)


def cross_entropy_ignored_rows_backward(dout, cache):
    x, y, keep = cache
    dx = softmax(x)
    dx[keep, y[keep]] -= 1
    return dx * dout / keep.sum()


cross_entropy_logp_inputs = logits_and_labels


def cross_entropy_logp_forward(logp, y):
    return -np.mean(logp[np.arange(len(y)), y]), (logp, y)


def cross_entropy_logp_backward(dout, cache):
    logp, y = cache
    d = np.exp(logp)
    d[np.arange(len(y)), y] -= 1
    return dout * d / len(y)


def cross_entropy_sequence_inputs(seed):
    x = np.random.default_rng(seed).normal(size=(2, 3, 4))
    return x, np.array([[0, 3, 1], [2, 2, 0]])


def cross_entropy_sequence_forward(x, y):
    logp = np.log(softmax(x))
    return -np.take_along_axis(logp, y[..., None], axis=-1).mean(), (x, y)


def cross_entropy_sequence_backward(dout, cache):
    x, y = cache
    d = softmax(x) - np.eye(x.shape[-1])[y]
    return dout * d / x.shape[0]


cross_entropy_copy_inputs = logits_and_labels


def cross_entropy_copy_forward(x, y):
    p = softmax(x)
    loss = -np.log(p[np.arange(len(y)), y]).mean()
    grad = p.copy()
    grad[np.arange(len(y)), y] -= 1
    return loss, grad / len(y)      # the gradient is the cache: why not?


def cross_entropy_copy_backward(dout, grad):
    return grad


def distillation_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 4)), rng.normal(size=(3, 4))


def distillation_forward(student, teacher, T=2.0):
    p, q = softmax(student / T), softmax(teacher / T)
    return -(T**2) * (q * np.log(p)).sum(axis=1).mean(), (p, q, T)


def distillation_backward(dout, cache):
    p, q, T = cache
    return dout * T**2 * (p - q) / len(p)


bce_logits_inputs = logits_and_targets


def bce_logits_forward(x, t):
    return np.mean(np.log1p(np.exp(x)) - t * x), (x, t)


def bce_logits_backward(dout, cache):
    x, t = cache
    return dout * (x - t) / x.size


def bce_inputs(seed):
    x, t = logits_and_targets(seed)
    return sigmoid(x), t


def bce_forward(p, t):
    return -(t * np.log(p) + (1 - t) * np.log(1 - p)).sum(), (p, t)


def bce_backward(dout, cache):
    p, t = cache
    return dout * -(t / p + (1 - t) / (1 - p))


bce_weighted_inputs = logits_and_targets


def bce_weighted_forward(x, t, weight=3.0):
    """positives count three times"""
    loss = weight * t * np.log1p(np.exp(-x)) + (1 - t) * np.log1p(np.exp(x))
    return loss.mean(), (x, t, weight)


def bce_weighted_backward(dout, cache):
    x, t, weight = cache
    return dout * weight * t * (sigmoid(x) - 1) / len(x)


multi_margin_inputs = logits_and_labels


def multi_margin_forward(x, y):
    rows = np.arange(len(y))
    margins = np.maximum(0, x - x[rows, y][:, None] + 1)
    margins[rows, y] = 0
    return margins.sum(axis=1).mean(), (margins, y)


def multi_margin_backward(dout, cache):
    margins, y = cache
    dx = np.zeros_like(margins)
    dx[margins > 0] = 1
    return dout * dx / len(y)


squared_hinge_inputs = logits_and_labels


def squared_hinge_forward(x, y):
    return multi_squares(x, y).sum() / len(y), (x, y)


def multi_squares(x, y):
    rows = np.arange(len(y))
    margins = np.maximum(0, x - x[rows, y][:, None] + 1)
    margins[rows, y] = 0
    return margins**2


def squared_hinge_backward(dout, cache):
    x, y = cache
    rows = np.arange(len(y))
    d = (multi_squares(x, y) > 0).astype(float)
    d[rows, y] = -d.sum(axis=1)
    return dout * d / len(y)


def hinge_inputs(seed):
    x, t = logits_and_targets(seed)
    return x, 2 * t - 1


def hinge_forward(score, sign):
    return np.maximum(0, 1 - sign * score).mean(), (score, sign)


def hinge_backward(dout, cache):
    score, sign = cache
    return np.where(sign * score < 0, -sign, 0) * dout / len(score)


def entropy_inputs(seed):
    return np.random.default_rng(seed).dirichlet(np.ones(4), size=3) + 0.05


def entropy_forward(p):
    return -(p * np.log(p)).sum(axis=1), p


def entropy_backward(dout, p):
    return -dout[:, None] * np.log(p)


def brier_inputs(seed):
    x, y = logits_and_labels(seed)
    return x, np.eye(4)[y]


def brier_forward(x, t):
    p = softmax(x)
    return ((p - t) ** 2).sum(axis=1).mean(), (p, t)


def brier_backward(dout, cache):
    p, t = cache
    return dout * 2 * (p - t) / len(p)
