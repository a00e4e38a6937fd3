"""Entries of pool.cu.

Read next: pool.cu, entry.py.
"""

from itertools import product

import numpy as np
from minigen.kernels.entry import In, Kernel, Out, Scalar, ceil_div, sizes_of

THREADS = 256


def _axes(s):
    """One (size, windows, kernel, stride, dilation, low) for each dimension of a sample."""
    sizes, windows = (s.depth, s.height, s.width), (s.windows_d, s.windows_h, s.windows_w)
    rest = s.kernel, s.stride, s.dilation, s.low
    return np.array(list(zip(sizes, windows, *rest, strict=True)), "int32")


def _windows(geometry):
    """(window, the positions that it reads), row-major."""
    for window in product(*(range(axis[1]) for axis in geometry)):
        along = [
            [q for t in range(axis[2]) if 0 <= (q := w * axis[3] + t * axis[4] - axis[5]) < axis[0]]
            for w, axis in zip(window, geometry, strict=True)
        ]
        yield window, list(product(*along))


# ---- references


def max_pool(x, geometry):
    """(the largest of each window, where it lies in its plane)."""
    shape = len(x), *(axis[1] for axis in geometry)
    y, index = np.empty(shape), np.empty(shape, int)
    for window, positions in _windows(geometry):
        values = np.stack([x[(slice(None), *at)] for at in positions])
        best = values.argmax(0)  # the first of equals, and a nan, as NumPy has it too
        flat = np.array([np.ravel_multi_index(at, x.shape[1:]) for at in positions])
        y[(slice(None), *window)] = values.max(0)
        index[(slice(None), *window)] = flat[best]
    return y, index


def _max_pool_backward(g, index, geometry):
    sizes = [axis[0] for axis in geometry]
    dx = np.zeros((len(g), np.prod(sizes)))
    planes = np.arange(len(g))[:, None]
    np.add.at(dx, (planes, index.reshape(len(g), -1)), g.reshape(len(g), -1))
    return dx.reshape(len(g), *sizes)


def _weight(window, geometry, padding_counts, divisor):
    if divisor:
        return 1 / divisor
    count = 1
    for w, (size, _, kernel, stride, _, low) in zip(window, geometry, strict=True):
        taken = np.arange(w * stride - low, w * stride - low + kernel)
        inside = (taken < size + low) if padding_counts else (taken >= 0) & (taken < size)
        count *= inside.sum()
    return 1 / count


def avg_pool(x, geometry, padding_counts, divisor):
    """The mean of each window, or its sum over divisor."""
    y = np.empty((len(x), *(axis[1] for axis in geometry)))
    for window, positions in _windows(geometry):
        total = sum(x[(slice(None), *at)] for at in positions)
        y[(slice(None), *window)] = total * _weight(window, geometry, padding_counts, divisor)
    return y


def _avg_pool_backward(g, geometry, padding_counts, divisor):
    dx = np.zeros((len(g), *(axis[0] for axis in geometry)))
    for window, positions in _windows(geometry):
        each = g[(slice(None), *window)] * _weight(window, geometry, padding_counts, divisor)
        for at in positions:
            dx[(slice(None), *at)] += each
    return dx


# ---- samples: three dimensions with windows apart, overlapping, padded, dilated, cut by ceil_mode


def _sample(planes, size, kernel, stride, dilation, low, windows, **more):
    names = ("depth", "height", "width"), ("windows_d", "windows_h", "windows_w")
    sizes = dict(zip(names[0], size, strict=True)) | dict(zip(names[1], windows, strict=True))
    options = {"kernel": kernel, "stride": stride, "dilation": dilation, "low": low}
    return {"planes": planes, **sizes, **options, **more}


