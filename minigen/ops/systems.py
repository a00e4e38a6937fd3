"""Systems of linear equations, inverses and determinants; leading dimensions are a stack.

Idea: the forward is LAPACK's, by NumPy or CuPy. The VJPs come from differentiating the defining
equation, A·X = B, and solving for what moves; they are made of products and of the same ops again,
so every order of derivative works. float16 is computed in float32. A singular matrix is a
LinAlgError. Source: Giles, An extended collection of matrix derivative results, 2008.
Read next: decompositions.py, ../backend/linalg.py.
"""

import contextlib
from typing import NamedTuple

from numpy import broadcast_shapes
from numpy.linalg import LinAlgError

from minigen.backend import array_module
from minigen.backend import linalg as arrays
from minigen.errors import check_tensors
from minigen.ops._define import composite, fused, primitive
from minigen.ops.diagonal import diagonal, tril, triu
from minigen.ops.linalg import _mT, matmul
from minigen.ops.reduce import sum
from minigen.ops.shape import squeeze, unsqueeze
from minigen.tensor import Tensor

# ---- what all of them need


def _check(function, A, square=True):
    """A is a stack of (square) float matrices, or there is an error."""
    check_tensors(function, A)
    if A.ndim < 2 or (square and A.shape[-1] != A.shape[-2]):
        kind = "a square matrix, (..., n, n)" if square else "a matrix, (..., m, n)"
        raise ValueError(f"{function}: A {tuple(A.shape)} must be {kind}, or a stack of them")
    if A.dtype.kind not in "fV":
        raise TypeError(f"{function}: A holds {A.dtype}, not floats; use A.float()")


@contextlib.contextmanager
def _explained(function, A, why):
    """LAPACK's error with the function, the shape and the reason."""
    try:
        yield
    except LinAlgError as error:
        raise LinAlgError(f"{function}: A {tuple(A.shape)} {why}") from error


SINGULAR = "has a singular matrix: one of its rows is a combination of others"


def _trace(x):
    """The sum of the diagonal, as (..., 1, 1)."""
    return sum(diagonal(x, 0, -2, -1), -1)[..., None, None]


# ---- inverse and systems of equations


@primitive(lambda g, y: -matmul(matmul(_mT(y), g), _mT(y)))
def inv(A):
    """The inverse A⁻¹.   (..., n, n) -> (..., n, n)

    d(A⁻¹) = -A⁻¹·dA·A⁻¹. To apply it once, `solve` is faster and more exact. LinAlgError if A is
    exactly singular.
    """
    _check("inv", A)
    with _explained("inv", A, SINGULAR + "; add a multiple of the identity, or use svd"):
        return arrays.lapack("inv", A)


def _solution(A, B):
    with _explained("solve", A, SINGULAR + "; add a multiple of the identity, or use svd"):
        return arrays.solve(A, B)


@primitive(
    lambda g, y, A: -matmul(_solve_again(_mT(A), g), _mT(y)),
    lambda g, A: _solve_again(_mT(A), g),
)
def _solve_again(A, B):
    return _solution(A, B)


@fused("A", "B", reference=_solve_again)
def _solve(A, B):
    # both gradients from one decomposition of Aᵀ
    X = _solution(A, B)

    def backward(g, needs):
        dB = _solution(A.swapaxes(-1, -2), g)
        return -dB @ X.swapaxes(-1, -2) if needs.A else None, dB

    return X, backward


@composite
def solve(A, B, *, left=True):
    """X with A·X = B; left=False: with X·A = B.   A (..., n, n), B (..., n, k) or (..., n)

    B is a vector, or a stack of them, if its shape is A's without the last size; other leading
    sizes broadcast. LinAlgError if A is exactly singular.
    """
    _check("solve", A)
    check_tensors("solve", B)
    vector = B.ndim == 1 or tuple(B.shape) == tuple(A.shape[:-1])
    _check_sides("solve", A, B, left or vector, -1 if vector else -2)
    if vector:
        if not left:
            raise ValueError("solve: left=False takes a matrix B; for vectors, solve(A.mT, B)")
        return squeeze(_solve(A, unsqueeze(B, -1)), -1)
    return _solve(A, B) if left else _mT(_solve(_mT(A), _mT(B)))


