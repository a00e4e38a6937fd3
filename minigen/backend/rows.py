"""Sums, softmax and scans, on arrays.

Idea: NumPy reduces a row at a time, and pays about 100 ns for each. A matrix product with ones
gives the same sums four to ten times as fast, and what needs several passes stays in the core's
cache when it goes from one block of rows to the next. Arrays that lie otherwise in memory, small
ones, and a GPU's take the plain path.

Invariant: the fast path is exact to rounding for every input, nan and inf included. BLAS adds no
more than LONG numbers one after the other, so float32 keeps its digits on axes of any length.
Read next: ../ops/reduce.py, ../ops/softmax.py.
"""

import functools
import math
from operator import index

import numpy as np

from minigen.backend import array_module, quiet
from minigen.backend.device import softmax as device
from minigen.backend.kernels import active
from minigen.backend.numpy import scratch

SMALL = 4096  # elements; up to here the plain path is as fast
BLOCK = 1 << 15  # elements in a block of rows
HALVES = "eE"  # what NumPy calls float16 and bfloat16: each sum of theirs is made in float32
LONG = 1024  # terms of one sum


@functools.lru_cache(64)
def _ones(count, dtype):
    return np.ones(count, dtype)


def _is_known(x):
    """Whether x is in the CPU's memory, and of a dtype that BLAS knows."""
    return type(x) is np.ndarray and x.dtype.char in "fd"


# What x.sum and x.max end up calling; on ten elements the way there costs as much as the sum.
_sum, _max = np.add.reduce, np.maximum.reduce


def wide(x):
    """x as floats that sums may be made of: integers and 16 bits as float32."""
    return x.astype("float32") if x.dtype.kind not in "fV" or x.dtype.char in HALVES else x


def narrow(y, x):
    """y, computed from wide(x), with the precision of x."""
    return y.astype(x.dtype) if x.dtype.char in HALVES else y


# ---- sums


def total(x, axis=None, keepdims=False):
    """x.sum(axis, keepdims=keepdims), 16 bits summed and returned as float32.

    Fast where the dimensions summed are the first or the last ones in memory, or both.
    """
    if not _is_known(x):
        return x.sum(axis, "float32" if x.dtype.char in HALVES else None, keepdims=keepdims)
    if x.size <= SMALL:
        return _sum(x, axis, None, None, keepdims)
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = [index(a) + x.ndim * (a < 0) for a in axes]
    order = sorted(range(x.ndim), key=lambda i: -abs(x.strides[i]))  # as it lies in memory
    box = x.transpose(order)
    summed = "".join("x" if i in axes else "." for i in order)  # "x" where a dimension goes
    first, last = len(summed) - len(summed.lstrip("x")), len(summed.rstrip("x"))
    known = len(set(axes)) == len(axes) == summed.count("x")  # else NumPy says what is wrong
    if not known or not box.flags.c_contiguous or "x" in summed[first:last]:
        return x.sum(axis, keepdims=keepdims)
    y = sum_rows(box.reshape(-1, math.prod(box.shape[last:]))) if last < x.ndim else box
    y = sum_columns(y.reshape(math.prod(box.shape[:first]), -1)) if 0 < first < x.ndim else y
    y = y.reshape([1 if i in axes else x.shape[i] for i in order])
    y = y.transpose([order.index(i) for i in range(x.ndim)])
    return y if keepdims else y.squeeze(tuple(axes))


def sum_rows(x):
    """(n, d) -> (n,)"""
    n, d = x.shape
    if d <= LONG:
        return x @ _ones(d, x.dtype)
    whole = d - d % LONG
    parts = x[:, :whole].reshape(n, -1, LONG) @ _ones(LONG, x.dtype)
    y = sum_rows(parts)
    return y if whole == d else y + x[:, whole:] @ _ones(d - whole, x.dtype)


def sum_columns(x):
    """(n, d) -> (d,)"""
    n, d = x.shape
    if n <= LONG:
        return _ones(n, x.dtype) @ x
    whole = n - n % LONG
    parts = _ones(LONG, x.dtype) @ x[:whole].reshape(-1, LONG, d)
    y = sum_columns(parts)
    return y if whole == n else y + _ones(n - whole, x.dtype) @ x[whole:]


# ---- softmax


def _as_rows(x, axis):
    """x as (n, d) if softmax along axis goes along rows of its memory; None if it does not."""
    if x.size <= SMALL or not _is_known(x) or not x.flags.c_contiguous:
        return None
    if axis not in (-1, x.ndim - 1):
        return None
    return x.reshape(-1, x.shape[-1])


