"""Rows of the products: ops/linalg.py and ops/einsum.py.

Read next: cases_row.py (the words used here), test_linalg.py.
"""

import numpy as np
from cases_row import case, run

from minigen import ops


def einsum_by_loops(equation, *operands):
    """The definition: for every value of every letter, the product of one element of each operand.

    Letters only; the output is written out. A size 1 is repeated.
    """
    inputs, output = equation.replace(" ", "").split("->")
    terms, sizes = inputs.split(","), {}
    for term, x in zip(terms, operands, strict=True):
        for letter, size in zip(term, x.shape, strict=True):
            sizes[letter] = max(size, sizes.get(letter, size)) if size else 0
    y = np.zeros([sizes[letter] for letter in output])
    for values in np.ndindex(*sizes.values()):
        at = dict(zip(sizes, values, strict=True))
        y[tuple(at[c] for c in output)] += np.prod([
            x[tuple(at[c] % size for c, size in zip(term, x.shape, strict=True))]
            for term, x in zip(terms, operands, strict=True)
        ])
    return y


def einsum_written_out(*operands, equation, letters=None):
    return einsum_by_loops(letters or equation, *operands)


def einsum(*operands, equation, letters=None):
    return ops.einsum(equation, *operands)


def tensordot_by_loops(a, b, dims=2):
    """The sum over the paired dimensions, one product of outer slices at a time."""
    if isinstance(dims, int):
        dims = list(range(a.ndim - dims, a.ndim)), list(range(dims))
    ours, theirs = ([d % x.ndim for d in many] for many, x in zip(dims, (a, b), strict=True))
    total = np.zeros((*np.delete(a.shape, ours), *np.delete(b.shape, theirs)))
    for at in np.ndindex(*[a.shape[d] for d in ours]):
        key_a, key_b = [slice(None)] * a.ndim, [slice(None)] * b.ndim
        for value, i, j in zip(at, ours, theirs, strict=True):
            key_a[i] = key_b[j] = value
        total += np.multiply.outer(a[tuple(key_a)], b[tuple(key_b)])
    return total


PRODUCTS = [
    case(
        "matmul", ops.matmul, np.matmul,
        [
            run((2, 3), (3, 2)),
            run((3,), (3,)),
            run((2, 3), (3,)),
            run((2,), (2, 3)),
            run((2, 2, 3), (3, 2)),
            run((2, 3), (2, 3, 1)),
            run((2, 1, 2, 2), (3, 2, 1)),
            run((3,), (2, 3, 2)),
            run((2, 2, 3), (3,)),
            run((1, 1), (1, 1)),
            run((2, 0), (0, 3)),
            run((0, 2), (2, 3)),
            run((0, 2, 3), (3, 2)),
            run((2, 4, 0), (0, 2)),
            run((3, 2, 0), (0,)),
        ],
        linear=(0, 1),
    ),
    case(
        "linear", ops.linear, lambda x, w, b=0: x @ w.T + b,
        [
            run((2, 3), (2, 3), (2,)),
            run((2, 3), (4, 3)),
            run((3,), (2, 3), (2,)),
            run((2, 2, 3), (1, 3), (1,)),
            run((0, 3), (2, 3), (2,)),
            run((2, 3, 0), (5, 0)),
            run((1, 3, 2), (0, 2)),
        ],
        linear=(0, 1, 2),
    ),
    case(
        "outer", ops.outer, lambda a, b: a[:, None] * b,
        [run((2,), (3,)), run((1,), (1,)), run((0,), (2,))],
        linear=(0, 1),
    ),
    case(
        "dot", ops.dot, lambda a, b: (a * b).sum(),
        [run((3,), (3,)), run((1,), (1,)), run((0,), (0,))],
        linear=(0, 1),
    ),
    case(
        "tensordot", ops.tensordot, tensordot_by_loops,
        [
            run((2, 3), (3, 2), dims=1),
            run((2, 1, 3), (1, 3, 2)),
            run((2, 3), (2, 3), dims=2),
            run((2,), (3,), dims=0),
            run((2, 3, 2), (3, 4, 2), dims=([1, 0], [0, 2])),
            run((2, 3), (2,), dims=([-2], [-1])),
            run((2, 0), (0, 3), dims=1),
            run((0, 2), (2, 3), dims=1),
        ],
        linear=(0, 1),
    ),
    case(
        "einsum", einsum, einsum_written_out,
        [
            run((2, 3), (3, 2), equation="ij,jk->ik"),
            run((2, 3), (4, 3), equation="ij,kj->ki"),
            run((2, 3), equation="ba", letters="ba->ab"),
            run((2, 2), equation="ii->"),
            run((2, 3, 2), equation="iji->ji"),
            run((2, 2, 2), equation="iii->i"),
            run((2, 3), equation="ij->j"),
            run((2, 3), equation="...->", letters="ij->"),
            run((3,), (3,), equation="i,i", letters="i,i->"),
            run((2,), (3,), equation="i,j->ji"),
            run((2, 3), (2, 3), equation="ij,ij->ji"),
            run((2, 3), (2, 3), equation=" i j, i j -> i "),
            run((2, 3, 2, 2), (2, 2, 2, 2), equation="bthd,bshd->bhts"),
            run((2, 2, 3, 2), (2, 2, 2, 2), equation="bhts,bshd->bthd"),
            run((2, 1, 2, 3), (2, 3, 2), equation="...ij,...jk->...ik",
                letters="abij,bjk->abik"),
            run((2, 3, 3), (3,), equation="...ii,i->...i", letters="aii,i->ai"),
            run((2, 1), (3, 2), equation="ij,jk->ik"),
            run((1, 3), (2, 3), equation="ij,ij->i"),
            run((2, 3), (2, 2), equation="ab,cd->", letters="ab,cd->"),
            run((2, 2), (2, 3), (3, 2), equation="ij,jk,kl->il"),
            run((2,), (3,), (2,), equation="i,j,k->kij"),
            run((2, 2), (3, 2, 2), (2, 2), equation="bi,oij,bj->bo"),
            run((2, 0), (0, 3), equation="ij,jk->ik"),
            run((0, 2), (2, 3), equation="ij,jk->ik"),
            run((), (2,), equation=",i->i"),
        ],
        linear=(0, 1),
    ),
]
