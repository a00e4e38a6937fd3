"""Vectors divided by their length, and by that of their neighbours.

Idea: no statistics here, just a norm. `normalize` with p=2, which contrastive losses live on, is
fused; every other norm is made of ops.
Read next: layer_norm.py, norm.py (mean and variance).
"""

import math
from numbers import Integral, Real

from minigen.backend import array_module, quiet
from minigen.backend.work import computable
from minigen.errors import check_dim, check_tensors
from minigen.ops._define import composite, fused
from minigen.ops.elementwise import abs, cast, clamp, square, where
from minigen.ops.functions import sqrt
from minigen.ops.norm import as_given, check_eps
from minigen.ops.padding import pad
from minigen.ops.pool import avg_pool2d
from minigen.ops.reduce import amax, amin, sum
from minigen.ops.shape import reshape


def _length(x, p, dim):
    """(Σ |x|^p)^(1/p) over dim, which stays. Gradient 0 where it is 0, and at p < 1 where x is."""
    if math.isinf(p):
        return (amax if p > 0 else amin)(abs(x), dim, True)
    if p == 0:
        return sum(cast(x != 0, x.dtype), dim, True)
    if p == 2:
        total = sum(square(x), dim, True)
    elif p > 0:
        total = sum(where(x == 0, 0.0, where(x == 0, 1.0, abs(x)) ** p), dim, True)
    else:
        total = sum(abs(x) ** p, dim, True)
    nothing = total == 0
    total = where(nothing, 1.0, total)
    return where(nothing, 0.0, sqrt(total) if p == 2 else total ** (1 / p))


def _reference(x, dim, eps, p=2):
    return x / clamp(_length(x, p, dim), min=eps)


@fused("x", reference=_reference)
def _normalize(x, dim, eps):
    xp, given = array_module(x), x
    (x,) = computable(x)

    with quiet():
        length = xp.sqrt((x * x).sum(dim, keepdims=True))
        divisor = xp.maximum(length, eps)
        y = x / divisor

    def backward(g, needs):
        # dx = (g - y·Σ g·y) / |x|, and g / eps where eps took the length's place
        dx = y * ((g * y).sum(dim, keepdims=True) * -(length >= eps).astype(x.dtype))
        dx += g
        dx /= divisor
        return (dx,)

    return as_given(y, given), backward


@composite
def normalize(x, p=2.0, dim=1, eps=1e-12):
    """x divided by its p-norm over dim: vectors of length 1.

        y = x / max(|x|_p, eps)          |x|_p = (Σ |x|^p)^(1/p), the largest |x| for p = inf

    dim: a number, a tuple, or None for all. A vector shorter than eps is divided by eps, with
    gradient g / eps. TypeError for a p that is no number, IndexError for a dim that x has not.
    """
    check_tensors("normalize", x)
    if not isinstance(p, Real) or isinstance(p, bool):
        raise TypeError(f"normalize: p must be a number, the order of the norm, not {p!r}")
    check_eps("normalize", eps)
    dims = range(x.ndim) if dim is None else dim if isinstance(dim, (tuple, list)) else (dim,)
    dims = tuple(check_dim("normalize", d, x.ndim) for d in dims)
    if p == 2 and x.ndim:
        return _normalize(x, dims, eps)
    return _reference(x, dims, eps, float(p))


@composite
def local_response_norm(x, size, alpha=1e-4, beta=0.75, k=1.0):
    """Each element divided by a power of what its neighbours in other channels hold.

        y[c] = x[c] / (k + alpha·mean of x[c']²)^beta

    x (N, C, *size), of 3 dimensions or more -> like x. The mean is over `size` channels c' around
    c; those outside count as zeros. (The paper's alpha is ours over size.) ValueError for another
    shape or a size below 1.
    Source: Krizhevsky, Sutskever & Hinton, ImageNet Classification with Deep CNNs, 2012.
    """
    check_tensors("local_response_norm", x)
    shape = tuple(x.shape)
    if len(shape) < 3:
        raise ValueError(
            f"local_response_norm: x {shape} must have 3 dimensions or more, (N, C, ...)"
        )
    if x.dtype.kind not in "fV":
        raise TypeError(f"local_response_norm: x must be floating, not {x.dtype}; use x.float()")
    if not isinstance(size, Integral) or isinstance(size, bool) or size < 1:
        raise ValueError(
            f"local_response_norm: size, a number of channels, must be at least 1, not {size!r}"
        )
    if 0 in shape:
        return x
    flat = reshape(square(x), (shape[0], 1, shape[1], math.prod(shape[2:])))
    around = avg_pool2d(pad(flat, (0, 0, size // 2, (size - 1) // 2)), (size, 1), 1)
    return x / (reshape(around, shape) * alpha + k) ** beta