def _blocks(rows):
    step = max(1, BLOCK // rows.shape[1])
    return [slice(i, i + step) for i in range(0, len(rows), step)]


def _exponentials(x, shifted, e, least):
    """shifted = x minus a number per row, e = exp(shifted) <= 1, for a block of rows (n, d).

    Returns the numbers, (1, 1) or (n, 1), and the sums of e, (n, 1). The largest element of the
    block serves all rows while no sum is less than `least`; else each row has its own. The smaller
    `least`, the more digits a row loses that lies far below the others.
    """
    shift = x.max(keepdims=True)
    sums = sum_rows(np.exp(np.subtract(x, shift, out=shifted), out=e))
    if not sums.min() >= least:  # also where it is nan
        shift = x.max(1, keepdims=True)
        sums = sum_rows(np.exp(np.subtract(x, shift, out=shifted), out=e))
    return shift, sums[:, None]


def softmax(x, axis):
    """exp(x) / Σ exp(x) along axis, a number, tuple or None.

    NumPy may warn of a row of -inf, or with inf, whose answer is nan.
    """
    if active(x):
        return device.softmax(x, axis)
    if _is_known(x) and 0 < x.size <= SMALL and x.ndim:
        y = x - _max(x, axis, None, None, True)
        np.exp(y, y)
        y /= _sum(y, axis, None, None, True)
        return y
    rows = _as_rows(x, axis)
    if rows is None:
        y = array_module(x).exp(_shifted(x, axis))
        y /= y.sum(axis, keepdims=True)
        return narrow(y, x)
    y = np.empty_like(rows)
    for block in _blocks(rows):
        e = y[block]
        _, sums = _exponentials(rows[block], e, e, 1e-10)
        e *= 1 / sums
    return y.reshape(x.shape)


def log_softmax(x, axis):
    """x - log Σ exp(x) along axis, a number, tuple or None."""
    if active(x):
        return device.softmax(x, axis, log=True)
    if _is_known(x) and 0 < x.size <= SMALL and x.ndim:
        y = x - _max(x, axis, None, None, True)
        y -= np.log(_sum(np.exp(y), axis, None, None, True))
        return y
    rows = _as_rows(x, axis)
    if rows is None:
        xp, y = array_module(x), _shifted(x, axis)
        y -= xp.log(xp.exp(y).sum(axis, keepdims=True))
        return narrow(y, x)
    y = np.empty_like(rows)
    for block in _blocks(rows):
        out = y[block]
        _, sums = _exponentials(rows[block], out, scratch("rows", out.shape, out.dtype), 1e-2)
        out -= np.log(sums)
    return y.reshape(x.shape)


def logsumexp(x, axis):
    """log Σ exp(x) along axis, which stays, of size 1; x is not empty there."""
    if active(x):
        return device.logsumexp(x, axis)
    rows = _as_rows(x, axis)
    if rows is None:
        return _plain_logsumexp(x, axis)
    y = np.empty((len(rows), 1), x.dtype)
    with quiet():
        for block in _blocks(rows):
            e = scratch("rows", rows[block].shape, x.dtype)
            shift, sums = _exponentials(rows[block], e, e, 1e-2)
            y[block] = np.log(sums) + shift
            if not np.isfinite(y[block]).all():
                y[block] = _plain_logsumexp(rows[block], 1)
    return y.reshape(*x.shape[:-1], 1)


def _plain_logsumexp(x, axis):
    xp, x = array_module(x), wide(x)
    largest = x.max(axis, keepdims=True)
    largest = xp.where(xp.isfinite(largest), largest, 0)  # a row of -inf stays -inf
    with quiet():
        return xp.log(xp.exp(x - largest).sum(axis, keepdims=True)) + largest


def _shifted(x, axis):
    """x minus its largest element along axis, so that exp can not overflow; a new array."""
    x = wide(x)
    return x - x.max(axis, keepdims=True) if x.size else x.copy()


def softmax_backward(g, p, axis):
    """p·(g - Σ g·p) along axis: the gradient of x, for p = softmax(x)."""
    if active(p) and g.dtype == p.dtype:
        return device.softmax_backward(g, p, axis)
    if _is_known(g) and p.size <= SMALL and p.ndim:
        d = g - _sum(g * p, axis, None, None, True)
        d *= p
        return d
    rows = _as_rows(p, axis)
    if rows is None or g.dtype != p.dtype:
        g, q = wide(g), wide(p)
        d = g - (g * q).sum(axis, keepdims=True)
        d *= q
        return narrow(d, p)
    g, d = g.reshape(rows.shape), np.empty_like(rows)
    for block in _blocks(rows):
        along = np.vecdot(g[block], rows[block])[:, None]
        np.subtract(g[block], along, out=d[block])
        d[block] *= rows[block]
    return d.reshape(p.shape)


def log_softmax_backward(g, log_p, axis):
    """g - p·Σ g along axis: the gradient of x, for log p = log_softmax(x)."""
    if active(log_p) and g.dtype == log_p.dtype:
        return device.softmax_backward(g, log_p, axis, log=True)
    if _is_known(g) and log_p.size <= SMALL and log_p.ndim:
        d = np.exp(log_p)
        d *= _sum(g, axis, None, None, True)
        return np.subtract(g, d, d)
    rows = _as_rows(log_p, axis)
    if rows is None or g.dtype != log_p.dtype:
        g = wide(g)
        d = g - array_module(log_p).exp(wide(log_p)) * g.sum(axis, keepdims=True)
        return narrow(d, log_p)
    g, d = g.reshape(rows.shape), np.empty_like(rows)
    for block in _blocks(rows):
        out = np.exp(rows[block], out=d[block])
        out *= sum_rows(g[block])[:, None]
        np.subtract(g[block], out, out=out)
    return d.reshape(log_p.shape)


# ---- scans: all elements so far


def accumulate(x, dim, reverse, product):
    """Sums (or products) of x up to each element along dim; reverse: from the other end.

    Integers and booleans give int64. float32 along more than LONG elements is accumulated in
    float64, 16 bits in float32.
    """
    turned = (*[slice(None)] * dim, slice(None, None, -1 if reverse else None))
    x, n = x[turned], x.shape[dim]
    dtype = {"b": "int64", "u": "int64"}.get(x.dtype.kind)
    if x.dtype.char in HALVES or (x.dtype.char == "f" and n > LONG):
        dtype = "float32" if x.dtype.char in HALVES else "float64"
    if _is_known(x) and dim < x.ndim - 1 and x.size >= 256 * max(n, 1):  # NumPy would stride
        y = _accumulate_slices(x, dim, dtype, np.multiply if product else np.add)
    else:
        xp = array_module(x)
        y = (xp.cumprod if product else xp.cumsum)(x, dim, dtype)
    return (y.astype(x.dtype) if x.dtype.kind in "fV" and y.dtype != x.dtype else y)[turned]


def _accumulate_slices(x, dim, dtype, ufunc):
    """One step of all scans at once, for x of which a slice at dim is long."""
    y = np.empty_like(x)
    from_x, to_y = np.moveaxis(x, dim, 0), np.moveaxis(y, dim, 0)
    to_y[0] = so_far = from_x[0].astype(dtype or x.dtype)
    for i in range(1, len(to_y)):
        to_y[i] = ufunc(so_far, from_x[i], out=so_far)
    return y


# ---- linear recurrences


def recurrence(a, b, dim, reverse):
    """y_i = a_i·y_{i-1} + b_i along dim, from y = 0 before the first; reverse: from the other end.

    One step serves all recurrences at once, in blocks of them that stay in cache.
    """
    xp, turned = array_module(a), slice(None, None, -1 if reverse else None)
    a, b = (wide(xp.moveaxis(v, dim, 0)[turned]) for v in (a, b))
    shape, n = b.shape, len(b)
    a, b = (v.reshape(n, math.prod(shape[1:])) for v in (a, b))
    y = xp.empty_like(b)
    step = max(1, 4 * BLOCK // max(n, 1)) if xp is np else max(1, y.shape[1])
    for first in range(0, y.shape[1], step):
        block = slice(first, first + step)
        factors, part = a[:, block].copy("C"), b[:, block].copy("C")
        _recur(factors, part)
        y[:, block] = part
    return xp.moveaxis(y.reshape(shape)[turned], 0, dim)


def _recur(a, y):
    """y_i += a_i·y_{i-1} along axis 0, in place; a, contiguous as y is, becomes scratch.

    Few but long recurrences are cut in √n pieces. These run side by side, from 0; then what each
    owes to the end of the one before is added, and these ends follow a recurrence themselves.
    """
    n, many = y.shape
    pieces = max(1, min(math.isqrt(n), 4096 // max(many, 1)))
    length = n // pieces
    done = pieces * length if pieces > 1 else 1
    if pieces > 1:
        products, values = (v[:done].reshape(pieces, length, many) for v in (a, y))
        for i in range(1, length):
            values[:, i] += products[:, i] * values[:, i - 1]
            products[:, i] *= products[:, i - 1]
        ends = values[:, -1].copy()
        _recur(products[:, -1].copy(), ends)
        values[1:] += products[1:] * ends[:-1, None]
    for i in range(done, n):
        y[i] += a[i] * y[i - 1]
