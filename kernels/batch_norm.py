"""Entries of batch_norm.cu.

Read next: batch_norm.cu, entry.py.
"""

import numpy as np
from minigen.kernels.entry import FLOATS, In, Kernel, Out, Scalar, ceil_div
from minigen.kernels.layer_norm import centred_twice, far

THREADS = 256
CHUNK = 4096  # elements of a channel for one block, which keeps them in shared memory
STEPS = 4  # as in batch_norm.cu


def _shape(s):
    return s.samples, s.channels, s.positions


def _size(s):
    return s.samples * s.channels * s.positions


def _chunk_grid(s):
    return (ceil_div(s.samples * s.positions, s.chunk) * s.channels,)


def _chunk_block(s):
    accesses = ceil_div(s.chunk, 16 // s.itemsize if s.wide else 1)
    return (min(THREADS, ceil_div(accesses, 32) * 32),)


def _apply_grid(s):
    return (ceil_div(_size(s), THREADS * STEPS * (16 // s.itemsize if s.wide else 1)),)


# ---- references


def _in_chunks(x, chunk):
    """x (samples, channels, positions) as a list of (channels, chunk)."""
    flat = x.swapaxes(0, 1).reshape(x.shape[1], -1)
    return [flat[:, i : i + chunk] for i in range(0, flat.shape[1], chunk)]


def _standard_part(x, mean, rest, variance, eps):
    """(x - mean) / sqrt(variance + eps) of each channel; None as the kernels understand it."""
    for shift in (mean, rest):
        x = x if shift is None else x - shift[:, None]
    return x if variance is None else x / np.sqrt(variance + eps)[:, None]


def _moments(x, chunk):
    parts = _in_chunks(x, chunk)
    means = np.stack([part.mean(1) for part in parts])
    return means, None, np.stack([centred_twice(part).var(1) for part in parts])


def _finish(means, rests, variances, chunk, count):
    size = np.full((len(means), 1), chunk)
    size[-1] = count - chunk * (len(means) - 1)
    of_chunk = means + rests
    mean = (size * of_chunk).sum(0) / count
    variance = (size * (variances + (of_chunk - mean) ** 2)).sum(0) / count
    return means[0], mean - means[0], variance


def _running(mean, rest, variance, running_mean, running_var, momentum, correction):
    mean, variance = (mean + rest).mean(0), variance.mean(0) * correction
    return (
        running_mean + momentum * (mean - running_mean),
        running_var + momentum * (variance - running_var),
    )


def _apply(x, mean, rest, variance, weight, bias, eps):
    y = _standard_part(x, mean, rest, variance, eps)
    y = y if weight is None else y * weight[:, None]
    return y if bias is None else y + bias[:, None]


def _sums(g, x, mean, rest, variance, chunk, eps):
    along = _in_chunks(g * _standard_part(x, mean, rest, variance, eps), chunk)
    pairs = zip(along, _in_chunks(g, chunk), strict=True)
    return np.stack([[a.sum(1), b.sum(1)] for a, b in pairs])


def _backward(g, x, mean, rest, variance, weight, sums, eps):
    unit = _standard_part(x, mean, rest, variance, eps)
    along, plain = sums[:, :, None] / (g.shape[0] * g.shape[2])
    slope = (1 if weight is None else weight) / np.sqrt(variance + eps)
    return slope[:, None] * (g - plain - unit * along)


# ---- entries


def _positive(rng, s):
    return rng.random(s.channels) + 0.5


def _array(name, make=In, draw=None):
    """An argument like x."""
    options = {"draw": draw} if draw else {}
    return make(name, "T", "samples channels positions", **options)


def _statistics(optional):
    return (
        In("mean", "A", "channels", optional=optional),
        In("rest", "A", "channels", optional=optional),
        In("variance", "A", "channels", optional=optional, draw=_positive),
    )


_PARAMETERS = tuple(In(name, "A", "channels", optional=True) for name in ("weight", "bias"))
_SIZES = (Scalar("samples"), Scalar("channels"), Scalar("positions"))
_EPS = Scalar("eps", "A")
_WIDE = dict(variants={"wide": (False, True)}, template="{T}, {wide}", source="batch_norm.cu")
_BENCH = {"samples": 64, "channels": 128, "positions": 4096, "wide": True}

_CHUNKED = (
    {"samples": 4, "channels": 3, "positions": 35, "chunk": 64, "wide": False},
    {"samples": 70, "channels": 5, "positions": 1, "chunk": 4096, "wide": False},
    {"samples": 3, "channels": 2, "positions": 88, "chunk": 120, "wide": True},
    {"samples": 2, "channels": 1, "positions": 4136, "chunk": 4096, "wide": True},
)
_ELEMENTWISE = (
    {"samples": 4, "channels": 3, "positions": 35, "eps": 0.1, "wide": False},
    {"samples": 300, "channels": 7, "positions": 1, "eps": 1e-5, "wide": False},
    {"samples": 2, "channels": 5, "positions": 1000, "eps": 1e-5, "wide": True},
)


def _chunks(s):
    return s | {"chunks": ceil_div(s["samples"] * s["positions"], s["chunk"])}


KERNELS = (
    Kernel(
        "batch_norm_moments",
        arguments=(
            _array("x", draw=lambda rng, s: far(rng, s, _shape(s))),
            *(Out(name, "A", "chunks channels") for name in ("mean", "rest", "variance")),
            *_SIZES,
            Scalar("chunk"),
        ),
        grid=_chunk_grid,
        block=_chunk_block,
        shared=lambda s: s.chunk * s.itemsize,
        reference=_moments,
        samples=tuple(map(_chunks, _CHUNKED)),
        bench=_chunks(_BENCH | {"chunk": CHUNK}),
        bytes=lambda s: _size(s) * s.itemsize,
        flops=lambda s: 5 * _size(s),
        **_WIDE,
        registers=40,
    ),
    Kernel(
        "batch_norm_finish",
        "batch_norm.cu",
        (
            *(In(name, "T", "chunks channels") for name in ("means", "rests", "variances")),
            *(Out(name, "T", "channels") for name in ("mean", "rest", "variance")),
            Scalar("chunks"),
            Scalar("channels"),
            Scalar("chunk"),
            Scalar("count", "int64"),
        ),
        grid=lambda s: (ceil_div(s.channels, 8),),
        block=(32, 8),
        reference=_finish,
        samples=(
            {"chunks": 70, "channels": 11, "chunk": 16, "count": 69 * 16 + 3},
            {"chunks": 1, "channels": 3, "chunk": 4096, "count": 5},
        ),
        bench={"chunks": 64, "channels": 128, "chunk": CHUNK, "count": 64 * CHUNK},
        bytes=lambda s: (s.chunks + 1) * s.channels * 3 * s.itemsize,
        flops=lambda s: 12 * s.chunks * s.channels,
        types=FLOATS[:2],  # statistics are in the type to accumulate in
        registers=48,
    ),
    Kernel(
        "batch_norm_running",
        "batch_norm.cu",
        (
            *(In(name, "T", "samples channels") for name in ("mean", "rest", "variance")),
            *(In(name, "T", "channels") for name in ("running_mean", "running_var")),
            *(Out(name, "T", "channels") for name in ("moved_mean", "moved_var")),
            Scalar("samples"),
            Scalar("channels"),
            Scalar("momentum", "A"),
            Scalar("correction", "A"),
        ),
        grid=lambda s: (ceil_div(s.channels, 128),),
        block=(128,),
        reference=_running,
        samples=({"samples": 3, "channels": 130, "momentum": 0.1, "correction": 1.5},),
        bench={"samples": 1, "channels": 1024, "momentum": 0.1, "correction": 1.5},
        bytes=lambda s: (3 * s.samples + 4) * s.channels * s.itemsize,
        flops=lambda s: (3 * s.samples + 9) * s.channels,
        types=FLOATS[:2],
        registers=40,
    ),
    Kernel(
        "batch_norm_apply",
        arguments=(_array("x"), *_statistics(True), *_PARAMETERS, _array("y", Out), *_SIZES, _EPS),
        grid=_apply_grid,
        block=(THREADS,),
        reference=_apply,
        samples=(
            *_ELEMENTWISE,
            _ELEMENTWISE[0] | dict(mean=None, rest=None, variance=None, weight=None, bias=None),
        ),
        bench=_BENCH | {"eps": 1e-5},
        bytes=lambda s: 2 * _size(s) * s.itemsize,
        flops=lambda s: 4 * _size(s),
        **_WIDE,
        registers=40,
    ),
    Kernel(
        "batch_norm_sums",
        arguments=(
            _array("g"),
            _array("x"),
            In("mean", "A", "channels"),
            *_statistics(True)[1:],
            Out("sums", "A", "chunks 2 channels"),
            *_SIZES,
            Scalar("chunk"),
            _EPS,
        ),
        grid=_chunk_grid,
        block=_chunk_block,
        reference=_sums,
        samples=(
            *(_chunks(s | {"eps": 0.1}) for s in _CHUNKED),
            _chunks(_CHUNKED[0] | {"eps": 0.1, "rest": None, "variance": None}),
        ),
        bench=_chunks(_BENCH | {"chunk": CHUNK, "eps": 1e-5}),
        bytes=lambda s: 2 * _size(s) * s.itemsize,
        flops=lambda s: 5 * _size(s),
        **_WIDE,
        registers=40,
    ),
    Kernel(
        "batch_norm_backward",
        arguments=(
            _array("g"),
            _array("x"),
            *_statistics(False),
            _PARAMETERS[0],
            In("sums", "A", "2 channels"),
            _array("dx", Out),
            *_SIZES,
            _EPS,
        ),
        grid=_apply_grid,
        block=(THREADS,),
        reference=_backward,
        samples=(*_ELEMENTWISE, _ELEMENTWISE[0] | {"weight": None}),
        bench=_BENCH | {"eps": 1e-5},
        bytes=lambda s: 3 * _size(s) * s.itemsize,
        flops=lambda s: 7 * _size(s),
        **_WIDE,
        registers=40,
    ),
)
