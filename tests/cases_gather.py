"""Rows of reading and writing at positions: ops/index.py and ops/gather.py.

Read next: cases_row.py (the words used here).
"""

import numpy as np
from cases_row import at, below, case, mask, normal, run
from cases_shape import shape_op

from minigen import ops

Q = slice(None)


def gathered(x, index, dim):
    y = np.empty(index.shape)
    for place, i in np.ndenumerate(index):
        y[place] = x[(*place[:dim], i, *place[dim:][1:])]
    return y


def scattered(x, index, src, dim):
    y = x.copy()
    for place, i in np.ndenumerate(index):
        y[(*place[:dim], i, *place[dim:][1:])] += src[place]
    return y


def along(x, indices, dim=None):
    """y[...] = x[...] with the index along dim, everything else broadcast."""
    if dim is None:
        x, indices, dim = x.reshape(-1), indices.reshape(-1), 0
    x, indices = np.moveaxis(x, dim, 0), np.moveaxis(indices, dim, 0)
    rest = np.broadcast_shapes(x.shape[1:], indices.shape[1:])
    x, indices = (np.broadcast_to(a, (len(a), *rest)) for a in (x, indices))
    y = np.empty(indices.shape)
    for place, i in np.ndenumerate(indices):
        y[place] = x[(i, *place[1:])]
    return np.moveaxis(y, 0, dim)


def filled(x, mask, value):
    """x with value where the mask holds, without a product: it may be infinite."""
    x, mask = np.broadcast_arrays(x, mask)
    both = zip(x.flat, mask.flat, strict=True)
    return np.array([value if hidden else v for v, hidden in both]).reshape(x.shape)


def classes(x, num_classes=-1):
    count = x.max() + 1 if num_classes == -1 else num_classes
    return (x[..., None] == np.arange(count)).astype(int)


def put(x, value, key, accumulate=False):
    y = x.copy()
    if accumulate:
        np.add.at(y, key, value)
    else:
        y[key] = value
    return y


KEYS = [
    1,
    -1,
    (0, 2),
    slice(1, None),
    (Q, slice(None, None, -2)),
    (..., None, 1),
    None,
    (Q, [0, 2, 2]),
    np.array([[0, 1], [1, 1]]),
    ([0, 1, 0], [2, 0, 2]),
    (np.array([[0], [1]]), np.array([2, 2])),
    (Q, None, [True, False, True]),
    np.array([[True, False, True], [False, False, True]]),
    np.zeros(0, int),
    slice(0, 0),
    np.zeros((2, 3), bool),
    (0, [1, 1]),
    ([0, 1], Q, None),
]


