"""What experiments on a wrong gradient need: the numeric gradient at every entry, with its errors.

Idea: a verdict needs a few entries, a diagnosis the whole picture: at which entries is the claim
wrong, and what is there in its place? So the numeric gradient is taken again, at every entry that
time allows, cheaper than for a verdict: central differences at three steps and their Richardson
table, or three much smaller steps where a kink or a curve spoils the first.

Invariant: an entry whose numeric value is not sharp is not `usable`, and no experiment looks at it.
Read next: diagnosis.py.
"""

import time
from dataclasses import dataclass, field, replace

import numpy as np

from minigen.gradcheck.child import trees
from minigen.gradcheck.child.session import StudentError
from minigen.gradcheck.child.trees import is_float, is_float_array
from minigen.gradcheck.claims import read
from minigen.gradcheck.slopes import scales, stream
from minigen.gradcheck.subject import Leaf, Subject, floats_of, weights_of
from minigen.gradcheck.values import widened

TOPS = (2.0**-7, 2.0**-16)      # the largest step of each table, in units of the entry
RUNGS = np.array([1.0, 0.5, 0.25])
MOST = 2000             # entries of an argument that are looked at
TOGETHER = 32           # entries in one request
KEPT = 2_000_000        # numbers: of a larger Jacobian only the products with upstream are kept
ALONG = (2.0**-9, 2.0**-10)     # steps of a directional derivative
ODD = 1.2345            # times dout, of `roughness`
NEAR = 2.0**-10         # times an input, of `roughness`
SLOW = 0.05             # seconds of a forward and backward that is not run three times more
CURVED = 1e-4           # of the largest entry: by less a smooth backward bends
SHARP = 1e-3            # of the largest entry: what is known less well is not used


@dataclass
class Evidence:
    """A wrong gradient and what it is compared with. Arrays have the shape of the argument."""

    name: str               # of the argument
    x: np.ndarray
    claimed: np.ndarray
    numeric: np.ndarray     # NaN where it was not taken
    tolerance: np.ndarray   # of a comparison with the numeric gradient
    usable: np.ndarray      # bool: where both can be compared
    report: object          # the ArgumentReport
    looked: int             # entries at which differences were taken
    inputs: dict = field(default_factory=dict)      # name -> value, of all arguments
    outputs: list = field(default_factory=list)     # floating arrays
    upstream: list = field(default_factory=list)    # like outputs
    parts: np.ndarray | None = None     # (entries, outputs): what each output adds to an entry
    elsewhere: object = None            # Elsewhere: forward at other inputs
    rough: float | None = None          # how unsteady backward is: see `roughness`

    def __post_init__(self):
        self.scale = float(np.abs(self.numeric[self.usable]).max(initial=0.0))
        self.bad = self.usable & ~(np.abs(self.claimed - self.numeric) <= self.tolerance)

    @property
    def gradient(self):
        """What a student calls it: dx."""
        return "d" + self.name

    @property
    def whole(self):
        """Whether every entry can be compared, so that entries may be moved about."""
        return bool(self.usable.all())

    def fits(self, guess, where=True):
        """Whether `guess` is the numeric gradient, to the tolerance, at the usable entries."""
        return self.same(guess, self.numeric, where)

    def explains(self, guess, where=True):
        """Whether `guess` is what the student claims."""
        return self.same(guess, self.claimed, where)

    def same(self, one, other, where=True):
        """Whether two arrays of the argument's shape are equal to the tolerance."""
        if np.shape(one) != self.x.shape:
            return False
        at = self.usable & where
        return bool(at.any() and (np.abs(one - other) <= self.tolerance)[at].all())

    def alike(self):
        """(output, upstream) of the first output with the shape of the argument, or None."""
        pairs = zip(self.outputs, self.upstream, strict=True)
        return next(((y, v) for y, v in pairs if y.shape == self.x.shape), None)