def _check_sides(function, A, B, left, dim):
    """B has n rows (left), or n columns, for A (..., n, n), and A's dtype."""
    dim = dim if left else -1
    if B.ndim < -dim or B.shape[dim] != A.shape[-1]:
        side = ("rows" if left else "columns") if B.ndim > 1 else "elements"
        raise ValueError(
            f"{function}: A {tuple(A.shape)} with B {tuple(B.shape)}: B must have "
            f"{A.shape[-1]} {side}, as many as A"
        )
    try:
        broadcast_shapes(A.shape[:-2], B.shape[: dim if left else -2])
    except ValueError as error:
        raise ValueError(
            f"{function}: A {tuple(A.shape)} with B {tuple(B.shape)}: the leading sizes do not "
            "broadcast"
        ) from error
    if A.dtype != B.dtype:
        raise TypeError(f"{function}: dtypes {A.dtype} and {B.dtype} differ; cast one with .to()")


def _triangular_A(g, y, A, upper, unit):
    dB = _solve_triangular(_mT(A), g, not upper, unit)
    dA = matmul(dB, _mT(y))
    return -(triu(dA, int(unit)) if upper else tril(dA, -int(unit)))


@primitive(
    _triangular_A, lambda g, A, upper, unit: _solve_triangular(_mT(A), g, not upper, unit)
)
def _solve_triangular(A, B, upper, unit):
    with _explained("solve_triangular", A, "has a 0 on its diagonal"):
        return arrays.solve_triangular(A, B, upper, unit)


@composite
def solve_triangular(A, B, *, upper, left=True, unitriangular=False):
    """X with A·X = B for a triangular A; left=False: with X·A = B.   A (..., n, n), B (..., n, k)

    The other triangle of A is not read, nor with unitriangular=True its diagonal, which then
    counts as ones; their gradient is 0. LinAlgError if A has a 0 on its diagonal.
    """
    _check("solve_triangular", A)
    check_tensors("solve_triangular", B)
    if B.ndim < 2:
        raise ValueError(f"solve_triangular: B {tuple(B.shape)} must be a matrix: B.unsqueeze(-1)")
    if not isinstance(upper, bool):
        raise TypeError(f"solve_triangular: upper is True or False, not {upper!r}")
    _check_sides("solve_triangular", A, B, left, -2)
    if left:
        return _solve_triangular(A, B, upper, unitriangular)
    return _mT(_solve_triangular(_mT(A), _mT(B), not upper, unitriangular))


# ---- determinants


@primitive(lambda g, A: g[..., None, None] * _cofactors(A))
def det(A):
    """The determinant.   (..., n, n) -> (...)

    d det(A) = Σ cofactor[i, j]·dA[i, j]: right for a singular matrix, and so is the second
    derivative; from the third on A must be invertible. It leaves float32's range early: `slogdet`.
    """
    _check("det", A)
    return arrays.lapack("det", A)


@primitive(lambda g, A: _cofactor_slope(A, g))
def _cofactors(A):
    """d det(A)/dA, which is det(A)·A⁻ᵀ where there is an inverse."""
    return arrays.cofactors(A)


def _det3_A(g, A, H):
    # the third derivative of det along g and H: product rule on det(A)·A⁻ᵀ, twice
    Y = inv(A)
    G, K = matmul(Y, g), matmul(Y, H)
    GK = matmul(G, K)
    g1, k1 = _trace(G), _trace(K)
    both = matmul(GK + matmul(K, G), Y)
    inner = (g1 * k1 - _trace(GK)) * Y - g1 * matmul(K, Y) - k1 * matmul(G, Y) + both
    return det(A)[..., None, None] * _mT(inner)


@primitive(_det3_A, lambda g, A: _cofactor_slope(A, g))
def _cofactor_slope(A, H):
    """How the cofactors change along H; symmetric: <G, slope(H)> = <slope(G), H>."""
    return arrays.cofactor_slope(A, H)


class SlogDet(NamedTuple):
    """What `slogdet` returns."""

    sign: Tensor
    logabsdet: Tensor


@primitive(lambda g, A: g[..., 1, None, None] * _mT(inv(A)))
def _slogdet(A):
    xp = array_module(A)
    return xp.stack(arrays.lapack("slogdet", A), -1)


@composite
def slogdet(A):
    """Sign and log|det(A)| of the determinant, (sign, logabsdet).   (..., n, n) -> (...), (...)

    Where det would overflow. d log|det(A)| = tr(A⁻¹·dA), the sign has none. A singular matrix has
    sign 0 and logabsdet -inf, and no gradient: LinAlgError in backward.
    """
    _check("slogdet", A)
    both = _slogdet(A)
    return SlogDet(both[..., 0], both[..., 1])
