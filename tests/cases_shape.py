"""Rows of the shape ops.

All of them are linear. Read next: cases_row.py (the words used here), ops/shape.py.
"""

import numpy as np
from cases_row import case, packed, run

from minigen import ops


def shape_op(name, fn, numpy, *runs):
    return case(name, fn, numpy, runs, linear=(0,))


def listed(fn):
    """fn(x, *sizes) as fn(x, sizes=...): reshape(2, 3) and reshape((2, 3)) are both allowed."""
    return lambda x, sizes: fn(x, *sizes)


def squeezed(x, dim=None):
    dims = range(x.ndim) if dim is None else np.atleast_1d(dim) % max(x.ndim, 1)
    return np.squeeze(x, tuple(d for d in dims if x.ndim and x.shape[d] == 1))


def split_sizes(x, split_size, dim=0):
    cuts = np.cumsum(split_size)[:-1] if isinstance(split_size, list) else np.arange(
        split_size, max(x.shape[dim], 1), split_size
    )
    return tuple(np.split(x, cuts, dim))


RESHAPING = [
    *[
        shape_op(
            name, listed(fn), listed(np.ndarray.reshape),
            run((2, 3), sizes=(3, 2)),
            run((2, 3), sizes=((6,),)),
            run((2, 3, 2), sizes=(-1, 4)),
            run((), sizes=(1, 1)),
            run((1,), sizes=((),)),
            run((0, 3), sizes=(3, 2, 0)),
            run((2, 0), sizes=(-1, 5)),
        )
        for name, fn in [("reshape", ops.reshape), ("view", ops.view)]
    ],
    shape_op(
        "flatten", ops.flatten,
        lambda x, start_dim=0, end_dim=-1: x.reshape(
            *x.shape[:start_dim], -1, *x.shape[x.ndim + end_dim + 1 if x.ndim else 0 :]
        ),
        run((2, 3)),
        run((2, 3, 2), start_dim=1),
        run((2, 3, 1, 2), start_dim=1, end_dim=-2),
        run(()),
    ),
    shape_op(
        "unflatten", ops.unflatten,
        lambda x, dim, sizes: x.reshape(*x.shape[:dim], *sizes, *x.shape[dim:][1:]),
        run((2, 6), dim=1, sizes=(2, 3)),
        run((4, 2), dim=0, sizes=(-1, 2)),
        run((2, 0), dim=1, sizes=(0, 3)),
    ),
    shape_op(
        "squeeze", ops.squeeze, squeezed,
        run((2, 1, 3, 1)),
        run((2, 1, 3, 1), dim=1),
        run((1, 2, 1), dim=(0, -1)),
        run((2, 1), dim=0),
        run(()),
        run((1, 0)),
    ),
    shape_op(
        "unsqueeze", ops.unsqueeze, lambda x, dim: np.expand_dims(x, dim),
        *[run((2, 3), dim=dim) for dim in (0, 1, 2, -1)],
        run((), dim=0),
        run((0,), dim=-2),
    ),
    shape_op(
        "broadcast_to", ops.broadcast_to, np.broadcast_to,
        run((3,), shape=(2, 3)),
        run((2, 1, 3), shape=(2, 2, 3)),
        run((), shape=(2, 2)),
        run((1, 3), shape=(0, 3)),
    ),
    shape_op(
        "expand", listed(ops.expand), lambda x, sizes: np.broadcast_to(x, (2, 3)),
        run((3,), sizes=(2, -1)),
        run((2, 1), sizes=((-1, 3),)),
        run((1, 3), sizes=(2, -1)),
        run((), sizes=(2, 3)),
    ),
    case(
        "meshgrid", ops.meshgrid, lambda *xs, indexing="ij": np.meshgrid(*xs, indexing=indexing),
        [run((2,), (3,)), run((2,), (3,), indexing="xy"), run((2,), (1,), (3,)), run((2,), (0,))],
        linear=(0, 1),
    ),
]

REORDERING = [
    shape_op(
        "permute", listed(ops.permute), lambda x, sizes: x.transpose(*sizes),
        run((2, 3, 1), sizes=(2, 0, 1)),
        run((2, 3, 2), sizes=((0, -1, 1),)),
        run((), sizes=((),)),
        run((0, 2), sizes=(1, 0)),
    ),
    shape_op(
        "transpose", ops.transpose,
        lambda x, dim0, dim1: np.swapaxes(x, dim0, dim1) if x.ndim else x,
        run((2, 3), dim0=0, dim1=1),
        run((2, 3, 2), dim0=-1, dim1=0),
        run((2,), dim0=0, dim1=-1),
        run((), dim0=0, dim1=0),
    ),
    shape_op(
        "flip", ops.flip, lambda x, dims: np.flip(x, dims),
        run((2, 3), dims=0),
        run((2, 3), dims=(0, -1)),
        run((2, 3, 2), dims=[1]),
        run((0, 2), dims=0),
    ),
]

JOINING = [
    case(
        "cat", packed(ops.cat), packed(lambda xs, dim=0: np.concatenate(xs, dim)),
        [
            run((2, 3), (1, 3)),
            run((2, 3), (2, 1), (2, 2), dim=1),
            run((2, 2, 1), (2, 1, 1), dim=-2),
            run((0, 3), (2, 3)),
            run((2,)),
        ],
        linear=(0, 1, 2),
    ),
    case(
        "stack", packed(ops.stack), packed(lambda xs, dim=0: np.stack(xs, dim)),
        [
            run((2, 3), (2, 3)),
            run((2,), (2,), (2,), dim=-1),
            run((), ()),
            run((2, 0), (2, 0), dim=1),
        ],
        linear=(0, 1, 2),
    ),
    shape_op(
        "split", ops.split, split_sizes,
        run((5, 2), split_size=2),
        run((2, 6), split_size=[1, 3, 0, 2], dim=-1),
        run((2, 3), split_size=4, dim=1),
        run((0, 2), split_size=2),
    ),
    shape_op(
        "chunk", ops.chunk,
        # chunks of equal size, as few as that takes: 5 into 4 are 2, 2, 1
        lambda x, chunks, dim=0: split_sizes(x, max(1, -(-x.shape[dim] // chunks)), dim),
        run((6, 2), chunks=3),
        run((2, 5), chunks=4, dim=1),
        run((2,), chunks=3),
    ),
]

SHAPE = [*RESHAPING, *REORDERING, *JOINING]
