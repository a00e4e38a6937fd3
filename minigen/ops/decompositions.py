"""Decompositions of matrices: Cholesky, eigenvalues, singular values, QR; a stack at a time.

Idea: the forward is LAPACK's, by NumPy or CuPy. The VJPs come from differentiating the defining
equation (L·Lᵀ = A; A·V = V·diag(λ) ...) and solving for what moves; they are made of products,
triangular systems and the same ops again, so every order of derivative works.

An op has one result. Where there are several, a primitive packs them into one array, and the
function beside it takes that apart. What fails is a LinAlgError; float16 is computed in float32.
Source: Murray, Differentiation of the Cholesky decomposition, 2016; Townsend, Differentiating the
singular value decomposition, 2016; Walter & Lehmann, Algorithmic differentiation of linear algebra
functions, 2010 (QR). Read next: systems.py, ../backend/linalg.py.
"""

import math
from typing import NamedTuple

from numpy.linalg import LinAlgError

from minigen.backend import array_module, quiet
from minigen.backend import linalg as arrays
from minigen.ops._define import composite, primitive
from minigen.ops.diagonal import tril
from minigen.ops.linalg import _mT, matmul
from minigen.ops.shape import cat, reshape
from minigen.ops.systems import _check, _explained, _solve_triangular
from minigen.tensor import Tensor


def _mirrored(x):
    """The symmetric matrix with the lower triangle of x."""
    return tril(x) + _mT(tril(x, -1))


def _cholesky_vjp(g, y):
    # ½·L⁻ᵀ·mirrored(Lᵀ·g)·L⁻¹
    middle = _solve_triangular(_mT(y), _mirrored(matmul(_mT(y), g)), True, False)
    return _solve_triangular(_mT(y), _mT(middle), True, False) * 0.5


@primitive(_cholesky_vjp)
def _cholesky(A):
    with _explained("cholesky", A, "is not positive definite; add a multiple of the identity"):
        return arrays.lapack("cholesky", A)


@composite
def cholesky(A, *, upper=False):
    """The lower triangular L with A = L·Lᵀ, or with upper=True Lᵀ.   (..., n, n) -> (..., n, n)

    A: symmetric, positive definite; only its lower triangle is read, and its gradient is symmetric:
    that of ½(A + Aᵀ). LinAlgError if A is not positive definite. nan in A goes
    through to L.
    """
    _check("cholesky", A)
    L = _cholesky(A)
    return _mT(L) if upper else L


@primitive(
    lambda g, b, diagonal: _quotient(g, b, diagonal),
    lambda g, y, b, diagonal: -_quotient(g * y, b, diagonal),
)
def _quotient(a, b, diagonal):
    """a / b for stacks of matrices, where a matrix of zeros by 0 is 0; diagonal=False: 0 there.

    So singular vectors that nobody uses cost nothing where they are not unique, and those that are
    used get nan.
    """
    xp = array_module(a)
    void = (a == 0).all((-1, -2), keepdims=True)
    if not diagonal:
        void = void | xp.eye(a.shape[-1], dtype=xp.bool_)
    with quiet():
        return xp.where(void, 0, a) / xp.where(void, 1, b)


