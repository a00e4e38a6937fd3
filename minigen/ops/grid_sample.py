"""Warping: a picture read at the places that a grid names.

Idea: a pixel of the result is a weighted sum of the pixels around its place. `_blend` is that sum,
linear in the picture and in the weights; with its two adjoints it is an algebra of three, as in
conv.py. The weights are arithmetic on the grid, made of ops: so all derivatives follow.
Read next: resample.py (places on a regular grid), backend/blend.py.
Source: Jaderberg et al., Spatial Transformer Networks, 2015.
"""

import math
from itertools import product
from numbers import Integral

from minigen.backend import array_module
from minigen.backend import blend as arrays
from minigen.errors import check_tensors
from minigen.ops._define import composite, primitive
from minigen.ops.elementwise import cast, where
from minigen.ops.index import index
from minigen.ops.linalg import matmul
from minigen.ops.resample import check_image
from minigen.ops.shape import permute, reshape, stack, transpose

# ---- Σ weight[p, k] · <g[p], x[at[p, k]]> and its derivatives


@primitive(
    lambda g, weight, x_shape, at: _blend_adjoint(g, weight, at, x_shape[0]),
    lambda g, x, at: _blend_weight_grad(g, x, at),
)
def _blend(x, weight, at):
    return arrays.blend(x, weight, at)


@primitive(
    lambda g, weight, at: _blend(g, weight, at),
    lambda g, x, at: _blend_weight_grad(x, g, at),
)
def _blend_adjoint(x, weight, at, rows):
    return arrays.blend_adjoint(x, weight, at, rows)


@primitive(
    lambda g, x, at: _blend(x, g, at),
    lambda g, g_up, x_shape, at: _blend_adjoint(g_up, g, at, x_shape[0]),
)
def _blend_weight_grad(g_up, x, at):
    return arrays.blend_weight_grad(g_up, x, at)


# ---- places


def _array(x):
    return getattr(x, "_data", x)


def _place(u, size, padding_mode, align_corners):
    """Coordinates in [-1, 1] as places in pixels, those outside brought in by the padding."""
    xp, reflects = array_module(_array(u)), padding_mode == "reflection"
    place = (u + 1) * ((size - 1) / 2) if align_corners else ((u + 1) * size - 1) / 2
    there = _array(place)
    known = xp.isfinite(there) if reflects else there == there
    place = where(known, place, 0.0 if align_corners else -0.5)  # nan is -1
    if reflects:
        place = _reflected(place, size, align_corners)
    # no gradient at the edges, as in PyTorch: a place there is as good as outside. With zeros,
    # a pixel further out nothing is left to read, however far.
    low, high = (-2, size + 1) if padding_mode == "zeros" else (0, size - 1)
    there = _array(place)
    return where((there > low) & (there < high), place, xp.clip(there, low, high))


def _reflected(place, size, align_corners):
    """Mirrored at the edges (their centres, or their outer sides) until it is inside."""
    low, span = (0.0, size - 1.0) if align_corners else (-0.5, float(size))
    if span == 0:
        return place * 0
    xp, there = array_module(_array(place)), _array(place)
    sign = xp.where(there < low, -1.0, 1.0).astype(there.dtype)
    turns = xp.floor(xp.abs(there - low) / span)
    rest = (place - low) * sign - turns * span  # in [0, span]
    return where(turns % 2 == 0, rest, span - rest) + low


def _corners(place, mode):
    """(pixel, weight) of the neighbours of a place along one dimension."""
    xp = array_module(_array(place))
    if mode == "nearest":
        return [(xp.rint(_array(place)), xp.ones_like(_array(place)))]
    first = xp.floor(_array(place))
    t = place - first
    return [(first, 1 - t), (first + 1, t)]


def _taps(x, grid, mode, padding_mode, align_corners):
    """Which rows of x (N·size, C) each place reads (P, K), and their weights (P, K)."""
    size, samples = x.shape[2:], len(x)
    xp, n = array_module(_array(x)), len(size)
    if grid.dtype.itemsize < 4:  # places in a large picture need more digits
        grid = cast(grid, "float32")
    along = []
    for j, m in enumerate(size):  # the grid counts its coordinates from the last dimension
        place = _place(index(grid, (..., n - 1 - j)), m, padding_mode, align_corners)
        along.append(_corners(place, mode))
    first = xp.arange(samples).reshape(-1, *[1] * n) * math.prod(size)
    rows, weights = [], []
    for corner in product(*along):
        row, weight, inside = 0, 1, True
        for (pixel, w), m in zip(corner, size, strict=True):
            inside = (pixel >= 0) & (pixel < m) & inside
            row = row * m + xp.clip(pixel, 0, m - 1).astype("int64")
            weight = w * weight
        rows.append((row + first).reshape(-1))
        weights.append(reshape(where(inside, weight, 0.0), (-1,)))
    return xp.stack(rows, 1), stack(weights, 1)


