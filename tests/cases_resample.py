"""Rows of ops/resample.py and ops/grid_sample.py, and the loops that say what they mean.

Read next: cases_row.py (the words used here), test_resample.py (the loops on random sizes).
"""

import math
from itertools import product

import numpy as np
from cases_conv import each
from cases_pool import adaptive_avg_pool
from cases_row import at, case, normal, run

from minigen import ops

# ---- interpolation: a pixel of the result as a sum over pixels of x, one dimension at a time


def keys_kernel(d, a=-0.75):
    """Cubic convolution's weight at distance d."""
    d = abs(d)
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


KERNELS = {
    "linear": (lambda d: max(0.0, 1 - abs(d)), 1),
    "bicubic": (keys_kernel, 2),
}
KERNELS["bilinear"] = KERNELS["trilinear"] = KERNELS["linear"]


def along(x, axis, m, scale, mode, align_corners):
    """x (..., n, ...) with m pixels along the axis."""
    n = x.shape[axis]
    step = n / m if scale is None else 1 / scale
    if mode == "nearest" and m in (n, 2 * n):  # as PyTorch's images: copied, or doubled, exactly
        step = n / m
    pixels = np.moveaxis(x, axis, 0)
    y = np.zeros((m, *pixels.shape[1:]))
    for i in range(m):
        if mode == "nearest":
            y[i] = pixels[min(int(i * step + 1e-6), n - 1)]
        elif mode == "nearest-exact":
            half, one = np.float32(0.5), np.float32(step)  # in float32: rounding decides
            place = np.maximum((np.float32(i) + half) * one - half, np.float32(0))
            y[i] = pixels[min(int(np.floor(place + half)), n - 1)]
        else:
            place = (i + 0.5) * step - 0.5
            if align_corners:
                place = i * (n - 1) / (m - 1) if m > 1 else 0.0
            weight, reach = KERNELS[mode]
            for j in range(math.floor(place) - reach, math.floor(place) + reach + 2):
                y[i] += weight(place - j) * pixels[min(max(j, 0), n - 1)]
    return np.moveaxis(y, 0, axis)


def interpolated(
    x, size=None, scale_factor=None, mode="nearest", align_corners=None, recompute_scale_factor=None
):
    n = x.ndim - 2
    scales = each(scale_factor, n) if isinstance(scale_factor, tuple) else (scale_factor,) * n
    sizes = each(size, n) if size is not None else None
    sizes = sizes or [math.floor(s * f) for s, f in zip(x.shape[2:], scales, strict=True)]
    if mode == "area":
        return adaptive_avg_pool(x, tuple(sizes))
    for j in range(n):
        scale = None if recompute_scale_factor else scales[j]
        x = along(x, 2 + j, sizes[j], scale, mode, align_corners)
    return x


INTERPOLATIONS = [
    run((1, 2, 2, 3), scale_factor=2),
    run((2, 1, 3, 4), size=(5, 2)),
    run((1, 2, 2, 3), scale_factor=(1.5, 2.5)),
    run((2, 1, 4), size=3, mode="nearest-exact"),
    run((1, 1, 2, 1, 2), scale_factor=3),
    run((1, 2, 5), size=(3,), mode="linear"),
    run((2, 1, 3), scale_factor=2.0, mode="linear", align_corners=True),
    run((1, 2, 2, 3), scale_factor=2, mode="bilinear"),
    run((1, 1, 3, 5), size=(4, 3), mode="bilinear", align_corners=True),
    run((2, 1, 5, 3), scale_factor=0.7, mode="bilinear"),
    run((2, 1, 5, 3), scale_factor=0.7, mode="bilinear", recompute_scale_factor=True),
    run((1, 1, 2, 2, 3), size=(3, 2, 2), mode="trilinear"),
    run((1, 1, 3, 4), size=(5, 3), mode="bicubic"),
    run((1, 1, 3, 3), size=(2, 4), mode="bicubic", align_corners=True),
    run((1, 2, 4, 5), size=(2, 3), mode="area"),
    run((0, 2, 2, 3), scale_factor=2, mode="bilinear"),
]


# ---- places: what the ops do to one pixel


def affine_grid(theta, size, align_corners=False):
    sizes, grid = size[2:], np.zeros((size[0], *size[2:], len(size) - 2))
    for place in np.ndindex(*grid.shape[:-1]):
        coordinates = []
        for i, m in zip(reversed(place[1:]), reversed(sizes), strict=True):
            outer = 2 * (i + 0.5) / m - 1
            coordinates.append((2 * i / (m - 1) - 1 if m > 1 else 0) if align_corners else outer)
        grid[place] = theta[place[0]] @ [*coordinates, 1]
    return grid


def brought_in(place, n, padding_mode, align_corners):
    if padding_mode == "reflection":
        low, high = (0, n - 1) if align_corners else (-0.5, n - 0.5)
        if low == high:
            return 0.0
        while not low <= place <= high:
            place = 2 * low - place if place < low else 2 * high - place
    return place if padding_mode == "zeros" else min(max(place, 0), n - 1)