class Eigh(NamedTuple):
    """What `eigh` returns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


def _eigh_vjp(g, y):
    # V·(diag(g_λ) + sym(F∘VᵀG))·Vᵀ,   F[i, j] = 1/(λ[j] - λ[i]), 0 for i = j
    values, V = y[..., 0, :], y[..., 1:, :]
    gaps = values[..., None, :] - values[..., None]
    turn = _quotient(matmul(_mT(V), g[..., 1:, :]), gaps, False)
    inner = 0.5 * matmul(V, turn + _mT(turn)) + V * g[..., :1, :]
    return matmul(inner, _mT(V))


@primitive(_eigh_vjp)
def _eigh(A, UPLO):
    """Eigenvalues as the first row, then the eigenvectors as columns."""
    xp = array_module(A)
    with _explained("eigh", A, "has no eigenvalues that could be found: nan or inf in it?"):
        if not xp.isfinite(xp.tril(A) if UPLO == "L" else xp.triu(A)).all():
            raise LinAlgError("not finite")  # LAPACK answers with some numbers
        values, vectors = arrays.lapack("eigh", A, UPLO)
    return xp.concatenate([values[..., None, :], vectors], -2)


@composite
def eigh(A, UPLO="L"):
    """Eigenvalues λ, rising, and eigenvectors V of a symmetric A = V·diag(λ)·Vᵀ.

    (..., n, n) -> (eigenvalues (..., n), eigenvectors (..., n, n), one a column)

    Only the lower triangle of A is read (UPLO="U": the upper), and the gradient is symmetric: that
    of ½(A + Aᵀ). An eigenvector's sign is LAPACK's choice: let no loss depend on it. Where
    eigenvalues coincide, their vectors are not unique and a gradient through these is nan or inf
    (through eigenvalues alone it is fine, to first order); near there it is large.
    """
    _check("eigh", A)
    if UPLO not in ("L", "U", "l", "u"):
        raise ValueError(f'eigh: UPLO is the triangle of A that counts, "L" or "U", not {UPLO!r}')
    both = _eigh(A, UPLO.upper())
    return Eigh(both[..., 0, :], both[..., 1:, :])


class SVD(NamedTuple):
    """What `svd` returns."""

    U: Tensor
    S: Tensor
    Vh: Tensor


def _unpacked(y, shape, full):
    """U, S, Vh from one row of numbers, for A of this shape."""
    *batch, m, n = shape
    k = min(m, n)
    rows, columns = (m, n) if full else (k, k)
    U = reshape(y[..., : m * rows], (*batch, m, rows))
    S = y[..., m * rows : m * rows + k]
    return U, S, reshape(y[..., m * rows + k :], (*batch, columns, n))


def _svd_vjp(g, y, A_shape, full):
    (U, S, Vh), (gU, gS, gVh) = _unpacked(y, A_shape, full), _unpacked(g, A_shape, full)
    m, n, k = A_shape[-2], A_shape[-1], S.shape[-1]
    if full and m != n:
        _check_unused(gU[..., k:] if m > n else gVh[..., k:, :])
        U, gU, Vh, gVh = U[..., :k], gU[..., :k], Vh[..., :k, :], gVh[..., :k, :]
    V, gV, row, column = _mT(Vh), _mT(gVh), S[..., None, :], S[..., None]
    gaps = (row - column) * (row + column)
    UgU, VgV = matmul(_mT(U), gU), matmul(Vh, gV)
    left, right = _quotient(UgU, gaps, False), _quotient(VgV, gaps, False)
    inner = (left + _mT(left)) * row + column * (right + _mT(right))
    dA = matmul(matmul(U, inner) + U * gS[..., None, :], Vh)
    if m > k:  # what leaves the space of U's columns
        dA = dA + matmul(_quotient(gU - matmul(U, UgU), row, True), Vh)
    if n > k:
        dA = dA + matmul(U, _mT(_quotient(gV - matmul(V, VgV), row, True)))
    return dA


def _check_unused(g):
    if getattr(g, "_data", g).any():
        raise RuntimeError(
            "svd: full_matrices=True fills up U or Vh with vectors that are not unique: they have "
            "no gradient. Use svd(A, full_matrices=False), or only the first min(m, n) of them"
        )


@primitive(_svd_vjp)
def _svd(A, full):
    xp = array_module(A)
    with _explained("svd", A, "has no singular values that could be found: nan or inf in it?"):
        parts = arrays.lapack("svd", A, full)
    batch = A.shape[:-2]
    flat = [x.reshape(*batch, math.prod(x.shape[len(batch) :])) for x in parts]
    return xp.concatenate(flat, -1)


@composite
def svd(A, full_matrices=True):
    """Singular values S, falling, and vectors: A = U·diag(S)·Vh.   A (..., m, n), k = min(m, n)

    -> U (..., m, m), S (..., k), Vh (..., n, n); full_matrices=False: (..., m, k) and (..., k, n).
    A pair of vectors has a common sign that is LAPACK's choice: let no loss depend on it. Where
    singular values coincide, or one is 0 and m ≠ n, a gradient through vectors is nan or inf
    (through S alone it is fine, to first order). RuntimeError in backward if one is asked of the
    vectors beyond the first k, which are not unique.
    """
    _check("svd", A, square=False)
    return SVD(*_unpacked(_svd(A, bool(full_matrices)), tuple(A.shape), full_matrices))


class QR(NamedTuple):
    """What `qr` returns."""

    Q: Tensor
    R: Tensor


def _qr_vjp(g, y, A_shape):
    # (gQ + Q·mirrored(R·gRᵀ - gQᵀ·Q))·R⁻ᵀ
    m = A_shape[-2]
    Q, R, gQ, gR = y[..., :m, :], y[..., m:, :], g[..., :m, :], g[..., m:, :]
    inner = _mirrored(matmul(R, _mT(gR)) - matmul(_mT(gQ), Q))
    return _mT(_solve_triangular(R, _mT(gQ + matmul(Q, inner)), True, False))


@primitive(_qr_vjp)
def _qr(A):
    """Q, and R below it, for m >= n."""
    return array_module(A).concatenate(arrays.lapack("qr", A), -2)


def _no_complete(g):
    raise RuntimeError(
        'qr: mode="complete" fills up Q with columns that are not unique: they have no gradient. '
        'Use mode="reduced"'
    )


@primitive(_no_complete)
def _qr_complete(A):
    """Q, and R beside it."""
    return array_module(A).concatenate(arrays.lapack("qr", A, "complete"), -1)


@composite
def qr(A, mode="reduced"):
    """Q with orthonormal columns and upper triangular R: A = Q·R.   A (..., m, n), k = min(m, n)

    -> Q (..., m, k), R (..., k, n). mode="complete": Q (..., m, m), R (..., m, n), no gradient if
    m > n (RuntimeError in backward); "r": Q is empty. The signs are LAPACK's: R's diagonal may be
    negative. The gradient needs the first k columns of A to be independent, else LinAlgError.
    nan and inf are not looked for: they go through to R.
    """
    _check("qr", A, square=False)
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f'qr: mode {mode!r} is not known: "reduced", "complete" or "r"')
    m, n = A.shape[-2:]
    if mode == "complete" and m > n:
        both = _qr_complete(A)
        return QR(both[..., :m], both[..., m:])
    # the first m columns give Q; with them R's other columns are Qᵀ·A
    both = _qr(A if m >= n else A[..., :m])
    Q, R = both[..., :m, :], both[..., m:, :]
    if m < n:
        R = cat([R, matmul(_mT(Q), A[..., m:])], -1)
    return QR(reshape(A[..., :0, :0], (0,)) if mode == "r" else Q, R)
