"""Products and decompositions of stacks of matrices, on arrays.

Idea: NumPy and CuPy do the mathematics. Here stands what they leave to the caller: a stack of
products as one product or in two threads, triangular systems in stacks, float16 (which LAPACK does
not know: computed in float32), and an error for a singular matrix on either device.
Invariant: inputs are only read.
Read next: numpy.py (halves), device/linalg.py (our own kernel), ../ops/systems.py.
"""

import math

import numpy as np

from minigen.backend import array_module, is_capturing, linalg_raises, ndarray, quiet
from minigen.backend.device import linalg as device
from minigen.backend.kernels import active
from minigen.backend.numpy import halves

# In floating-point operations, of which a core does 1e8 in a millisecond:
LARGE = 3e7  # one product of a stack: from here on BLAS's own threads are kept busy by it
THREADED = 5e5  # one product: from here on BLAS starts its threads for it, and waits for them
LONG = 5e7  # a stack of such products: two Python threads gain
SURE = 2e8  # a stack of smaller products, which have nothing to win but the second core
CALL = 5e3  # what each product costs on top

FEW = 2**20  # elements of one factor times those of the other: a stack too small to think about

SMALL = 32  # rows of a triangular matrix: below, one LU of a whole stack beats a loop over it


def _by_our_kernel(*arrays):
    """Whether these are multiplied by kernels/gemm.cu, the one that is always there.

    On a GPU cuBLAS is faster, but CuPy refuses it while a stream records a graph.
    """
    return active(*arrays) and (array_module(*arrays) is np or is_capturing())


def matmul(a, b):
    """a @ b, the leading dimensions broadcast.   ValueError for shapes that do not fit

    A stack goes as one product if b is one matrix, else on the CPU perhaps in two halves.
    """
    if _by_our_kernel(a, b):
        return device.matmul(a, b)
    on_cpu = type(a) is ndarray
    few = a.ndim + b.ndim < 5 or (on_cpu and a.size * b.size < FEW)
    if few or min(a.ndim, b.ndim) < 2:
        return a @ b
    n, k, m = a.shape[-2], a.shape[-1], b.shape[-1]
    if b.ndim == 2 and a.flags.c_contiguous and k == b.shape[0] and a.size:
        return (a.reshape(-1, k) @ b).reshape(*a.shape[:-1], m)
    if not on_cpu:
        return a @ b
    one = 2.0 * n * k * m
    count = max(math.prod(a.shape[:-2]), math.prod(b.shape[:-2]))
    enough = LONG if one > THREADED else SURE
    if one > LARGE or count * (one + CALL) < enough or k != b.shape[-2]:
        return a @ b
    return _in_halves(a, b)


def linear(x, weight, bias=None):
    """x·Wᵀ + b, whose shapes fit; a wider bias keeps its digits."""
    if _by_our_kernel(x, weight, bias):
        return device.linear(x, weight, bias)
    y = matmul(x, weight.T)
    if bias is None:
        return y
    if bias.dtype != y.dtype:
        return y + bias
    y += bias
    return y


def _in_halves(a, b):
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    dim = next(i for i, size in enumerate(batch) if size > 1)
    a, b = (np.broadcast_to(x, (*batch, *x.shape[-2:])) for x in (a, b))
    y = np.empty((*batch, a.shape[-2], b.shape[-1]), np.result_type(a, b))

    def part(lo, hi):
        key = (slice(None),) * dim + (slice(lo, hi),)
        np.matmul(a[key], b[key], out=y[key])

    halves(part, batch[dim])
    return y


# ---- what LAPACK does


def wide(x):
    """x in a dtype that LAPACK knows: float16 as float32."""
    return x.astype("float32") if x.dtype.itemsize < 4 else x


def back(y, *sources):
    """y in the widest dtype of the arrays that it was computed from."""
    return y.astype(np.result_type(*[x.dtype for x in sources]), copy=False)


def lapack(name, x, *options):
    """numpy.linalg's function of that name on x. LinAlgError if it fails, on a GPU too."""
    with linalg_raises(x), quiet():  # a determinant may be too large
        made = getattr(array_module(x).linalg, name)(wide(x), *options)
    return tuple(back(y, x) for y in made) if isinstance(made, tuple) else back(made, x)


def solve(A, B):
    """A⁻¹·B for matrices B, the leading sizes broadcast.   LinAlgError if an A is singular"""
    xp, a, b = array_module(A), wide(A), wide(B)
    if xp is not np and A.shape[:-2] != B.shape[:-2]:  # CuPy does not broadcast here
        batch = np.broadcast_shapes(A.shape[:-2], B.shape[:-2])
        a, b = (xp.broadcast_to(x, (*batch, *x.shape[-2:])) for x in (a, b))
    with linalg_raises(A):
        return back(xp.linalg.solve(a, b), A, B)


