"""Rows of ops/norm.py, ops/layer_norm.py and ops/normalize.py.

Read next: cases_row.py (the words used here).
"""

import numpy as np
from cases_row import apart, at, case, normal, positive, run

from minigen import ops

# ---- the same in NumPy


def standard(x, axes, eps):
    """Mean 0 and variance 1 over the axes."""
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def by_channel(y, w, b):
    """y (N, C, ...) times w plus b, both (C,) or numbers."""
    w, b = (np.reshape(v, (-1,) + (1,) * (y.ndim - 2)) for v in (w, b))
    return y * w + b


def batch_norm(x, w=1.0, b=0.0, mean=None, var=None, training=True, eps=1e-5):
    if training:
        return by_channel(standard(x, (0, *range(2, x.ndim)), eps), w, b)
    centred = by_channel(x, 1.0, np.negative(mean))
    return by_channel(centred, w / np.sqrt(np.add(var, eps)), b)


def group_norm(x, w=1.0, b=0.0, num_groups=1, eps=1e-5):
    y, each = np.empty(x.shape), x.shape[1] // num_groups
    for n in range(len(x)):
        for first in range(0, x.shape[1], each):
            one = x[n, first : first + each]
            y[n, first : first + each] = standard(one, tuple(range(one.ndim)), eps)
    return by_channel(y, w, b)


def instance_norm(x, w=1.0, b=0.0, mean=None, var=None, use_input_stats=True, eps=1e-5):
    if use_input_stats:
        return by_channel(standard(x, tuple(range(2, x.ndim)), eps), w, b)
    return batch_norm(x, w, b, mean, var, False, eps)


def layer_norm(x, w=1.0, b=0.0, normalized_shape=(), eps=1e-5):
    return standard(x, tuple(range(-len(normalized_shape), 0)), eps) * w + b


def rms_norm(x, w=1.0, normalized_shape=(), eps=None):
    axes = tuple(range(-len(normalized_shape), 0))
    # the rows are far from 0, so that no dtype's epsilon matters
    return x / np.sqrt((x * x).mean(axes, keepdims=True) + (eps or 0)) * w


def normalize(x, p=2.0, dim=1, eps=1e-12):
    if isinstance(dim, int):
        return x / np.maximum(np.linalg.norm(x, p, dim, keepdims=True), eps)
    return x / np.maximum((np.abs(x) ** p).sum(dim, keepdims=True) ** (1 / p), eps)