# ---- the ops


def _check_grid(x, grid, mode, padding_mode):
    check_tensors("grid_sample", x, grid)
    if mode not in ("bilinear", "nearest"):
        raise ValueError(f'grid_sample: mode {mode!r} must be "bilinear" or "nearest"')
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            f'grid_sample: padding_mode {padding_mode!r} must be "zeros", "border" or "reflection"'
        )
    check_image("grid_sample", x, 3 if x.ndim == 5 else 2)
    n = x.ndim - 2
    fits = grid.ndim == x.ndim and len(grid) == len(x) and grid.shape[-1] == n
    if not fits:
        expected = {2: "H', W', 2", 3: "D', H', W', 3"}[n]
        raise ValueError(
            f"grid_sample: grid {tuple(grid.shape)} must be ({len(x)}, {expected}) for x "
            f"{tuple(x.shape)}: a place for each pixel of the result"
        )
    if grid.dtype.kind in "iub":
        raise TypeError(f"grid_sample: grid must be floating, not {grid.dtype}; use grid.float()")


@composite
def grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False):
    """x (N, C, H, W) read at the places in grid (N, H', W', 2) -> (N, C, H', W')

    grid holds (column, row) from -1 to 1: the outer sides of the corner pixels, or their centres
    with align_corners=True. x (N, C, D, H, W) takes grids of (column, row, slice). mode: "bilinear"
    blends the neighbours, "nearest" takes one (halves to the even one; no gradient in grid).
    padding_mode says what lies outside: "zeros", the "border" pixels, or x's "reflection". At
    whole pixels, where it has a kink, the gradient in grid is that of the pixel to the right;
    nan reads at -1.
    """
    _check_grid(x, grid, mode, padding_mode)
    channels, shape = x.shape[1], tuple(grid.shape[1:-1])
    at, weight = _taps(x, grid, mode, padding_mode, align_corners)
    rows = reshape(permute(x, (0, *range(2, x.ndim), 1)), (-1, channels))
    y = reshape(_blend(rows, weight, at), (len(x), *shape, channels))
    y = permute(y, (0, x.ndim - 1, *range(1, x.ndim - 1)))
    return y if y.dtype == x.dtype else cast(y, x.dtype)


@composite
def affine_grid(theta, size, align_corners=False):
    """The grid for grid_sample of an affine map: place = theta · (column, row, 1) of each pixel.

    theta (N, 2, 3), size (N, C, H, W) -> (N, H, W, 2); theta (N, 3, 4), size (N, C, D, H, W)
    -> (N, D, H, W, 3). Coordinates run from -1 to 1 as in grid_sample. ValueError for other shapes.
    """
    check_tensors("affine_grid", theta)
    if not isinstance(size, (tuple, list)):
        raise TypeError(f"affine_grid: size must be a tuple, (N, C, H, W), not {size!r}")
    size = tuple(size)
    n = len(size) - 2
    if n not in (2, 3) or tuple(theta.shape) != (size[0], n, n + 1):
        raise ValueError(
            f"affine_grid: theta {tuple(theta.shape)} for size {size}: expected theta (N, 2, 3) "
            "with (N, C, H, W), or (N, 3, 4) with (N, C, D, H, W)"
        )
    if any(not isinstance(m, Integral) or m < 1 for m in size[1:]):
        raise ValueError(f"affine_grid: size must hold positive whole numbers, not {size}")
    if theta.dtype.kind in "iub":
        raise TypeError(f"affine_grid: theta must be floating, not {theta.dtype}; use .float()")
    xp = array_module(_array(theta))
    columns = []
    for j in reversed(range(n)):  # (column, row, slice)
        m = size[2 + j]
        i = xp.arange(m).astype(theta.dtype)
        u = 2 * i / max(m - 1, 1) - (m > 1) if align_corners else (2 * i + 1) / m - 1
        u = u.reshape([m if k == j else 1 for k in range(n)])
        columns.append(xp.broadcast_to(u, size[2:]).reshape(-1))
    columns.append(xp.ones_like(columns[0]))
    base = xp.stack(columns, 1)  # (H·W, n + 1)
    grid = matmul(base, transpose(theta, 1, 2))
    return reshape(grid, (size[0], *size[2:], n))
