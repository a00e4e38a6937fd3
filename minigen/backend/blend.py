"""Blending on arrays: rows read at given places, and added up with given weights.

Idea: one number, linear in each of weight, x and g,

    Σ over p, k of  weight[p, k] · <g[p], x[index[p, k]]>

and three maps, each what multiplies one of them: so the derivatives of each are the other two. On
the CPU two of them are products with a sparse matrix, SciPy's; elsewhere a loop over k.

x (R, C), index (P, K) integers in [0, R), weight (P, K), g (P, C). Results are at least float32.
Read next: ../ops/grid_sample.py.
"""

import numpy

from minigen.backend import array_module, scatter_add
from minigen.backend.device import blend as device
from minigen.backend.kernels import active
from minigen.backend.work import computable


def blend(x, weight, index):
    """y[p] = Σ_k weight[p, k] · x[index[p, k]]   -> (P, C)"""
    xp = array_module(x)
    x, weight = computable(x, weight)
    if active(x):
        return device.blend(x, weight, index)
    if xp is numpy:
        return _sparse(weight, index, len(x)) @ x if x.size else x[:0].repeat(len(index), 0)
    y = xp.zeros((len(index), x.shape[1]), x.dtype)
    for k in range(index.shape[1]):
        y += _times(xp, x.take(index[:, k], 0), weight[:, k, None])
    return y


def blend_adjoint(g, weight, index, rows):
    """x[index[p, k]] += weight[p, k] · g[p]   -> (rows, C)"""
    xp = array_module(g)
    g, weight = computable(g, weight)
    if active(g):
        return device.blend_adjoint(g, weight, index, rows)
    if xp is numpy:
        return _sparse(weight, index, rows).T @ g
    x = xp.zeros((rows, g.shape[1]), g.dtype)
    for k in range(index.shape[1]):
        scatter_add(x, index[:, k], _times(xp, g, weight[:, k, None]))
    return x


def blend_weight_grad(g, x, index):
    """weight[p, k] = <g[p], x[index[p, k]]>   -> (P, K)"""
    xp = array_module(g)
    g, x = computable(g, x)
    if active(g):
        return device.blend_weight_grad(g, x, index)
    picks = [x.take(index[:, k], 0) for k in range(index.shape[1])]
    return xp.stack([xp.einsum("pc,pc->p", g, pick) for pick in picks], 1)


def _times(xp, x, weight):
    """x·weight, 0 where the weight is 0 and nothing is read, even nan."""
    return xp.where(weight != 0, x * weight, xp.zeros((), x.dtype))


def _sparse(weight, index, rows):
    from scipy.sparse import csr_matrix

    read = weight != 0  # 0·nan would be nan
    ends = numpy.concatenate([[0], numpy.cumsum(read.sum(1))])
    return csr_matrix((weight[read], index[read], ends), (len(index), rows))
