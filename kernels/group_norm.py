"""Entries of group_norm.cu: group norm, and instance norm, which has a group per channel.

Read next: group_norm.cu, layer_norm.py (teams).
"""

import numpy as np
from minigen.kernels.entry import In, Kernel, Out, Scalar, ceil_div
from minigen.kernels.layer_norm import far, layer_norm, team


def _size(s):
    return s.each * s.positions


def _shape(s):
    return s.samples, s.groups * s.each, s.positions


def _forward_block(s):
    return team(_size(s), s.itemsize, s.wide)


def _backward_block(s):
    threads, teams = team(s.positions, s.itemsize, s.wide)
    return threads, min(teams, s.each)


def _group_norm(x, weight, bias, eps, groups):
    rows = x.reshape(len(x) * groups, -1)
    unit, mean, _, inverse_std = layer_norm(rows, None, None, eps, True)
    y = unit.reshape(x.shape) * (1 if weight is None else weight[:, None])
    return y + (0 if bias is None else bias[:, None]), mean, None, inverse_std


def _group_norm_backward(g, x, mean, rest, inverse_std, weight, samples, groups):
    shape, rows = g.shape, (samples * groups, -1)
    mean, scale = (mean + rest)[:, None], inverse_std[:, None]
    unit = (x.reshape(rows) - mean) * scale
    upper = (g if weight is None else g * weight[:, None]).reshape(rows)
    dx = upper - upper.mean(1, keepdims=True) - unit * (upper * unit).mean(1, keepdims=True)
    sums = np.stack([(g * unit.reshape(shape)).sum(2), g.sum(2)], 1)
    return (dx * scale).reshape(shape), sums


_STATISTICS = ("mean", "rest", "inverse_std")
_SIZES = (Scalar("groups"), Scalar("each"), Scalar("positions"))
_SAMPLES = (
    {"samples": 3, "groups": 3, "each": 2, "positions": 7, "wide": False},
    {"samples": 5, "groups": 2, "each": 1, "positions": 24, "wide": True, "weight": None},
    {"samples": 2, "groups": 1, "each": 11, "positions": 8, "wide": True},
    {"samples": 1, "groups": 2, "each": 3, "positions": 67, "wide": False},
    {"samples": 1, "groups": 2, "each": 2, "positions": 2080, "wide": True},
)
_BENCH = {"samples": 64, "groups": 32, "each": 4, "positions": 4096, "wide": True}


def _sample(s, **more):
    return s | {"channels": s["groups"] * s["each"], "all": s["samples"] * s["groups"]} | more


KERNELS = (
    Kernel(
        "group_norm_forward",
        "group_norm.cu",
        (
            In("x", "T", "samples channels positions", draw=lambda rng, s: far(rng, s, _shape(s))),
            In("weight", "A", "channels", optional=True),
            In("bias", "A", "channels", optional=True),
            Out("y", "T", "samples channels positions"),
            *(Out(name, "A", "all") for name in _STATISTICS),
            Scalar("samples"),
            *_SIZES,
            Scalar("eps", "A"),
            Scalar("held"),
        ),
        grid=lambda s: (ceil_div(s.samples * s.groups, _forward_block(s)[1]),),
        block=_forward_block,
        shared=lambda s: s.held * _forward_block(s)[1] * _size(s) * s.itemsize,
        reference=_group_norm,
        samples=(
            *(_sample(s, eps=1e-5, held=i % 2) for i, s in enumerate(_SAMPLES)),
            _sample(_SAMPLES[0], eps=0.1, held=1, bias=None),
            _sample(_SAMPLES[4], eps=0.1, held=1),
        ),
        bench=_sample(_BENCH, eps=1e-5, held=1),
        bytes=lambda s: 2 * s.samples * s.channels * s.positions * s.itemsize,
        flops=lambda s: 8 * s.samples * s.channels * s.positions,
        variants={"wide": (False, True)},
        template="{T}, {wide}",
        registers=40,
    ),
    Kernel(
        "group_norm_backward",
        "group_norm.cu",
        (
            In("g", "T", "samples channels positions"),
            In("x", "T", "samples channels positions"),
            *(In(name, "A", "all") for name in _STATISTICS),
            In("weight", "A", "channels", optional=True),
            Out("dx", "T", "samples channels positions"),
            Out("sums", "A", "samples 2 channels"),
            *_SIZES,
        ),
        grid=lambda s: (s.samples * s.groups,),
        block=_backward_block,
        reference=_group_norm_backward,
        samples=tuple(map(_sample, _SAMPLES)),
        bench=_sample(_BENCH),
        bytes=lambda s: 3 * s.samples * s.channels * s.positions * s.itemsize,
        flops=lambda s: 14 * s.samples * s.channels * s.positions,
        variants={"wide": (False, True)},
        template="{T}, {wide}",
        registers=48,
    ),
)