def sampled(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False):
    size = x.shape[2:]
    y = np.zeros((*x.shape[:2], *grid.shape[1:-1]))
    for n, *u in np.ndindex(*grid.shape[:-1]):
        places = []
        for v, m in zip(grid[(n, *u)][::-1], size, strict=True):
            place = (v + 1) / 2 * (m - 1) if align_corners else (v + 1) / 2 * m - 0.5
            places.append(brought_in(place, m, padding_mode, align_corners))
        if mode == "nearest":
            pixels = [(tuple(map(round, places)), 1.0)]
        else:
            floors = [math.floor(p) for p in places]
            pixels = []
            for step in product((0, 1), repeat=len(size)):
                q = tuple(f + s for f, s in zip(floors, step, strict=True))
                weight = math.prod(1 - abs(p - i) for p, i in zip(places, q, strict=True))
                pixels.append((q, weight))
        for q, weight in pixels:
            if all(0 <= i < m for i, m in zip(q, size, strict=True)):
                y[(n, slice(None), *u)] += weight * x[(n, slice(None), *q)]
    return y


def between_pixels(rng, shape, k):
    """Places from outside the left to outside the right, away from whole pixels for the sizes used
    (3 and 4 pixels, 6 half pixels across, with either meaning of the corners)."""
    return rng.choice([-1.45, -0.87, -0.57, -0.21, 0.13, 0.41, 0.79, 1.2], shape)


Q = [[[[0.0, 1.0], [2.0, 3.0]]]]


def one_place(*v):
    return [[[list(v)]]]


RESAMPLING = [
    case(
        "interpolate", ops.interpolate, interpolated, INTERPOLATIONS, linear=(0,),
        # bad pixels stay where they are read
        kinks=[
            at([[[1.0, np.inf, 3.0, 4.0]]], size=8, mode="linear",
               y=[[[1, np.inf, np.inf, np.inf, np.inf, 3.25, 3.75, 4]]]),
            at([[[1.0, np.nan, 3.0]]], scale_factor=2, y=[[[1, 1, np.nan, np.nan, 3, 3]]]),
        ],
    ),
    case(
        "affine_grid", ops.affine_grid, affine_grid,
        [
            run((2, 2, 3), size=(2, 1, 2, 3)),
            run((1, 2, 3), size=(1, 3, 3, 1), align_corners=True),
            run((1, 3, 4), size=(1, 1, 2, 1, 2)),
            run((1, 3, 4), size=(1, 1, 2, 3, 1), align_corners=True),
        ],
        linear=(0,),
    ),
    case(
        "grid_sample", ops.grid_sample, sampled,
        [
            run((2, 2, 3, 4), (2, 2, 2, 2)),
            run((1, 2, 4, 3), (1, 2, 3, 2), padding_mode="border"),
            run((1, 1, 3, 4), (1, 3, 2, 2), padding_mode="reflection"),
            run((1, 1, 4, 3), (1, 3, 2, 2), padding_mode="reflection", align_corners=True),
            run((1, 2, 3, 3), (1, 2, 3, 2), align_corners=True),
            run((1, 2, 3, 4), (1, 2, 3, 2), mode="nearest"),
            run((1, 1, 3, 3, 4), (1, 1, 2, 2, 3), padding_mode="border", align_corners=True),
            run((0, 2, 3, 3), (0, 2, 2, 2)),
        ],
        normal, between_pixels, linear=(0,),
        kinks=[
            # on a pixel: the slope to the right and downwards, to nothing beyond the edge
            at(Q, one_place(-1.0, -1.0), align_corners=True, y=[[[[0]]]],
               grads=([[[[1, 0], [0, 0]]]], one_place(0.5, 1))),
            at(Q, one_place(1.0, 1.0), align_corners=True, y=[[[[3]]]],
               grads=([[[[0, 0], [0, 1]]]], one_place(-1.5, -1.5))),
            # no slope at the edges of the other two paddings, nor beyond
            at(Q, one_place(1.0, 0.0), padding_mode="border", align_corners=True, y=[[[[2]]]],
               grads=([[[[0, 0.5], [0, 0.5]]]], one_place(0, 1))),
            # halves to the even pixel; no gradient in the grid
            at(Q, one_place(0.0, 0.0), mode="nearest", align_corners=True, y=[[[[0]]]],
               grads=([[[[1, 0], [0, 0]]]], one_place(0, 0))),
            # nan is -1, infinity is outside
            at(Q, one_place(np.nan, np.inf), padding_mode="border", y=[[[[2]]]],
               grads=([[[[0, 0], [1, 0]]]], one_place(0, 0))),
            # what is not read may be anything
            at([[[[np.nan, 1], [2, 3]]]], one_place(5.0, 5.0), y=[[[[0]]]]),
            at(Q, one_place(-1e30, 0.0), y=[[[[0]]]],
               grads=([[[[0, 0], [0, 0]]]], one_place(0, 0))),
        ],
    ),
]  # fmt: skip