def gather(subject, examination, claim, report, seconds, rough=None):
    """The Evidence on one claim of an Examination whose ArgumentReport failed.

    seconds: what the differences may take; entries that it does not suffice for stay unknown.
    rough: of `roughness`, for this claim.
    """
    until = time.monotonic() + seconds
    weights = [np.asarray(v, np.float64) for v in weights_of(examination.outputs,
                                                             examination.upstream)]
    wide, _ = widened(subject)          # differences of float32 are too coarse
    x = np.array(trees.at(wide.inputs, claim.leaf.path))
    f = wide.function([replace(claim.leaf, value=trees.at(wide.inputs, claim.leaf.path))])
    try:
        base = _flat(f(x))
        taken = _Differences(f, x, base, np.concatenate([v.ravel() for v in weights]), seconds)
    finally:
        f.forget()
        subject.calls += wide.calls if wide is not subject else 0
    claimed = np.asarray(claim.gradient)
    dtypes = (claimed.dtype, np.asarray(claim.leaf.value).dtype, x.dtype)
    coarse = max(float(np.finfo(d).eps) for d in dtypes if d.kind == "f")
    claimed = claimed.astype(np.float64)
    scale = np.abs(taken.value[np.isfinite(taken.value)]).max(initial=0.0)
    tolerance = 20 * taken.error + (1e-9 + 64 * coarse) * scale
    usable = np.isfinite(taken.value) & np.isfinite(claimed) & (tolerance <= SHARP * scale)
    names = subject.arguments
    return Evidence(
        claim.leaf.label, x.astype(np.float64), claimed, taken.value, tolerance, usable, report,
        taken.looked,
        {trees.label(path, names): value for path, value in trees.leaves(subject.inputs)},
        [np.asarray(y, np.float64) for y in floats_of(examination.outputs)],
        weights, taken.parts, Elsewhere(wide, claim.leaf.path, weights, until), rough,
    )  # fmt: skip


def roughness(subject, examination):
    """[how unsteady backward is] of every claim, relative to its largest entry; None if unknown.

    What is rounded to float32 or float16 on the way is rounded differently for a dout that is no
    power of two times the first, which a right backward follows exactly, and for inputs that are a
    little larger or smaller, which it follows nearly.
    """
    nothing, began = [None] * len(examination.claims), time.monotonic()
    try:
        first = _claimed(subject, examination)
        if time.monotonic() - began > SLOW:
            return nothing
        again = _claimed(subject, examination, factor=ODD)
        sides = [_claimed(subject, examination, shift=side * NEAR) for side in (1, -1)]
    except (StudentError, LookupError, TypeError, ValueError):
        return nothing
    found = []
    for g, *others in zip(first, again, *sides, strict=True):
        if any(other.shape != g.shape for other in others):
            return nothing
        other, above, below = others
        size = np.abs(g).max(initial=0.0) or 1.0
        jumps = np.abs(other / ODD - g).max(initial=0.0)
        bends = np.abs(above + below - 2 * g).max(initial=0.0)
        found.append(float(max(jumps, bends if bends > CURVED * size else 0.0) / size))
    return found


def _claimed(subject, examination, factor=1.0, shift=0.0):
    """[float64 array] of every claim, for factor * dout, at inputs moved by shift up and down."""
    rng = stream(2, "diagnosis")

    def moved(_, x):
        signs = rng.choice([-1, 1], np.shape(x)) if is_float(x) else 0
        return (x * (1 + shift * signs)).astype(x.dtype) if shift and is_float_array(x) else x

    def scaled(_, v):
        if isinstance(v, (np.ndarray, np.generic)):
            return (v * factor).astype(v.dtype)
        return None if v is None else v * factor

    run = subject.run(trees.rebuilt(subject.inputs, moved))
    try:
        gradients, _ = subject.backward(run, trees.rebuilt(examination.upstream, scaled))
        return [np.asarray(g, np.float64) for g in read(examination.claims, gradients)]
    finally:
        subject.forget(run)


