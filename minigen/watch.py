"""Watching ops as they run: anomaly mode, the op profile, hooks of one's own.

Idea: one mechanism. A watcher is told about every op, forward and backward; it lives in a `with`
block and costs nothing outside of it.
Read next: autograd.py (where watchers are called).
"""

import os
import traceback
from contextlib import contextmanager
from pathlib import Path

from minigen.autograd import mode
from minigen.backend import array_module, bounds, is_array, quiet
from minigen.tensor import Tensor

_HERE = str(Path(__file__).parent) + os.sep


class Watcher:
    """Told about every op inside `with watching(watcher)`. Subclass, and override either method."""

    def forward(self, op, args, y, seconds):
        """After an op: the op (its `name`), its arguments, its output tensor, its time."""

    def backward(self, node, g, gradients, seconds):
        """After a node's VJPs: the node, the upstream gradient, one gradient or None per edge.

        Gradients are arrays, or tensors where create_graph=True asked for their graph.
        """


@contextmanager
def watching(watcher):
    """Inside, in this thread, the watcher is told about every op."""
    now = mode.get()
    token = mode.set(now._replace(watchers=(*now.watchers, watcher)))
    try:
        yield watcher
    finally:
        mode.reset(token)


def op_hook(forward=None, backward=None):
    """Context calling forward(op, args, y, seconds), backward(node, g, gradients, seconds)."""
    watcher = Watcher()
    if forward is not None:
        watcher.forward = forward
    if backward is not None:
        watcher.backward = backward
    return watching(watcher)


# ---- anomaly mode


def anomaly():
    """Context in which the first nan or inf raises FloatingPointError.

    The message names the op, the source line that called it and the ranges of its inputs; for a
    gradient, the line that made the op whose VJP it was. An index on a GPU that is out of range
    raises its IndexError here at once, too.
    """
    return watching(_Anomaly())


class _Anomaly(Watcher):
    def forward(self, op, args, y, seconds):
        bounds.look()
        line, y_array = _user_line(), _array(y)
        if isinstance(y, Tensor) and y.node is not None:
            y.node.where = line
        if _is_bad(y_array):
            raise FloatingPointError(
                f"{op.name} made {_what(y_array)} at {line}\n" + _ranges(op, args)
            )

    def backward(self, node, g, gradients, seconds):
        for i, c in enumerate(gradients):
            if c is not None and _is_bad(_array(c)):
                where = node.where or "a line unknown: run the forward pass in anomaly mode too"
                raise FloatingPointError(
                    f"the gradient of {node.op.name} is {_what(_array(c))} for its input "
                    f"{_input_name(node, i)}; the op was called at {where}\n"
                    f"  upstream gradient: {_range(_array(g))}"
                )


def _input_name(node, i):
    """The name of the parameter that the node's edge i belongs to, else its number."""
    at = node.plan.inputs[i] if node.plan.inputs else i
    names = getattr(node.op, "parameters", ())
    return names[at] if at < len(names) and not node.op.variadic else str(at)


def _user_line():
    """file:line: code of the innermost frame outside of minigen."""
    for frame in reversed(traceback.extract_stack()):
        if not frame.filename.startswith(_HERE):
            return f"{frame.filename}:{frame.lineno}: {frame.line}"
    return "a line inside minigen"


def _array(x):
    return x._data if isinstance(x, Tensor) else x


def _is_bad(x):
    return x.dtype.kind == "f" and not bool(array_module(x).isfinite(x).all())


def _what(x):
    xp = array_module(x)
    return "nan" if bool(xp.isnan(x).any()) else "inf"


def _range(x):
    if not x.size:
        return f"shape {tuple(x.shape)}, empty"
    with quiet():
        return f"shape {tuple(x.shape)}, from {float(x.min()):.4g} to {float(x.max()):.4g}"


def _ranges(op, args):
    names = op.parameters + [op.parameters[-1]] * len(args)
    arrays = [(n, getattr(a, "_data", a)) for n, a in zip(names, args, strict=False)]
    return "\n".join(
        f"  {name}: {_range(a)}" for name, a in arrays if is_array(a) and a.dtype.kind != "b"
    )


# ---- profile


def profile():
    """Context that measures every op: `with profile() as p: ...; print(p)`."""
    return watching(Profile())


class Profile(Watcher):
    """Time, calls and bytes made per op, forward and backward.

    `rows`: name -> [calls, seconds, bytes, backward calls, backward seconds, backward bytes].
    """

    def __init__(self):
        self.rows = {}

    def forward(self, op, args, y, seconds):
        self._add(op.name, 0, seconds, [y])

    def backward(self, node, g, gradients, seconds):
        self._add(node.op.name, 3, seconds, gradients)

    def _add(self, name, at, seconds, made):
        row = self.rows.setdefault(name, [0, 0.0, 0, 0, 0.0, 0])
        row[at] += 1
        row[at + 1] += seconds
        for t in made:
            row[at + 2] += 0 if t is None else _array(t).nbytes

    def __str__(self):
        head = f"{'op':24} {'calls':>7} {'ms':>9} {'MB':>8}   {'backward':>8} {'ms':>9} {'MB':>8}"
        lines = [head]
        by_time = sorted(self.rows.items(), key=lambda item: -(item[1][1] + item[1][4]))
        for name, (calls, seconds, made, b_calls, b_seconds, b_made) in by_time:
            lines.append(
                f"{name:24} {calls:7d} {seconds * 1e3:9.3f} {made / 1e6:8.2f}   "
                f"{b_calls:8d} {b_seconds * 1e3:9.3f} {b_made / 1e6:8.2f}"
            )
        return "\n".join(lines)
