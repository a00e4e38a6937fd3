"""Rows of the shape ops.

All of them are linear. Read next: cases_row.py (the words used here), ops/shape.py.
"""

import numpy as np
from cases_row import below, case, normal, packed, run

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


def rolled(x, shifts, dims=None):
    """From the definition: element i goes to i + shift, modulo the size."""
    if dims is None:
        return rolled(x.reshape(-1), shifts, 0).reshape(x.shape)
    for shift, dim in zip(np.atleast_1d(shifts), np.atleast_1d(dims), strict=True):
        y = np.moveaxis(np.empty_like(x), dim, 0)
        for i, part in enumerate(np.moveaxis(x, dim, 0)):
            y[(i + shift) % len(y)] = part
        x = np.moveaxis(y, 0, dim)
    return x


def below_diagonal(x, diagonal):
    """1 where j <= i + diagonal, else 0."""
    i, j = np.indices(x.shape[-2:])
    return (j <= i + diagonal).astype(float)


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
        run((4, 2), dim=0, sizes=[-1, 2]),
        run((), dim=0, sizes=(1, 1)),
        run((2, 0), dim=1, sizes=(0, 3)),
    ),
    shape_op(
        "squeeze", ops.squeeze, squeezed,
        run((2, 1, 3, 1)),
        run((2, 1, 3, 1), dim=1),
        run((1, 2, 1), dim=(0, -1)),
        run((1, 2, 1), dim=[0, 1]),
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
        run((2, 3), sizes=(np.int64(2), 3)),
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
    shape_op(
        "movedim", ops.movedim, lambda x, source, destination: np.moveaxis(x, source, destination),
        run((2, 3, 1), source=0, destination=-1),
        run((2, 3, 4), source=(0, -1), destination=(1, 0)),
        run((2, 1, 3, 2), source=[3, 1], destination=[0, 3]),
        run((0, 2), source=1, destination=0),
    ),
    shape_op(
        "roll", ops.roll, rolled,
        run((2, 3), shifts=1),
        run((2, 3), shifts=-2, dims=1),
        run((2, 3, 2), shifts=(1, 4), dims=(-1, 1)),
        run((2, 3), shifts=(1, 1), dims=(1, 1)),
        run((), shifts=1),
        run((0, 3), shifts=2),
        run((2, 0), shifts=[1], dims=[0]),
    ),
]

REPEATING = [
    shape_op(
        "tile", listed(ops.tile), lambda x, sizes: np.tile(x, np.ravel(sizes).astype(int)),
        run((2, 3), sizes=(2, 1)),
        run((2, 3), sizes=(3,)),
        run((2,), sizes=([2, 1, 2],)),
        run((), sizes=((2, 2),)),
        run((2, 2), sizes=(0, 2)),
        run((0, 2), sizes=(2, 2)),
        run((2,), sizes=((),)),
    ),
    shape_op(
        "repeat_interleave", ops.repeat_interleave,
        lambda x, repeats, dim=None: np.repeat(x, repeats, dim),
        run((2, 3), repeats=2),
        run((2, 3), repeats=3, dim=-1),
        run((2, 2, 2), repeats=2, dim=1),
        run((), repeats=2),
        run((2, 3), repeats=0, dim=0),
        run((2, 0), repeats=2, dim=0),
    ),
    case(
        "repeat_interleave", lambda x, n, dim=None: ops.repeat_interleave(x, n, dim),
        lambda x, n, dim=None: np.repeat(x, n, dim),
        [
            run((2, 3), (3,), dim=1),
            run((2, 3), (2,), dim=0),
            run((2, 3), (6,)),
            run((2, 3), (1,), dim=0),
            run((2, 3), (), dim=1),
            run((0, 2), (0,), dim=0),
        ],
        normal, below(3), linear=(0,),
    ),
]

DIAGONALS = [
    *[
        shape_op(
            name, fn, numpy,
            run((3, 3)),
            run((2, 3), diagonal=1),
            run((3, 2), diagonal=-1),
            run((2, 2, 3), diagonal=-2),
            run((2, 2), diagonal=5),
            run((0, 2)),
        )
        for name, fn, numpy in [
            ("tril", ops.tril, lambda x, diagonal=0: x * below_diagonal(x, diagonal)),
            ("triu", ops.triu, lambda x, diagonal=0: x * (1 - below_diagonal(x, diagonal - 1))),
        ]
    ],
    shape_op(
        "diag", ops.diag, lambda x, diagonal=0: np.diag(x, diagonal),
        run((3,)),
        run((2,), diagonal=1),
        run((2,), diagonal=-2),
        run((2, 3)),
        run((3, 2), diagonal=-1),
        run((2, 3), diagonal=4),
        run((0,)),
    ),
    shape_op(
        "diagonal", ops.diagonal,
        lambda x, offset=0, dim1=0, dim2=1: np.diagonal(x, offset, dim1, dim2),
        run((2, 3)),
        run((3, 3), offset=1),
        run((2, 3, 4), offset=-1, dim1=-2, dim2=-1),
        run((2, 3, 4), offset=1, dim1=2, dim2=0),
        run((2, 3), offset=-7),
        run((2, 0, 3), dim1=0, dim2=2),
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
            run((2, 3, 2), (2, 3, 2), dim=-2),
        ],
        linear=(0, 1, 2),
    ),
    shape_op(
        "split", ops.split, split_sizes,
        run((5, 2), split_size=np.int64(2)),
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
        run((2,), chunks=np.int64(3)),
    ),
    shape_op(
        "unbind", ops.unbind,
        lambda x, dim=0: tuple(x[(slice(None),) * dim + (i,)] for i in range(x.shape[dim])),
        run((2, 3)),
        run((2, 3, 2), dim=1),
        run((3,)),
        run((2, 0)),
    ),
]

SHAPE = [*RESHAPING, *REORDERING, *REPEATING, *DIAGONALS, *JOINING]