class Elsewhere:
    """Directional derivatives of forward by one argument, where other arguments are others.

    others: {path: (label, array)} of the arrays among the other arguments; unit: like the argument,
    what a direction is measured in.
    """

    def __init__(self, subject, path, weights, until):
        self.subject, self.path, self.until = subject, path, until
        self.weights = np.concatenate([v.ravel() for v in weights])
        self.x = np.array(trees.at(subject.inputs, path))
        self.unit = scales(self.x)
        self.others = {
            p: (trees.label(p, subject.arguments), value)
            for p, value in trees.leaves(subject.inputs)
            if p != path and isinstance(value, np.ndarray)
        }

    def late(self):
        """Whether the time that there was is over."""
        return time.monotonic() > self.until

    def slope(self, changes, way):
        """The derivative along way * unit, at inputs with arrays {path: array} replaced."""
        inputs = trees.rebuilt(self.subject.inputs, lambda p, old: changes.get(p, old))
        other = Subject(self.subject.session, self.subject.name, self.subject.arguments, inputs)
        f = other.function([Leaf(self.path, "", trees.at(inputs, self.path))])
        slopes = []
        for h in ALONG:
            sides = [_flat(f(self.x + side * h * way * self.unit)) for side in (1, -1)]
            slopes.append(self.weights @ (sides[0] - sides[1]) / (2 * h))
        self.subject.calls += other.calls
        return slopes[1] + (slopes[1] - slopes[0]) / 3


class _Differences:
    """value, error: like x; parts (entries, outputs) if they are few enough to be kept."""

    def __init__(self, f, x, base, weights, seconds):
        self.f, self.x, self.base, self.weights = f, x, base, weights
        self.unit = scales(x).ravel()
        self.looked = 0
        self.value = np.full(x.size, np.nan)
        self.error = np.full(x.size, np.inf)
        self.noise = 8 * np.finfo(x.dtype).eps * np.abs(weights * base).sum()
        keep = x.size * base.size <= KEPT and x.size <= MOST
        self.parts = np.zeros((x.size, base.size)) if keep else None
        until = time.monotonic() + seconds
        order = stream(0, "diagnosis").permutation(x.size)[:MOST]
        for top in TOPS:
            self._pass(top, order, until)
            scale = np.abs(self.value[np.isfinite(self.value)]).max(initial=0.0)
            order = order[~(20 * self.error[order] <= SHARP * scale)]
        self.value, self.error = self.value.reshape(x.shape), self.error.reshape(x.shape)

    def _pass(self, top, order, until):
        arrays, start, many, began = [self.x], 0, 1, time.monotonic()
        while start < len(order):
            some = order[start : start + many]      # few at first: forward may be slow
            moves = [
                (int(i), float(self.x.flat[i]) + side * h * self.unit[i])
                for i in some for h in top * RUNGS for side in (1, -1)
            ]  # fmt: skip
            values = np.array([_flat(y) for y in self.f.moves(arrays, 0, moves)])
            for i, rows in zip(some, values.reshape(len(some), 3, 2, -1), strict=True):
                self._entry(i, top * RUNGS * self.unit[i], rows)
            start += len(some)
            self.looked = max(self.looked, start)
            now = time.monotonic()
            if now > until:
                return
            affordable = int((until - now) / (now - began) * start)
            many = max(1, min(2 * many, TOGETHER, affordable))

    def _entry(self, i, steps, rows):
        """Take the derivative by entry i from f at both sides of it, rows (3, 2, outputs)."""
        slopes = (rows[:, 0] - rows[:, 1]) / (2 * steps[:, None])
        first = slopes[1:] + (slopes[1:] - slopes[:-1]) / 3
        second = first[1] + (first[1] - first[0]) / 15
        value, before = self.weights @ second, self.weights @ first[1]
        bends = np.abs(rows.sum(1) - 2 * self.base) @ np.abs(self.weights)
        kink = bends[2] > 0.1 * bends[0] and bends[2] > 32 * self.noise
        error = abs(value - before) + np.finfo(self.x.dtype).eps * np.abs(
            self.weights * self.base * (slopes[2] != 0)
        ).sum() / steps[2]
        if kink or not error < self.error[i]:
            return
        self.value[i], self.error[i] = value, error
        if self.parts is not None:
            self.parts[i] = self.weights * second


def _flat(outputs):
    return np.concatenate([np.ravel(y) for y in outputs], dtype=np.float64)


def floats_among(evidence):
    """{name: float64 array} of the floating arrays among the arguments but this one."""
    return {
        name: np.asarray(value, np.float64) for name, value in evidence.inputs.items()
        if isinstance(value, np.ndarray) and is_float(value) and name != evidence.name
    }  # fmt: skip
