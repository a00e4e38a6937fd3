"""Resampling: a picture with another number of pixels.

Idea: every mode is a linear map, one sparse matrix for each dimension, so there is one primitive,
`resample`, and its VJP is itself with the matrices transposed.
Read next: grid_sample.py (pixels read at given places), backend/resample.py (the matrices).
"""

import math
from numbers import Integral, Real

from minigen.backend import resample as arrays
from minigen.errors import check_tensors
from minigen.ops._define import composite, primitive


@primitive(lambda g, maps: resample(g, tuple([map.adjoint() for map in maps])))
def resample(x, maps):
    """x (N, C, *size) with each dimension of size mapped by one of the maps."""
    return arrays.resample(x, maps)


def check_image(function, x, n):
    """x must be a batch of images (ValueError), of n dimensions that hold floats (TypeError)."""
    check_tensors(function, x)
    if x.ndim != n + 2:
        expected = "(N, C, " + {1: "L", 2: "H, W", 3: "D, H, W"}[n] + ")"
        hint = "; a single sample needs x.unsqueeze(0)" if x.ndim == n + 1 else ""
        raise ValueError(
            f"{function}: x {tuple(x.shape)} must have {n + 2} dimensions, {expected}{hint}"
        )
    if x.dtype.kind in "iub":
        raise TypeError(f"{function}: x must be floating, not {x.dtype}; use x.float()")
    if 0 in x.shape[2:]:
        raise ValueError(f"{function}: x {tuple(x.shape)} has no elements to work on")


def area_maps(size, sizes):
    """Means of windows that are spread evenly, `sizes` of them."""
    pairs = zip(size, map(int, sizes), strict=True)
    return tuple([arrays.Map("area", n, m, n / m) for n, m in pairs])


MODES = {
    "nearest": ("nearest", (1, 2, 3)),
    "nearest-exact": ("nearest-exact", (1, 2, 3)),
    "linear": ("linear", (1,)),
    "bilinear": ("linear", (2,)),
    "trilinear": ("linear", (3,)),
    "bicubic": ("cubic", (2,)),
    "area": ("area", (1, 2, 3)),
}


def _check_mode(mode, x, align_corners, antialias):
    check_tensors("interpolate", x)
    if not isinstance(mode, str) or mode not in MODES:
        raise ValueError(f"interpolate: mode {mode!r} is not known: use one of {', '.join(MODES)}")
    n = x.ndim - 2
    if n not in (1, 2, 3):
        raise ValueError(
            f"interpolate: x {tuple(x.shape)} must have 3, 4 or 5 dimensions, (N, C, *size)"
        )
    kind, dimensions = MODES[mode]
    if n not in dimensions:
        fitting = [name for name, (other, dims) in MODES.items() if other == kind and n in dims]
        instead = f'; use "{fitting[0]}"' if fitting else ""
        raise ValueError(
            f'interpolate: mode "{mode}" is for {dimensions[0] + 2} dimensions, x '
            f"{tuple(x.shape)} has {x.ndim}{instead}"
        )
    check_image("interpolate", x, n)
    if align_corners is not None and kind not in ("linear", "cubic"):
        raise ValueError(
            f'interpolate: align_corners has no meaning for mode "{mode}"; leave it out'
        )
    if antialias:
        raise ValueError("interpolate: antialias=True does not exist here; smooth x first")
    return kind


def _sizes(x, size, scale_factor, recompute_scale_factor):
    """The size to reach, and the scale factors to use in coordinates, None where they follow."""
    n, given = x.ndim - 2, size if size is not None else scale_factor
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate: give either size or scale_factor")
    name, numbers = ("size", Integral) if size is not None else ("scale_factor", Real)
    values = tuple(given) if isinstance(given, (tuple, list)) else (given,) * n
    right = all(
        isinstance(v, numbers) and not isinstance(v, bool) and 0 < v < math.inf for v in values
    )
    if len(values) != n or not right:
        what = "whole number" if size is not None else "number"
        raise ValueError(
            f"interpolate: {name} must be a positive {what} or {n} of them, not {given!r}"
        )
    if size is not None:
        if recompute_scale_factor:
            raise ValueError(
                "interpolate: recompute_scale_factor goes with scale_factor, not with size"
            )
        return tuple(map(int, values)), (None,) * n
    sizes = tuple(math.floor(s * v) for s, v in zip(x.shape[2:], values, strict=True))
    if min(sizes) < 1:
        raise ValueError(
            f"interpolate: scale_factor {given!r} leaves nothing of x {tuple(x.shape)}: it would "
            f"have size {sizes}"
        )
    return sizes, (None,) * n if recompute_scale_factor else values


def _step(n, m, scale, align_corners):
    """From one pixel of the result to the next, in pixels of x."""
    if align_corners:
        return (n - 1) / (m - 1) if m > 1 else 0.0
    return n / m if scale is None else 1 / scale


@composite
def interpolate(
    x, size=None, scale_factor=None, mode="nearest", align_corners=None,
    recompute_scale_factor=None, antialias=False,
):  # fmt: skip
    """x (N, C, *size) resampled to `size`, or to floor(scale_factor · its size) -> (N, C, *out)

    mode: "nearest", "nearest-exact", "area" (the mean of what a pixel covers) for 1 to 3
    dimensions; "linear" for 1, "bilinear" and "bicubic" for 2, "trilinear" for 3. Pixel i of the
    result lies at (i + 0.5)·step - 0.5 in x, or with align_corners=True, where the centres of the
    corner pixels stay, at i·step; "nearest" reads floor(i·step), and copies or doubles exactly
    where the result has as many or twice as many pixels. What lies outside x is its edge.
    step is 1 / scale_factor if that was given, unless recompute_scale_factor=True; else n / m.
    antialias is not supported. ValueError for a mode that does not fit.
    """
    kind = _check_mode(mode, x, align_corners, antialias)
    sizes, scales = _sizes(x, size, scale_factor, recompute_scale_factor)
    if kind == "area":
        return resample(x, area_maps(x.shape[2:], sizes))
    align = bool(align_corners)
    maps = [
        arrays.Map(kind, n, m, _step(n, m, scale, align), align)
        for n, m, scale in zip(x.shape[2:], sizes, scales, strict=True)
    ]
    return resample(x, tuple(maps))
