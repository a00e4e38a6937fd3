"""Rows of inverses, determinants and decompositions: ops/systems.py, ops/decompositions.py.

Idea: the oracles are definitions (minors, elimination by rows, Gram-Schmidt), or another of SciPy's
algorithms. Inputs are well-conditioned: near a diagonal of 1.5, 2.1, 2.7 ..., so no two eigenvalues
or singular values come close. What is symmetric is made so before the op, and signs that are
LAPACK's choice are fixed after it. Read next: cases_row.py, test_linalg.py.
"""

from itertools import permutations

import numpy as np
import scipy.linalg
from cases_row import at, case, normal, run

from minigen import ops

# ---- inputs


def near_diagonal(rng, shape, k):
    x = 0.2 * rng.standard_normal(shape)
    for i in range(min(shape[-2:])):
        x[..., i, i] += 1.5 + 0.6 * i
    return x


def symmetric(x):
    return (x + x.swapaxes(-1, -2)) / 2 if isinstance(x, np.ndarray) else (x + x.mT) / 2


# ---- definitions


def determinant(A):
    """Leibniz: a signed product for every permutation."""
    n, total = A.shape[-1], np.zeros(A.shape[:-2])
    for order in permutations(range(n)):
        swaps = sum(order[i] > order[j] for i in range(n) for j in range(i + 1, n))
        total += (-1) ** swaps * np.prod([A[..., i, j] for i, j in enumerate(order)], axis=0)
    return total


def inverse(A):
    """Cramer's rule: minors over the determinant."""
    n, y = A.shape[-1], np.zeros(A.shape)
    for i in range(n):
        for j in range(n):
            minor = np.delete(np.delete(A, j, -2), i, -1)
            y[..., i, j] = (-1) ** (i + j) * determinant(minor)
    return y / determinant(A)[..., None, None]


def solution(A, B, left=True):
    if not left:
        return B @ inverse(A)
    vector = B.ndim == 1 or B.shape == A.shape[:-1]
    return (inverse(A) @ B[..., None])[..., 0] if vector else inverse(A) @ B


def triangular_solution(A, B, upper, left=True, unitriangular=False):
    A = np.triu(A) if upper else np.tril(A)
    if unitriangular:
        A = np.where(np.eye(A.shape[-1], dtype=bool), 1, A)
    return inverse(A) @ B if left else B @ inverse(A)


def log_determinant(A):
    return np.sign(determinant(A)), np.log(np.abs(determinant(A)))


def lower_factor(A, upper=False):
    """Cholesky, element by element, from the lower triangle."""
    L = np.zeros(A.shape)
    for i, j in np.ndindex(*A.shape[-2:]):
        rest = A[..., i, j] - (L[..., i, :j] * L[..., j, :j]).sum(-1)
        if i == j:
            L[..., i, i] = np.sqrt(rest)
        elif i > j:
            L[..., i, j] = rest / L[..., j, j]
    return L.swapaxes(-1, -2) if upper else L


def orthonormal(A, mode="reduced"):
    """Gram-Schmidt, and the rest of R by products."""
    k = min(A.shape[-2:])
    Q = np.zeros((*A.shape[:-1], k))
    for j in range(k):
        v = A[..., j] - (Q @ (Q.swapaxes(-1, -2) @ A[..., j, None]))[..., 0]
        Q[..., j] = v / np.sqrt((v * v).sum(-1, keepdims=True))
    return Q, np.triu(Q.swapaxes(-1, -2) @ A)


def each_matrix(function):
    """function of one matrix, which returns a tuple, for a stack of them."""

    def stacked(A, **options):
        flat = [function(a, **options) for a in A.reshape(-1, *A.shape[-2:])]
        parts = [np.array(part) for part in zip(*flat, strict=True)]
        return tuple(part.reshape(*A.shape[:-2], *part.shape[1:]) for part in parts)

    return stacked


def signed_eigenvectors(A, UPLO="L"):
    values, V = scipy.linalg.eigh(A, lower=UPLO == "L", driver="ev")
    return values, V * np.sign(np.diag(V))


def signed_singular_vectors(A, full_matrices=False):
    U, S, Vh = scipy.linalg.svd(A, full_matrices=False, lapack_driver="gesvd")
    signs = np.sign(np.diag(U))
    return U * signs, S, Vh * signs[:, None]


# ---- ours, with the signs fixed: a diagonal that is positive


def signs(x):
    n = min(x.shape[-2:])
    return ops.sign(ops.einsum("...ii->...i", x[..., :n, :n])).detach()


