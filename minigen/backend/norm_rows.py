"""Layer norm and RMS norm on the CPU, in few visits of the memory.

Idea: as in norm_blocks.py, sums first, then one multiply-add per element. x (R, D) has statistics
per row and weights per column. A factor for each row times a factor for each column is a matrix
product of rank two, which BLAS writes faster than ufuncs repeat a number along a short row:

    y = x * A + B       A = inverse_std ⊗ weight,  B = -mean·inverse_std ⊗ weight + 1 ⊗ bias

and all sums over rows or columns are products too.
Read next: norm.py (the formula, and who calls this), norm_blocks.py.
"""

import numpy

from minigen.backend.norm_blocks import FAR
from minigen.backend.numpy import scratch

BLOCK = 1 << 17  # elements of each array in a block: 512 kB in float32


def _outer(role, factors, rows):
    """Matrices a ⊗ rows[0] + b ⊗ rows[1], one for each (a, b) in factors; numbers count too."""
    count = next(len(f) for pair in factors for f in pair if not isinstance(f, int))
    columns = numpy.empty((len(factors), count, 2), rows.dtype)
    for column, pair in zip(columns, factors, strict=True):
        column[:, 0], column[:, 1] = pair
    shape = len(factors), count, rows.shape[1]
    out = scratch(role, shape, rows.dtype)
    numpy.matmul(columns.reshape(-1, 2), rows, out=out.reshape(len(factors) * count, shape[2]))
    return out


def _centred(x, mean, average):
    """x minus the mean of each row: twice, for the mean itself was rounded."""
    out = numpy.subtract(x, mean[:, None], out=scratch("centred", x.shape, x.dtype))
    out -= (out @ average)[:, None]
    return out


def _steps(rows, width):
    step = max(1, BLOCK // width)
    return [slice(i, min(i + step, rows)) for i in range(0, rows, step)]


def row_norm(x, weight, bias, eps, centre):
    """norm.row_norm."""
    (rows, width), dtype = x.shape, x.dtype
    average = numpy.full(width, 1 / width, dtype)
    columns = numpy.zeros((2, width), dtype)
    columns[0] = 1 if weight is None else weight
    columns[1] = 0 if bias is None else bias
    y = numpy.empty(x.shape, dtype)
    means, inverse_stds = numpy.zeros((2, rows), dtype)
    for at in _steps(rows, width):
        there, mean = x[at], 0
        variance = numpy.vecdot(there, there) / width
        if centre:
            mean = means[at] = there @ average
            variance -= mean * mean
            if (mean * mean > FAR * variance).any():
                there, mean = _centred(there, mean, average), 0
                variance = numpy.vecdot(there, there) / width
        scale = inverse_stds[at] = 1 / numpy.sqrt(numpy.maximum(variance, 0) + eps)
        slope, shift = _outer("outer", [(scale, 0), (-mean * scale, 1)], columns)
        numpy.multiply(there, slope, out=y[at])
        y[at] += shift
    return y, _backward(x, columns, average, means, inverse_stds, centre)


def _backward(x, columns, average, means, inverse_stds, centre):
    """The backward of row_norm, from its means and inverse_stds."""
    (rows, width), dtype = x.shape, x.dtype
    weight = columns[0]

    def backward(g, needs):
        # with x̂ = (x - mean)·inverse_std and E over the row:
        #     dx = inverse_std·(g·weight - E[g·weight] - x̂·E[g·weight·x̂])
        dx = numpy.empty(x.shape, dtype) if needs.x else None
        ends = numpy.zeros((2, width))  # Σ g·x̂ and Σ g over the rows
        pair = numpy.ones((2, width), dtype)
        pair[0] = weight
        for at in _steps(rows, width):
            there, upper, scale, mean = x[at], g[at], inverse_stds[at], means[at]
            if centre and (numpy.abs(mean) * scale > FAR**0.5).any():
                there, mean = _centred(there, mean, average), 0
            work = scratch("product", there.shape, dtype)
            product = numpy.multiply(there, upper, out=work)
            sides = numpy.ones((2, len(there)), dtype)
            sides[0] = -mean * scale
            ends += sides @ upper
            ends[0] += scale @ product
            if dx is None:
                continue
            sum_g = upper @ weight
            along = (product @ weight - mean * sum_g) * scale * scale * (scale / -width)
            shift = -mean * along - scale * sum_g / width if centre else 0
            factors = [(scale, 0), (0, along), (0, shift)][: 3 if centre else 2]
            slope, factor, *shifts = _outer("outer", factors, pair)
            numpy.multiply(upper, slope, out=dx[at])
            dx[at] += numpy.multiply(there, factor, out=factor)
            for shift in shifts:
                dx[at] += shift
        return dx, ends[0].astype(dtype), ends[1].astype(dtype)

    return backward