_GEOMETRIES = (
    _sample(3, (1, 8, 10), (1, 2, 2), (1, 2, 2), (1, 1, 1), (0, 0, 0), (1, 4, 5)),
    _sample(7, (1, 9, 7), (1, 3, 3), (1, 2, 1), (1, 1, 1), (0, 1, 1), (1, 5, 7)),
    _sample(2, (4, 4, 6), (2, 3, 2), (2, 1, 3), (1, 1, 1), (1, 0, 1), (3, 2, 3)),
)
_DILATED = _sample(2, (1, 11, 9), (1, 3, 2), (1, 2, 2), (1, 2, 3), (0, 1, 0), (1, 5, 3))
_BENCH = _sample(8192, (1, 32, 32), (1, 2, 2), (1, 2, 2), (1, 1, 1), (0, 0, 0), (1, 16, 16))
_X = "planes depth height width"
_Y = "planes windows_d windows_h windows_w"
_GEOMETRY = In("geometry", "int32", "3 6", draw=lambda rng, s: _axes(s))


def _inputs(s):
    return s.planes * s.depth * s.height * s.width


def _outputs(s):
    return s.planes * s.windows_d * s.windows_h * s.windows_w


def _index(rng, s):
    """Positions of maxima, as the forward finds them."""
    x = rng.standard_normal((s.planes, s.depth, s.height, s.width))
    return max_pool(x, _axes(s))[1]


def _with(samples, count, **more):
    """The samples with their number of threads, and more options."""
    return tuple(sample | {"count": count(sizes_of(**sample))} | more for sample in samples)


def _entry(name, arguments, reference, threads, samples, bytes):
    return Kernel(
        name,
        "pool.cu",
        arguments,
        grid=lambda s: (ceil_div(s.count, THREADS),),
        block=(THREADS,),
        reference=reference,
        samples=samples,
        bench=_with([_BENCH], threads, padding_counts=1, divisor=0)[0],
        bytes=bytes,
    )


_MEANS = (
    *_with(_GEOMETRIES, _outputs, padding_counts=0, divisor=0),
    *_with(_GEOMETRIES, _outputs, padding_counts=1, divisor=0),
    *_with(_GEOMETRIES[1:2], _outputs, padding_counts=1, divisor=5),
)
_MEANS_BACK = tuple(m | {"count": _with([m], _inputs)[0]["count"]} for m in _MEANS)
_OPTIONS = Scalar("count", "int64"), Scalar("padding_counts"), Scalar("divisor", "A")

KERNELS = (
    _entry(
        "max_pool_forward",
        (
            In("x", "T", _X, draw=lambda rng, s: rng.integers(-4, 4, _inputs(s)).astype(float)),
            _GEOMETRY,
            Out("y", "T", _Y),
            Out("index", "int32", _Y),
            Scalar("count", "int64"),
        ),
        max_pool,
        _outputs,
        _with((*_GEOMETRIES, _DILATED), _outputs),
        lambda s: _inputs(s) * s.itemsize + _outputs(s) * (s.itemsize + 4),
    ),
    _entry(
        "max_pool_backward",
        (
            In("g", "T", _Y),
            In("index", "int32", _Y, draw=_index),
            _GEOMETRY,
            Out("dx", "T", _X),
            Scalar("count", "int64"),
        ),
        _max_pool_backward,
        _inputs,
        _with((*_GEOMETRIES, _DILATED), _inputs),
        lambda s: _inputs(s) * s.itemsize + _outputs(s) * (s.itemsize + 4),
    ),
    _entry(
        "avg_pool_forward",
        (In("x", "T", _X), _GEOMETRY, Out("y", "T", _Y), *_OPTIONS),
        avg_pool,
        _outputs,
        _MEANS,
        lambda s: (_inputs(s) + _outputs(s)) * s.itemsize,
    ),
    _entry(
        "avg_pool_backward",
        (In("g", "T", _Y), _GEOMETRY, Out("dx", "T", _X), *_OPTIONS),
        _avg_pool_backward,
        _inputs,
        _MEANS_BACK,
        lambda s: (_inputs(s) + _outputs(s)) * s.itemsize,
    ),
)