def eigh(A, UPLO="L", symmetrised=True):
    values, V = ops.eigh(symmetric(A) if symmetrised else A, UPLO)
    return values, V * signs(V).unsqueeze(-2)


def svd(A, full_matrices=False):
    U, S, Vh = ops.svd(A, full_matrices)
    U, Vh = U[..., : S.shape[-1]], Vh[..., : S.shape[-1], :]
    return U * signs(U).unsqueeze(-2), S, Vh * signs(U).unsqueeze(-1)


def qr(A, mode="reduced"):
    Q, R = ops.qr(A, mode)
    if mode == "r":
        assert Q.shape == (0,)
        return (signs(R).unsqueeze(-1) * R,)
    return Q * signs(R).unsqueeze(-2), signs(R).unsqueeze(-1) * R


SQUARE = [run((3, 3)), run((2, 2, 2)), run((1, 1)), run((0, 2, 2))]

DECOMPOSITIONS = [
    case("inv", ops.inv, inverse, [*SQUARE, run((2, 1, 3, 3))], near_diagonal, gives="float"),
    case(
        "solve", ops.solve, solution,
        [
            run((3, 3), (3, 2)),
            run((2, 2), (2,)),
            run((2, 3, 3), (2, 3)),
            run((2, 1, 2, 2), (3, 2, 1)),
            run((2, 2), (3, 2, 1)),
            run((2, 2), (3, 2), left=False),
            run((2, 2, 2), (1, 2), left=False),
            run((2, 2), (2, 0)),
            run((0, 2, 2), (0, 2, 1)),
        ],
        near_diagonal, normal,
        linear=(1,), gives="float",
    ),
    case(
        "solve_triangular", ops.solve_triangular, triangular_solution,
        [
            run((3, 3), (3, 2), upper=False),
            run((3, 3), (3, 2), upper=True),
            run((3, 3), (3, 1), upper=False, unitriangular=True),
            run((2, 2, 2), (2, 2), upper=True, unitriangular=True),
            run((2, 3, 3), (2, 3, 1), upper=False),
            run((2, 2), (3, 2), upper=True, left=False),
            run((2, 2), (2, 1, 2), upper=False, left=False),
            run((2, 2), (2, 0), upper=True),
            run((0, 2, 2), (2, 1), upper=True),
        ],
        near_diagonal, normal,
        linear=(1,), gives="float",
    ),
    case(
        "cholesky", lambda A, **options: ops.cholesky(symmetric(A), **options),
        lambda A, **options: lower_factor(symmetric(A), **options),
        [*SQUARE, run((3, 3), upper=True)],
        near_diagonal,
        gives="float",
    ),
    case(
        "det", ops.det, determinant, SQUARE, near_diagonal,
        gives="float",
        kinks=[  # singular: of rank n - 1, n - 2 and 0
            at([[1.0, 2], [2, 4]], y=0, grads=([[4, -2], [-2, 1]],), second=[[1, -1], [-1, 1]]),
            at([[1.0, 0, 0], [0, 2, 0], [0, 0, 0]], y=0, grads=(np.diag([0, 0, 2.0]),)),
            at(np.diag([3.0, 0, 0]), y=0, grads=(np.zeros((3, 3)),)),
            at(np.zeros((2, 2)), y=0, grads=(np.zeros((2, 2)),), second=[[1, -1], [-1, 1]]),
        ],
    ),
    case(
        "slogdet", ops.slogdet, log_determinant, SQUARE, near_diagonal,
        gives="float",
        kinks=[at([[1.0, 2], [2, 4]], y=(0, -np.inf))],
    ),
    case(
        "eigh", eigh, lambda A, UPLO="L": each_matrix(signed_eigenvectors)(symmetric(A)),
        [run((3, 3)), run((2, 2, 2)), run((1, 1)), run((3, 3), UPLO="U")],
        near_diagonal,
        gives="float",
    ),
    case(
        "svd", svd, each_matrix(signed_singular_vectors),
        [run((3, 3)), run((2, 3, 2)), run((2, 3)), run((1, 1))]
        + [run(shape, full_matrices=True) for shape in ((3, 2), (2, 3))],
        near_diagonal,
        gives="float",
    ),
    case(
        "qr", qr, lambda A, mode="reduced": orthonormal(A)[mode == "r" :],
        [
            run((3, 3)), run((2, 3, 2)), run((2, 3)), run((1, 1)), run((0, 2, 2)),
            run((2, 3), mode="complete"), run((2, 2), mode="complete"), run((3, 2), mode="r"),
        ],
        near_diagonal,
        gives="float",
    ),
]  # fmt: skip
