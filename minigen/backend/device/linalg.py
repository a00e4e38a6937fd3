"""Products of matrices by our own kernel; see ../linalg.py for when, and kernels/gemm.cu.

Idea: the kernel reads a matrix row by row or column by column, so what the derivatives ask for, a
transposed view, is handed over as the memory that it is a view of.
Read next: ../linalg.py.
"""

import math

import numpy as np

from minigen.backend import array_module
from minigen.backend.kernels import launch
from minigen.kernels.entry import sizes_of
from minigen.kernels.gemm import LARGE, blocks

ENOUGH = 132  # blocks: as many as an H100 or H200 has multiprocessors


def matmul(a, b, bias=None):
    """linalg.matmul, vectors too; plus a bias per column.   ValueError for unfit shapes"""
    if not a.ndim or not b.ndim:
        raise ValueError("a number is no matrix")
    if a.ndim == 1:
        return matmul(a[None, :], b, bias)[..., 0, :] if b.ndim > 1 else matmul(a, b[:, None])[0]
    if b.ndim == 1:
        return matmul(a, b[:, None])[..., 0]
    if a.shape[-1] != b.shape[-2]:
        raise ValueError("inner sizes differ")
    if b.ndim == 2 and a.ndim > 2 and a.flags.c_contiguous:  # one product for the whole stack
        rows = a.reshape(math.prod(a.shape[:-1]), a.shape[-1])
        return matmul(rows, b, bias).reshape(*a.shape[:-1], b.shape[-1])
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    (a, a_turned), (b, b_turned) = _matrices(a, batch), _matrices(b, batch)
    rows, depth = a.shape[:0:-1] if a_turned else a.shape[1:]
    s = sizes_of(
        batch=math.prod(batch), rows=rows, columns=b.shape[1 if b_turned else 2], depth=depth
    )
    more = {"a_turned": int(a_turned), "b_turned": int(b_turned), "activation": 0, "slope": 0.0}
    if a.dtype != np.float64 and blocks(s, LARGE) >= ENOUGH:
        y = launch("gemm_large", a, b, bias, **vars(s), **more)
    else:
        R = 4 if blocks(s, 4) >= ENOUGH else 2
        y = launch("gemm", a, b, bias, **vars(s), **more, R=R)
    return y.reshape(*batch, s.rows, s.columns)


def _matrices(x, batch):
    """(x (..., n, m) as one matrix, or a stack for a whole batch, as they lie in memory; whether
    that is the other way round). A copy only where neither order is the memory's."""
    turned = not x.flags.c_contiguous and x.swapaxes(-1, -2).flags.c_contiguous
    if turned:
        x = x.swapaxes(-1, -2)
    count = math.prod(x.shape[:-2])
    if count not in (1, math.prod(batch)):  # some dimensions of the batch, not all
        x, count = array_module(x).broadcast_to(x, (*batch, *x.shape[-2:])), math.prod(batch)
    return x.reshape(count, *x.shape[-2:]), turned


def linear(x, weight, bias):
    """linalg.linear"""
    dtype = np.result_type(x.dtype, weight.dtype)
    x, weight = (a.astype(dtype, copy=False) for a in (x, weight))
    if bias is None or bias.dtype == dtype:
        return matmul(x, weight.T, bias)
    return matmul(x, weight.T) + bias
