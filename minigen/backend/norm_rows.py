"""Normalisation on arrays, row by row: layer norm and RMS norm.

Idea: as in norm.py, sums first and one multiply-add per element then. x (R, D) has statistics per
row and weights per column. A factor for each row times a factor for each column is a matrix product
of rank two, which BLAS writes faster than ufuncs repeat a number along a short row:

    y = x * A + B       A = inverse_std ⊗ weight,  B = -mean·inverse_std ⊗ weight + 1 ⊗ bias

and all sums over rows or columns are products too.
Read next: norm.py, ../ops/norm.py (on tensors).
"""

import numpy

from minigen.backend import array_module
from minigen.backend.norm import FAR, dots, workspace

BLOCK = 1 << 17  # elements of each array in a block: 512 kB in float32


def _outer(xp, role, factors, rows):
    """Matrices a ⊗ rows[0] + b ⊗ rows[1], one for each (a, b) in factors; numbers count too."""
    count = next(len(f) for pair in factors for f in pair if not isinstance(f, int))
    columns = xp.empty((len(factors), count, 2), rows.dtype)
    for column, pair in zip(columns, factors, strict=True):
        column[:, 0], column[:, 1] = pair
    shape = len(factors), count, rows.shape[1]
    out = workspace(xp, role, shape, rows.dtype)
    xp.matmul(columns.reshape(-1, 2), rows, out=out.reshape(len(factors) * count, shape[2]))
    return out


def _centred(xp, x, mean, average):
    """x minus the mean of each row: twice, for the mean itself was rounded."""
    out = xp.subtract(x, mean[:, None], out=workspace(xp, "centred", x.shape, x.dtype))
    out -= (out @ average)[:, None]
    return out


def _is_far(xp, far):
    # on a GPU always: to look at the values would wait for them
    return xp is not numpy or far.any()


def _steps(xp, rows, width):
    step = max(1, BLOCK // max(width, 1)) if xp is numpy else max(rows, 1)
    return [slice(i, min(i + step, rows)) for i in range(0, rows, step)]


def row_norm(x, weight, bias, eps, centre):
    """(y, backward) of y = (x - mean) / sqrt(variance + eps) · weight + bias, for each row.

    x (R, D), float32 or float64; weight, bias (D,) or None. centre=False leaves the mean out: the
    variance is then the mean of squares. backward(g, needs) -> dx, dweight, dbias.
    """
    xp, (rows, width), dtype = array_module(x), x.shape, x.dtype
    average = xp.full(width, 1 / max(width, 1), dtype)
    columns = xp.zeros((2, width), dtype)
    columns[0] = 1 if weight is None else weight
    columns[1] = 0 if bias is None else bias
    y, means, inverse_stds = xp.empty(x.shape, dtype), xp.zeros(rows, dtype), xp.empty(rows, dtype)
    for at in _steps(xp, rows, width):
        there, mean, shift = x[at], 0, 0
        variance = dots(there, there) / max(width, 1)
        if centre:
            mean = means[at] = there @ average
            variance -= mean * mean
            if _is_far(xp, mean * mean > FAR * variance):
                there, mean = _centred(xp, there, mean, average), 0
                variance = dots(there, there) / max(width, 1)
        scale = inverse_stds[at] = 1 / xp.sqrt(xp.maximum(variance, 0) + eps)
        slope, shift = _outer(xp, "outer", [(scale, 0), (-mean * scale, 1)], columns)
        xp.multiply(there, slope, out=y[at])
        y[at] += shift
    return y, _backward(x, columns, average, means, inverse_stds, centre)


def _backward(x, columns, average, means, inverse_stds, centre):
    """The backward of row_norm, from its means and inverse_stds."""
    xp, (rows, width), dtype = array_module(x), x.shape, x.dtype
    weight = columns[0]

    def backward(g, needs):
        # with x̂ = (x - mean)·inverse_std and E over the row:
        #     dx = inverse_std·(g·weight - E[g·weight] - x̂·E[g·weight·x̂])
        dx = xp.empty(x.shape, dtype) if needs.x else None
        ends = xp.zeros((2, width))  # Σ g·x̂ and Σ g over the rows
        pair = xp.ones((2, width), dtype)
        pair[0] = weight
        for at in _steps(xp, rows, width):
            there, upper, scale, mean = x[at], g[at], inverse_stds[at], means[at]
            if centre and _is_far(xp, xp.abs(mean) * scale > FAR**0.5):
                there, mean = _centred(xp, there, mean, average), 0
            work = workspace(xp, "product", there.shape, dtype)
            product = xp.multiply(there, upper, out=work)
            sides = xp.ones((2, len(there)), dtype)
            sides[0] = -mean * scale
            ends += sides @ upper
            ends[0] += scale @ product
            if dx is None:
                continue
            sum_g = upper @ weight
            along = (product @ weight - mean * sum_g) * (scale * scale * scale / -width)
            shift = -mean * along - scale * sum_g / width if centre else 0
            factors = [(scale, 0), (0, along), (0, shift)][: 3 if centre else 2]
            slope, factor, *shifts = _outer(xp, "outer", factors, pair)
            xp.multiply(upper, slope, out=dx[at])
            dx[at] += xp.multiply(there, factor, out=factor)
            for shift in shifts:
                dx[at] += shift
        return dx, ends[0].astype(dtype), ends[1].astype(dtype)

    return backward