READING = [
    shape_op("index", ops.index, lambda x, key: x[key], *[run((2, 3), key=key) for key in KEYS]),
    shape_op(
        "index", ops.index, lambda x, key: x[key],
        run((2, 3, 2), key=([1, 0], Q, [1, 1])),
        run((2, 2, 3), key=(Q, [1, 0], [1, 1])),
        run((2, 3, 2), key=(..., 0)),
        run((2, 3, 2), key=(np.array([True, False]), 1)),
        run((), key=()),
        run((), key=None),
        run((0, 3), key=(Q, 1)),
    ),
    case(
        "index", ops.index, lambda x, i: x[i], [run((3, 2), (2, 2))], normal, below(3), linear=(0,)
    ),
    case(
        "put", lambda x, value, key, **o: ops.put(x, key, value, **o), put,
        [
            run((2, 3), (3,), key=1),
            run((2, 3), (), key=(Q, 1)),
            run((2, 3), (2, 1), key=(Q, slice(1, None))),
            run((2, 3), (2,), key=([0, 1], [2, 0])),
            run((2, 3), (3,), key=np.array([[True, False, True], [False, False, True]])),
            run((2, 3), (2, 1), key=(Q, slice(1, None)), accumulate=True),
            run((2, 3), (4, 3), key=[0, 1, 0, 0], accumulate=True),
            run((2, 3), (), key=([0, 0, 1], [2, 2, 0]), accumulate=True),
            run((2, 0), (), key=0),
        ],
        linear=(0, 1),
        kinks=[at([1.0, 2.0], 9.0, key=0, y=[9, 2], grads=([0, 1], 1))],
    ),
    shape_op(
        "put", lambda x, key, accumulate: ops.put(x, key, 2.0, accumulate),
        lambda x, key, accumulate: put(x, 2.0, key, accumulate),
        run((2, 3), key=[0], accumulate=True),
        run((2, 3), key=(Q, [0, 2]), accumulate=False),
    ),
    case(
        "gather", lambda x, i, dim: ops.gather(x, dim, i), gathered,
        [
            run((2, 3), (4, 3), dim=0),
            run((3, 2), (2, 2), dim=0),
            run((2, 3, 2), (1, 2, 2), dim=1),
            run((2, 3), (2, 0), dim=1),
            run((2, 0), (1, 0), dim=0),
            run((3,), (5,), dim=0),
        ],
        normal, below(2), linear=(0,),
    ),
    case(
        "scatter_add", lambda x, i, src, dim: ops.scatter_add(x, dim, i, src), scattered,
        [
            run((2, 3), (4, 3), (4, 3), dim=0),
            run((3, 2), (2, 2), (3, 2), dim=0),
            run((2, 3, 2), (1, 2, 2), (2, 4, 2), dim=1),
            run((2, 3), (2, 0), (2, 1), dim=1),
        ],
        normal, below(2), normal, linear=(0, 2),
    ),
    case(
        "index_select", lambda x, i, dim: ops.index_select(x, dim, i),
        lambda x, i, dim: np.stack([x[(slice(None),) * dim + (j,)] for j in i], dim)
        if i.size else x[(slice(None),) * dim + (slice(0, 0),)],
        [
            run((2, 3), (4,), dim=0),
            run((3, 2, 2), (3,), dim=1),
            run((1, 2, 2), (3,), dim=2),
            run((2, 3), (0,), dim=1),
            run((0, 2), (2,), dim=1),
        ],
        normal, below(2), linear=(0,),
    ),
    case(
        "take_along_dim", ops.take_along_dim, along,
        [
            run((2, 3), (4, 3), dim=0),
            run((2, 3), (1, 2), dim=1),
            run((2, 1, 2), (1, 3, 2), dim=-1),
            run((1, 3), (2, 2), dim=1),
            run((2, 3), (2, 2)),
            run((2, 2), (2, 0), dim=1),
            run((0, 2), (1, 3), dim=1),
        ],
        normal, below(2), linear=(0,),
    ),
    case(
        "masked_fill", ops.masked_fill, filled,
        [
            run((2, 3), (2, 3), value=True),
            run((2, 3), (3,), value=-2),
            run((2, 1, 3), (2, 1), value=0.0),
            run((3,), (2, 3), value=0.5),
            run((), (), value=1.5),
            run((0, 2), (2,), value=1.5),
        ],
        normal, mask, linear=(0,),
        kinks=[
            at([1.0, np.nan], [False, True], value=5.0, y=[1, 5], grads=([1, 0],)),
            at([1.0, 2.0], [False, True], value=-np.inf, y=[1, -np.inf], grads=([1, 0],)),
        ],
    ),
    case(
        "masked_fill", ops.masked_fill, filled,
        [
            run((2, 3), (2, 3), ()),
            run((2, 1), (3,), ()),
            run((), (2,), ()),
            run((2, 0), (1,), ()),
        ],
        normal, mask, normal, linear=(0, 2),
    ),
    case(
        "one_hot", ops.one_hot, classes,
        [
            run((2, 3)),
            run((4,), num_classes=5),
            run((), num_classes=3),
            run((0, 2), num_classes=2),
        ],
        below(3), gives="int",
    ),
    case(
        "embedding", ops.embedding, lambda i, w, padding_idx=None: w[i],
        [
            run((2, 3), (3, 2)),
            run((), (3, 2)),
            run((4,), (3, 1)),
            run((0, 2), (3, 2)),
            run((2,), (3, 0)),
            run((5,), (4, 2), padding_idx=3),
            run((2, 2), (4, 3), padding_idx=-1),
        ],
        below(3), normal, linear=(1,),
        # the row of padding is looked up and gets no gradient
        kinks=[
            at(
                [[2, 0], [2, 1]], [[1.0], [2.0], [3.0]],
                y=[[[3], [1]], [[3], [2]]], grads=([[1], [1], [2]],),
            ),
            at(
                [[2, 0], [2, 1]], [[1.0], [2.0], [3.0]], padding_idx=2,
                y=[[[3], [1]], [[3], [2]]], grads=([[1], [1], [0]],),
            ),
            at([0, 0], [[1.0, 2.0]], padding_idx=-1, y=[[1, 2], [1, 2]], grads=([[0, 0]],)),
        ],
    ),
]

