"""Entries of blend.cu.

Read next: blend.cu, entry.py.
"""

import numpy as np
from minigen.kernels.entry import In, Kernel, Out, Scalar, ceil_div

THREADS = 256


def blend(x, weight, index):
    """y[p] = Σ_k weight[p, k] · x[index[p, k]]"""
    return np.einsum("pk,pkc->pc", weight, x[index])


def _adjoint(g, weight, pairs, start):
    x = np.zeros((len(start) - 1, g.shape[1]))
    rows = np.arange(len(start) - 1).repeat(np.diff(start))
    np.add.at(x, rows, weight.reshape(-1)[pairs][:, None] * g[pairs // weight.shape[1]])
    return x


def _weight_grad(g, x, index):
    return np.einsum("pc,pkc->pk", g, x[index])


def _sample(places, neighbours, rows, channels):
    return {
        "places": places,
        "neighbours": neighbours,
        "rows": rows,
        "channels": channels,
        "starts": rows + 1,
        "pairs": places * neighbours,
    }


def _threads(*names):
    """The samples with one thread for each element of a shape."""
    return tuple(s | {"count": s[names[0]] * s[names[1]]} for s in _SAMPLES)


def _index(rng, s):
    return rng.integers(0, s.rows, (s.places, s.neighbours))


def _some(rng, s):
    """Weights, a third of them 0."""
    w = rng.standard_normal((s.places, s.neighbours))
    return np.where(rng.random(w.shape) < 1 / 3, 0, w)


def _start(rng, s):
    """Where the pairs of each row begin; not all rows are read."""
    picked = np.random.default_rng(1).integers(0, s.rows, s.pairs)
    return np.searchsorted(np.sort(picked), np.arange(s.starts))


_SAMPLES = (
    _sample(70, 4, 11, 5),
    _sample(64, 1, 40, 4),  # exactly one block
    _sample(9, 8, 7, 33),
    _sample(5, 1, 7, 3),  # warps to spare
)
_LARGE = _sample(1 << 18, 4, 1 << 18, 64)
_INDEX = In("index", "int64", "places neighbours", draw=_index)
_WEIGHT = In("weight", "T", "places neighbours", draw=_some)
_SIZES = Scalar("channels"), Scalar("neighbours")


def _table(s):
    return s.rows * s.channels * s.itemsize


def _places(s):
    return s.places * s.channels * s.itemsize


KERNELS = (
    Kernel(
        "blend_forward",
        "blend.cu",
        (
            In("x", "T", "rows channels"),
            _WEIGHT,
            _INDEX,
            Out("y", "T", "places channels"),
            *_SIZES,
            Scalar("count", "int64"),
        ),
        grid=lambda s: (ceil_div(s.count, THREADS),),
        block=(THREADS,),
        reference=blend,
        samples=_threads("places", "channels"),
        bench=_LARGE | {"count": _LARGE["places"] * _LARGE["channels"]},
        bytes=lambda s: _table(s) + _places(s) + s.pairs * (8 + s.itemsize),
        flops=lambda s: 2 * s.pairs * s.channels,
    ),
    Kernel(
        "blend_adjoint",
        "blend.cu",
        (
            In("g", "T", "places channels"),
            _WEIGHT,
            In("start", "int64", "starts", draw=_start),
            In("pairs", "int64", "pairs", draw=lambda rng, s: rng.permutation(s.pairs)),
            Out("x", "T", "rows channels"),
            *_SIZES,
            Scalar("count", "int64"),
        ),
        grid=lambda s: (ceil_div(s.count, THREADS),),
        block=(THREADS,),
        reference=_adjoint,
        samples=_threads("rows", "channels"),
        bench=_LARGE | {"count": _LARGE["rows"] * _LARGE["channels"]},
        bytes=lambda s: _table(s) + _places(s) + s.pairs * (8 + s.itemsize) + 8 * s.starts,
        flops=lambda s: 2 * s.pairs * s.channels,
    ),
    Kernel(
        "blend_weight_grad",
        "blend.cu",
        (
            In("g", "T", "places channels"),
            In("x", "T", "rows channels"),
            _INDEX,
            Out("weight", "T", "places neighbours"),
            *_SIZES,
            Scalar("pairs", "int64"),
        ),
        grid=lambda s: (ceil_div(s.pairs, THREADS // 32),),
        block=(THREADS,),
        reference=_weight_grad,
        samples=_SAMPLES,
        bench=_LARGE,
        bytes=lambda s: _table(s) + _places(s) + s.pairs * (8 + s.itemsize),
        flops=lambda s: 2 * s.pairs * s.channels,
    ),
)
