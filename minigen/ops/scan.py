"""Scans: sums and products of all elements so far.

Idea: a scan's adjoint is a scan from the other end. The product's needs no division, so it is right
at zeros: with e_k the product of what comes before k,

    Σ_i g_i · ∂(Π_{j≤i} x_j)/∂x_k  =  e_k · h_k,        h_k = g_k + x_{k+1} · h_{k+1}

and h is a linear recurrence, whose adjoint is another one (`_recurrence`). All of it is made of
sums and products of x: every order of derivative is right, wherever the zeros are.
Read next: reduce.py (`prod`).
"""

from minigen.backend import array_module
from minigen.backend.rows import accumulate, narrow, recurrence
from minigen.errors import check_dim
from minigen.ops._define import composite, primitive
from minigen.ops.shape import reshape


def _key(dim, *bounds):
    """The key of a slice along dim."""
    return (*[slice(None)] * dim, slice(*bounds))


@primitive(lambda g, dim, back, fill: _shift(g, dim, not back, 0))
def _shift(x, dim, back, fill):
    """Each element at the next place along dim (back: the one before); `fill` where none came."""
    y = array_module(x).empty_like(x)
    most, rest = _key(dim, None, -1), _key(dim, 1, None)
    y[most if back else rest] = x[rest if back else most]
    y[_key(dim, -1, None) if back else _key(dim, None, 1)] = fill
    return y


# ---- sums


@primitive(lambda g, dim, reverse: _cumsum(g, dim, not reverse))
def _cumsum(x, dim, reverse):
    return accumulate(x, dim, reverse, product=False)


def _scan(function, op, x, dim, exclusive, fill):
    dim = check_dim(function, dim, x.ndim)
    y = op(x if x.ndim else reshape(x, (1,)), dim, False)
    y = _shift(y, dim, False, fill) if exclusive else y
    return y if x.ndim else reshape(y, ())


@composite
def cumsum(x, dim, *, exclusive=False):
    """Sum of all elements so far: y_i = Σ_{j≤i} x_j along dim. Integers and booleans give int64.

    exclusive (ours alone): without the element itself, Σ_{j<i}, which starts with 0.
    float32 along more than 1024 elements is accumulated in float64.
    """
    return _scan("cumsum", _cumsum, x, dim, exclusive, 0)


# ---- products


def _recurrence_pull(g, a, dim, reverse):
    """λ_i = g_i + a_{i+1}·λ_{i+1}: what y_i = a_i·y_{i-1} + b_i owes to b."""
    return _recurrence(_shift(a, dim, not reverse, 0), g, dim, not reverse)


@primitive(
    lambda g, y, a, dim, reverse: (
        _recurrence_pull(g, a, dim, reverse) * _shift(y, dim, reverse, 0)
    ),
    lambda g, a, dim, reverse: _recurrence_pull(g, a, dim, reverse),
)
def _recurrence(a, b, dim, reverse):
    """y_i = a_i·y_{i-1} + b_i along dim, from 0; reverse: y_i = a_i·y_{i+1} + b_i."""
    return narrow(recurrence(a, b, dim, reverse), b)


def _cumprod_vjp(g, y, x, dim, reverse):
    return _shift(y, dim, reverse, 1) * _recurrence_pull(g, x, dim, reverse)


@primitive(_cumprod_vjp)
def _cumprod(x, dim, reverse):
    return accumulate(x, dim, reverse, product=True)


@composite
def cumprod(x, dim, *, exclusive=False):
    """Product of all elements so far: y_i = Π_{j≤i} x_j along dim. Integers give int64.

    exclusive (ours alone): without the element itself, Π_{j<i}, which starts with 1; of 1 - alpha
    along a ray, the transmittance of volume rendering. The gradient needs no division: exact at
    zeros, in all orders, in O(n log n).
    """
    return _scan("cumprod", _cumprod, x, dim, exclusive, 1)


def product_of_others(x, dim):
    """Π_{j≠i} x_j along dim, from both sides of i: the derivative of the product, zeros or not."""
    before = _shift(_cumprod(x, dim, False), dim, False, 1)
    return before * _shift(_cumprod(x, dim, True), dim, True, 1)
