"""Rows of reading and writing at positions: ops/index.py and ops/gather.py.

Read next: cases_row.py (the words used here).
"""

import numpy as np
from cases_row import at, below, case, normal, run
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
        "put", lambda x, key, accumulate: ops.put(x, key, 2.5, accumulate),
        lambda x, key, accumulate: put(x, 2.5, key, accumulate),
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
]

