"""Triangles and diagonals of matrices.

Idea: a triangle keeps what lies on one side of a diagonal, and is its own adjoint. Reading a
diagonal and placing numbers on one are adjoints of each other.
Diagonal k of a matrix holds the elements [i, i + k]: 0 is the main one, k > 0 lies above it.
Read next: shape.py.
"""

from numbers import Integral

from minigen.backend import array_module
from minigen.errors import check_dim
from minigen.ops._define import composite, primitive


def _check_whole(function, name, value):
    if not isinstance(value, Integral):
        raise TypeError(f"{function}: {name} must be a whole number, not {value!r}")


def _cut(function, x, diagonal, upper):
    """x where it lies on the upper (or lower) side, 0 elsewhere, infinite or not."""
    _check_whole(function, "diagonal", diagonal)
    if x.ndim < 2:
        raise ValueError(f"{function}: x {x.shape} must be matrices (..., n, m)")
    xp = array_module(x)
    lower = xp.tri(*x.shape[-2:], diagonal - upper, dtype=bool)
    y = xp.zeros_like(x)
    xp.copyto(y, x, where=~lower if upper else lower)
    return y


@primitive(lambda g, diagonal: tril(g, diagonal))
def tril(x, diagonal=0):
    """The lower triangle: x[..., i, j] where j <= i + diagonal, else 0.   (..., n, m) -> same"""
    return _cut("tril", x, diagonal, upper=False)


@primitive(lambda g, diagonal: triu(g, diagonal))
def triu(x, diagonal=0):
    """The upper triangle: x[..., i, j] where j >= i + diagonal, else 0.   (..., n, m) -> same"""
    return _cut("triu", x, diagonal, upper=True)


@primitive(
    lambda g, offset, dim1, dim2, x_shape: _on_diagonal(g, offset, dim1, dim2, tuple(x_shape))
)
def _diagonal(x, offset, dim1, dim2):
    return x.diagonal(offset, dim1, dim2)


@primitive(lambda g, offset, dim1, dim2: _diagonal(g, offset, dim1, dim2))
def _on_diagonal(x, offset, dim1, dim2, shape):
    """Zeros of a shape with x on a diagonal: the adjoint of `_diagonal`."""
    order = [*[d for d in range(len(shape)) if d not in (dim1, dim2)], dim1, dim2]
    lead, (n, m), count = x.shape[:-1], (shape[dim1], shape[dim2]), x.shape[-1]
    y = array_module(x).zeros((*lead, n * m), x.dtype)
    start = max(0, -offset) * m + max(0, offset)
    y[..., start : start + count * (m + 1) : m + 1] = x
    back = sorted(range(len(shape)), key=order.__getitem__)
    return y.reshape(*lead, n, m).transpose(back)


@composite
def diagonal(x, offset=0, dim1=0, dim2=1):
    """The diagonal [i, i + offset] of dims dim1 and dim2, as the last dimension. A read-only view.

    (n, m) -> (k,);   for dim1=-2, dim2=-1: (..., n, m) -> (..., k)
    """
    _check_whole("diagonal", "offset", offset)
    first, second = (check_dim("diagonal", d, x.ndim) for d in (dim1, dim2))
    if first == second or x.ndim < 2:
        raise ValueError(
            f"diagonal: dim1 {dim1} and dim2 {dim2} must be two dimensions of x {tuple(x.shape)}"
        )
    return _diagonal(x, offset, first, second)


@composite
def diag(x, diagonal=0):
    """A vector as the diagonal of a matrix of zeros; of a matrix, its diagonal.

    (n,) -> (n + |diagonal|, n + |diagonal|);   (n, m) -> (k,).   ValueError for other dimensions.
    """
    _check_whole("diag", "diagonal", diagonal)
    if x.ndim == 1:
        n = x.shape[0] + abs(diagonal)
        return _on_diagonal(x, diagonal, 0, 1, (n, n))
    if x.ndim != 2:
        raise ValueError(
            f"diag: x {tuple(x.shape)} must be a vector or a matrix; diagonal(x, dim1=-2, dim2=-1) "
            "takes batches"
        )
    return _diagonal(x, diagonal, 0, 1)
