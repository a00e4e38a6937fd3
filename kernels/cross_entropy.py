"""Entries of cross_entropy.cu.

Read next: cross_entropy.cu, entry.py.
"""

import numpy as np
from minigen.kernels.entry import In, Kernel, Out, Scalar
from minigen.kernels.softmax import SIZES, TEAMS, drawn_rows, team_block, team_grid

# ---- references


def _counts(x, targets, ignore_index):
    """Which rows count: those with probabilities, or a class that there is."""
    if targets is None:
        return np.ones((x.shape[0], x.shape[2]), bool)
    return (targets != ignore_index) & (targets >= 0) & (targets < x.shape[1])


def _weights(x, targets, probabilities, of_class, ignore_index, smoothing):
    """(q, what each row counts): q as x, all 0 in rows that are ignored."""
    columns = x.shape[1]
    w = np.ones(columns) if of_class is None else of_class
    kept = _counts(x, targets, ignore_index)
    if targets is None:
        here, counted = probabilities, np.ones((x.shape[0], x.shape[2]))
    else:
        classes = np.where(kept, targets, 0)
        here, counted = np.eye(columns)[classes].swapaxes(1, 2), w[classes] * kept
    q = w[:, None] * (here * (1 - smoothing) + smoothing / columns)
    return q * kept[:, None], counted


def _forward(x, targets, probabilities, of_class, ignore_index, smoothing):
    q, counted = _weights(x, targets, probabilities, of_class, ignore_index, smoothing)
    kept = _counts(x, targets, ignore_index)
    top = x.max(1)
    total = np.exp(x - top[:, None]).sum(1)
    log_p = x - top[:, None] - np.log(total)[:, None]
    return -(q * log_p).sum(1), counted, top * kept, q.sum(1) / total


def _backward(g, count, x, targets, probabilities, of_class, top, scale, ignore_index, smoothing):
    q, _ = _weights(x, targets, probabilities, of_class, ignore_index, smoothing)
    g = np.broadcast_to(g, x.shape[0] * x.shape[2]).reshape(x.shape[0], 1, x.shape[2])
    g = g if count is None else g * 0 if count == 0 else g / count
    d = g * (scale[:, None] * np.exp(x - top[:, None]) - q)
    return d * _counts(x, targets, ignore_index)[:, None]


# ---- entries


def _drawn_targets(rng, s):
    """Classes, the first and the last among them, some that are ignored, some that are none."""
    targets = rng.integers(0, s.columns, (s.outer, s.inner))
    targets.flat[0] = s.columns - 1
    targets.flat[1::3] = s.ignore_index
    targets.flat[2::5] = s.columns
    targets.flat[8::9] = -1
    return targets


def _drawn_probabilities(rng, s):
    q = rng.random((s.outer, s.columns, s.inner))
    return q / q.sum(1, keepdims=True)


def _sample(outer, columns, inner, team, dense=False, smoothing=0.0, **absent):
    """absent: optional arrays that are None, as of targets and probabilities one; and options."""
    return {
        "outer": outer, "columns": columns, "inner": inner, "team": team, "dense": dense,
        "ignore_index": -100, "smoothing": smoothing, **absent,
    }  # fmt: skip


_CLASSES, _PROBABILITIES = {"probabilities": None}, {"targets": None}
_SAMPLES = (
    _sample(5, 1024, 1, "a_warp", **_CLASSES),
    _sample(3, 65, 1, "a_warp", of_class=None, **_CLASSES),
    _sample(3, 64, 1, "a_warp", True, 0.1, **_CLASSES),
    _sample(3, 333, 1, "a_warp", True, **_PROBABILITIES),
    _sample(3, 1027, 1, "a_block", **_CLASSES),
    _sample(2, 1056, 1, "a_block", **_CLASSES),
    _sample(2, 2560, 1, "a_block", True, 0.1, of_class=None, **_CLASSES),
    _sample(2, 1088, 1, "a_block", True, 0.2, **_PROBABILITIES),
    _sample(1, 16390, 1, "a_block", True, 0.2, **_CLASSES),  # the largest block
    _sample(2, 5, 67, "a_thread", ignore_index=1, **_CLASSES),
    _sample(3, 10, 1, "a_thread", True, 0.3, of_class=None, **_PROBABILITIES),
    _sample(2, 4, 33, "a_thread", True, 0.2, **_CLASSES),
)
_BENCH = _sample(2048, 50304, 1, "a_block", of_class=None, **_CLASSES)
_ROW = "outer inner"
_TARGETS = (
    In("targets", "int64", _ROW, optional=True, draw=_drawn_targets),
    In("probabilities", "T", "outer columns inner", optional=True, draw=_drawn_probabilities),
    In("of_class", "A", "columns", optional=True, draw=lambda rng, s: rng.random(s.columns) + 0.5),
)
_OPTIONS = (Scalar("ignore_index", "int64"), Scalar("smoothing", "A"))
_LOGITS = In("x", "T", "outer columns inner", draw=drawn_rows)

# g for all, divided by a count, and g for each row, in turns
_BACK = tuple(
    {**s, "gradients": s["outer"] * s["inner"], "count": None} if i % 2 else {**s, "gradients": 1}
    for i, s in enumerate(_SAMPLES)
)


def _moved(s):
    """Bytes of the logits, and of probabilities where they are the targets."""
    arrays = 1 + (getattr(s, "targets", 0) is None)
    return arrays * s.outer * s.columns * s.inner * s.itemsize


KERNELS = (
    Kernel(
        "cross_entropy_forward",
        "cross_entropy.cu",
        (
            _LOGITS,
            *_TARGETS,
            *(Out(name, "A", _ROW) for name in ("loss", "counted", "top", "scale")),
            *SIZES,
            *_OPTIONS,
        ),
        grid=team_grid,
        block=team_block,
        reference=_forward,
        samples=_SAMPLES,
        bench=_BENCH,
        bytes=_moved,
        flops=lambda s: 3 * s.outer * s.columns * s.inner,
        registers=56,
        variants={"dense": (False, True), "team": TEAMS},
        template="{T}, {dense}, {team}",
    ),
    Kernel(
        "cross_entropy_backward",
        "cross_entropy.cu",
        (
            In("g", "A", "gradients"),
            In("count", "A", "1", optional=True, draw=lambda rng, s: rng.random(1) + 2),
            _LOGITS,
            *_TARGETS,
            In("top", "A", _ROW, draw=lambda rng, s: rng.normal(4, 1, (s.outer, s.inner))),
            In("scale", "A", _ROW, draw=lambda rng, s: rng.random((s.outer, s.inner))),
            Out("dx", "T", "outer columns inner"),
            *SIZES,
            Scalar("gradients"),
            *_OPTIONS,
        ),
        grid=team_grid,
        block=team_block,
        reference=_backward,
        samples=_BACK,
        bench={**_BENCH, "gradients": 1},
        bytes=lambda s: _moved(s) + s.outer * s.columns * s.inner * s.itemsize,
        flops=lambda s: 4 * s.outer * s.columns * s.inner,
        registers=72,
        variants={"dense": (False, True), "team": TEAMS},
        template="{T}, {dense}, {team}",
    ),
)