def local_response_norm(x, size, alpha=1e-4, beta=0.75, k=1.0):
    y = np.empty(x.shape)
    for c in range(x.shape[1]):
        near = x[:, max(0, c - size // 2) : c + (size - 1) // 2 + 1]
        y[:, c] = x[:, c] / (k + alpha * (near * near).sum(1) / size) ** beta
    return y


# ---- ours, with the tensors first


def by_keyword(op):
    """The op with weight and bias after x, and its statistics as tensors."""

    def ours(x, w=None, b=None, mean=None, var=None, **options):
        given = dict(weight=w, bias=b, running_mean=mean, running_var=var)
        for name, v in given.items():
            if isinstance(v, list):
                v = ops.tensor(v, x.dtype, x.device)
            if v is not None:
                options[name] = v
        return op(x, **options)

    return ours


def our_batch_norm(x, w=None, b=None, mean=None, var=None, **options):
    mean, var = (v if v is None else ops.tensor(v, x.dtype, x.device) for v in (mean, var))
    return ops.batch_norm(x, mean, var, w, b, **options)


STATISTICS = dict(mean=[0.5, -1.0], var=[2.0, 0.3])
FIVE = dict(mean=[0.5, -1.0, 0.0, 9.0, 0.1], var=[2.0, 0.3, 1.0, 4.0, 0.5])


NORMALISATION = [
    case(
        "batch_norm", our_batch_norm, batch_norm,
        [
            run((4, 2), (2,), (2,), training=True),
            run((2, 2, 2), training=True, eps=0.1),
            run((2, 2, 1, 2), (2,), training=True),
            run((3, 2), (2,), (2,), **STATISTICS, training=False),
            run((2, 2, 2), **STATISTICS, training=False, eps=0.1),
            run((1, 2, 1, 1), (2,), **STATISTICS, training=False),
            run((0, 2, 3), (2,), (2,), **STATISTICS, training=False),
        ],
        normal, positive, normal, gives="float", linear=(1, 2),
    ),
    case(
        "group_norm", by_keyword(ops.group_norm), group_norm,
        [
            run((2, 4, 2), (4,), (4,), num_groups=2),
            run((2, 4, 1, 3), num_groups=4, eps=0.1),
            run((2, 3, 2, 1, 2), (3,), num_groups=1),
            run((3, 6), (6,), (6,), num_groups=2),
            run((0, 4, 3), (4,), (4,), num_groups=2),
            run((2, 4, 0), (4,), num_groups=2),
        ],
        normal, positive, normal, gives="float", linear=(1, 2),
        kinks=[
            # one element in each group: its own mean
            at([[[5.0], [-3.0]]], [2.0, 3.0], [0.5, 0.25], y=[[[0.5], [0.25]]],
               grads=([[[0.0], [0.0]]], [0, 0], [1, 1]), num_groups=2),
            at([[[7.0, 7.0]]], y=[[[0.0, 0.0]]], grads=([[[0.0, 0.0]]],), num_groups=1),
        ],
    ),
    case(
        "instance_norm", by_keyword(ops.instance_norm), instance_norm,
        [
            run((2, 3, 4), (3,), (3,)),
            run((2, 2, 2, 2), eps=0.1),
            run((1, 2, 2, 1, 2), (2,)),
            run((2, 2, 3), (2,), (2,), **STATISTICS, use_input_stats=False),
            run((1, 5, 1), **FIVE, use_input_stats=False, eps=0.1),
            run((0, 2, 3), (2,), (2,)),
            run((2, 0, 3)),
        ],
        normal, positive, normal, gives="float", linear=(1, 2),
    ),
    case(
        "layer_norm", by_keyword(ops.layer_norm), layer_norm,
        [
            run((3, 4), (4,), (4,), normalized_shape=(4,)),
            run((2, 2, 3), (2, 3), normalized_shape=(2, 3), eps=0.1),
            run((2, 1, 4), normalized_shape=(4,)),
            run((5,), (5,), (5,), normalized_shape=(5,)),
            run((0, 3), (3,), (3,), normalized_shape=(3,)),
            run((2, 0), (0,), normalized_shape=(0,)),
        ],
        normal, positive, normal, gives="float", linear=(1, 2),
        kinks=[
            at([[3.0], [-1.0]], [2.0], [0.5], y=[[0.5], [0.5]],
               grads=([[0.0], [0.0]], [0], [2]), normalized_shape=(1,)),
            at([[9.0, 9.0, 9.0]], y=[[0.0, 0.0, 0.0]], grads=([[0.0, 0.0, 0.0]],),
               normalized_shape=(3,)),
        ],
    ),
    case(
        "rms_norm", by_keyword(ops.rms_norm), rms_norm,
        [
            run((3, 4), (4,), normalized_shape=(4,), eps=1e-3),
            run((2, 2, 3), (2, 3), normalized_shape=(2, 3), eps=0.1),
            run((2, 3, 2), normalized_shape=(2,)),
            run((5,), (5,), normalized_shape=(5,)),
            run((0, 3), (3,), normalized_shape=(3,)),
        ],
        positive, normal, gives="float", linear=(1,),
        kinks=[
            at([[0.0, 0.0]], y=[[0.0, 0.0]], grads=([[2.0, 2.0]],), normalized_shape=(2,),
               eps=0.25),
        ],
    ),
    case(
        "normalize", ops.normalize, normalize,
        [
            run((2, 3)),
            run((2, 3, 2), dim=-1),
            run((3, 2, 2), dim=(0, 2)),
            run((2, 3), p=1.0),
            run((2, 3, 2), p=3, dim=0),
            run((2, 3), p=np.inf),
            run((2, 3), p=0.5),
            run((2, 2), eps=10.0),
            run((0, 3)),
        ],
        apart, gives="float",
        kinks=[
            # shorter than eps: divided by eps
            at([[0.0, 0.0]], y=[[0.0, 0.0]], grads=([[4.0, 4.0]],), eps=0.25),
            at([[0.0, 0.0]], y=[[0.0, 0.0]], grads=([[4.0, 4.0]],), eps=0.25, p=1.5),
            at([[3.0, 0.0, -4.0]], y=[[0.6, 0.0, -0.8]], grads=([[0.224, 0.2, 0.168]],)),
            at([[1.0, 0.0]], y=[[1.0, 0.0]], grads=([[0.0, 1.0]],), p=0.5),
            at([[1.0, -1.0]], y=[[1.0, -1.0]], grads=([[1.0, 1.0]],), p=np.inf),
            at([[4.0, 0.0]], y=[[4.0, 0.0]], grads=([[1.0, 1.0]],), p=0),
        ],
    ),
    case(
        "local_response_norm", ops.local_response_norm, local_response_norm,
        [
            run((2, 4, 3), size=3),
            run((1, 5, 2, 1), size=2, alpha=0.3, beta=0.5, k=2.0),
            run((2, 2, 1, 2, 1), size=5, alpha=1.0),
            run((1, 3, 2), size=1, alpha=1.0),
            run((0, 3, 2), size=2),
        ],
        gives="float",
    ),
]  # fmt: skip