def solve_triangular(A, B, upper, unit):
    """A⁻¹·B where only a triangle of A counts; unit: with a diagonal of ones instead of A's.

    Substitution for one matrix, or for large ones one after another. Stacks of small ones, and a
    GPU's, go through `solve` as upper triangular: their LU decomposition has nothing to eliminate.
    """
    xp, n = array_module(A), A.shape[-1]
    if xp is np and A.size and B.size and (A.ndim == 2 or n >= SMALL):
        return _substituted(A, B, upper, unit)
    A = xp.triu(A) if upper else xp.tril(A)
    if unit:
        A = xp.where(xp.eye(n, dtype=xp.bool_), 1, A)
    if upper:
        return solve(A, B)
    return solve(A[..., ::-1, ::-1], B[..., ::-1, :])[..., ::-1, :]


def _substituted(A, B, upper, unit):
    from scipy.linalg import lapack

    batch = np.broadcast_shapes(A.shape[:-2], B.shape[:-2])
    a, b = (np.broadcast_to(wide(x), (*batch, *x.shape[-2:])) for x in (A, B))
    X = np.empty(b.shape, np.result_type(a, b))
    substitute = lapack.strtrs if X.dtype == "float32" else lapack.dtrtrs
    rows = a.strides[-2] > a.strides[-1]  # LAPACK reads columns: of Aᵀ, if A's rows are contiguous
    a = a.swapaxes(-1, -2) if rows else a
    for at in np.ndindex(batch):
        X[at], failed = substitute(a[at], b[at], upper == rows, rows, unit)
        if failed:
            raise np.linalg.LinAlgError("singular")
    return back(X, A, B)


# ---- cofactors: the derivative of the determinant, of singular matrices too
#
# The fast way is det(A)·A⁻ᵀ. What follows is for matrices that are singular, or nearly so, and for
# the second derivative: cofactors of a product are the product of the cofactors, so those of
# A = U·S·Vᵀ are ±U·cof(S)·Vᵀ, and cof(S) of a diagonal S is products of its elements: no division.


def cofactors(A):
    """The matrix of cofactors, det(A)·A⁻ᵀ where A⁻¹ exists.   (..., n, n) -> (..., n, n)"""
    X, scale = _scaled(A, A.shape[-1] - 1)
    inverse = _well_conditioned_inverse(X)
    if inverse is not None:
        det = lapack("det", X)[..., None, None]
        return back(scale * (det * inverse.swapaxes(-1, -2)), A)
    U, s, Vh, sign = _turned(X)
    return back(scale * ((U * (sign * _without(s)[..., None, :])) @ Vh), A)


def _scaled(A, degree):
    """A over its largest element, and that element to the power of a degree, each matrix alone.

    What is a product of elements of A may be in the range of float32 when det(A) is not.
    """
    A = wide(A)
    if not A.size:
        return A, 1
    xp = array_module(A)
    top = abs(A).max((-1, -2), keepdims=True)
    top = xp.where((top > 0) & xp.isfinite(top), top, 1)
    return A / top, top ** max(degree, 0)


def _well_conditioned_inverse(A):
    """A⁻¹ if half of its digits, or more, are right in the whole stack; else None."""
    try:
        Y = lapack("inv", A)
    except np.linalg.LinAlgError:
        return None
    if not A.size:
        return Y
    with quiet():
        condition = abs(A).max((-1, -2)) * abs(Y).max((-1, -2)) * A.shape[-1]
    return Y if (condition < np.finfo(A.dtype).eps ** -0.5).all() else None


def cofactor_slope(A, H):
    """d cofactors(A) along H, by the second derivative of the determinant of a diagonal matrix."""
    xp, n = array_module(A), A.shape[-1]
    X, scale = _scaled(A, n - 2)
    U, s, Vh, sign = _turned(X)
    K = U.swapaxes(-1, -2) @ H @ Vh.swapaxes(-1, -2)
    eye, rest = xp.eye(n, dtype=K.dtype), _without_two(s)
    diagonal = (rest @ (K * eye).sum(-1)[..., None]) * eye
    return back(scale * (U @ (sign * (diagonal - rest * K.swapaxes(-1, -2))) @ Vh), A, H)


def _turned(A):
    """U, s, Vᵀ of the singular value decomposition, and det(U)·det(V) = ±1 as (..., 1, 1)."""
    U, s, Vh = lapack("svd", A)
    det, sign = array_module(A).linalg.det, array_module(A).sign
    return U, s, Vh, sign(det(U) * det(Vh))[..., None, None]


def _without(s):
    """For each element of the last dimension, the product of all others."""
    xp, n = array_module(s), s.shape[-1]
    each = xp.where(xp.eye(n, dtype=xp.bool_), 1, s[..., None, :])
    return each.prod(-1)


def _without_two(s):
    """(..., n, n): for i, j the product of all but s[i] and s[j]; 0 where i = j."""
    n = s.shape[-1]
    rest = array_module(s).zeros((*s.shape, n), s.dtype)
    for i in range(n):
        others = s.copy()
        others[..., i] = 1
        rest[..., i, :] = _without(others)
        rest[..., i, i] = 0
    return rest
