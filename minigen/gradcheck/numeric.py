"""Are these gradients right? Claimed gradients compared with differences of the function.

Idea: the claim a is wrong only if it is farther from the numeric derivative n than the estimated
errors of both explain,

    |a - n| > 20 error(n) + 10 noise(a) + 32 rounding(a)

so no step and no tolerance is chosen by hand, and scale, offset and dtype do not matter. At a kink
(relu at 0, a tie of max) every value between the two one-sided slopes is right. Where the numbers
can not tell, the verdict is "undecided", never a guess.

Plain NumPy on arrays: nothing of the engine, whose tests stand on this file.
Read next: slopes.py (how n and its error come about), tests/test_numeric.py (what is caught).
"""

import math
from dataclasses import dataclass

import numpy as np

from minigen.gradcheck.slopes import (
    Point,
    Slope,
    as_tuple,
    measure,
    power_of_two,
    scales,
    stream,
)

DIRECTIONS = 3          # random directions through an argument with too many entries
BLOCKS = 64             # blocks of entries that bisecting one direction may look at
SHOWN = 5               # entries in a report


class UndecidedGradient(AssertionError):
    """The numeric derivative is too inexact to say whether the claimed gradient is right."""


@dataclass
class Entry:
    """One claim and what became of it."""

    index: tuple | str      # of the entry; for a random direction its description
    claimed: float
    slope: Slope
    verdict: str = ""

    def decide(self, scale, jumps=False):
        """Set the verdict, given the size of the gradients that this one belongs to.

        jumps: no claim is wrong where f jumps.
        """
        slope, distance = self.slope, self.slope.distance(self.claimed)
        blurred = slope.tolerance > max(scale / 2, slope.resolution)
        if slope.kind == "jump" and jumps:
            self.verdict = "pass"
        elif slope.kind == "jump" or (blurred and not distance > slope.tolerance):
            self.verdict = "undecided"
        else:
            self.verdict = "pass" if distance <= slope.tolerance else "fail"
        return self

    @property
    def ratio(self):
        """Distance over tolerance: above 1 is wrong."""
        distance = self.slope.distance(self.claimed)
        return math.inf if math.isnan(distance) else distance / max(self.slope.tolerance, 1e-300)

    def __str__(self):
        index = self.index if isinstance(self.index, str) else str(list(self.index))
        numeric = f"{self.slope.value:.9e} ± {self.slope.error:.1e}"
        if self.slope.kind == "kink":
            numeric = f"{self.slope.low:.6g} to {self.slope.high:.6g} (kink)"
        elif self.slope.kind == "jump":
            numeric = "none: f jumps"
        return (
            f"{index:>16} {self.claimed:17.9e}  {numeric:27} "
            f"{self.slope.tolerance:9.1e} {self.ratio:18.1e}  {self.verdict}"
        )


@dataclass
class Result:
    """The verdict on the gradient of one argument, and its evidence."""

    argument: int
    shape: tuple
    verdict: str            # "pass", "fail" or "undecided"
    checked: int            # entries looked at one by one
    kinks: list             # indices of those that sit on a kink
    skipped: int            # entries only sampled, for kinks spoil the directions through them
    relative_error: float   # max |a - n| / (|a| + |n|), as course texts have it; no criterion
    worst: list             # Entry, the worst first, at most 5

    def __str__(self):
        size = int(np.prod(self.shape))
        text = f"argument {self.argument} {self.shape}: {self.verdict.upper()}; "
        text += f"{self.checked} of {size} entries checked one by one"
        if self.checked < size:
            text += f", all along {DIRECTIONS} random directions"
        if self.skipped:
            text += f" but {self.skipped} among kinks"
        text += f"; {len(self.kinks)} at a kink; largest relative error {self.relative_error:.1e}"
        if self.verdict == "fail" and self.relative_error < 1e-6:
            text += "\nslightly wrong: an eps, a rounded constant, or float32 inside?"
        head = f"{'entry':>16} {'claimed':>17}  {'numeric ± error':27} tolerance distance/tolerance"
        return "\n".join([text, head, *map(str, self.worst)])


def upstream_like(outputs, seed=0):
    """Random normal upstream gradient(s) shaped like the output(s) of f: array or tuple.

    Drawn from a stream of its own: had inputs and upstream the same generator and seed, the
    upstream would be the standardised input, which a normalisation projects away.
    """
    rng = stream(seed, "upstream")
    outputs_ = [np.asarray(y) for y in as_tuple(outputs)]
    drawn = tuple(np.asarray(rng.standard_normal(y.shape), dtype=y.dtype) for y in outputs_)
    return drawn if isinstance(outputs, (tuple, list)) else drawn[0]


def assert_gradients(f, inputs, gradients, upstream, **options):
    """`check`, raising AssertionError with the table of the worst entries if a gradient is wrong.

    Raises UndecidedGradient (an AssertionError too) if none is wrong but one can not be judged.
    """
    results = check(f, inputs, gradients, upstream, **options)
    wrong = [str(r) for r in results if r.verdict == "fail"]
    if wrong:
        raise AssertionError("\n".join(["wrong gradient", *wrong]))
    undecided = [str(r) for r in results if r.verdict == "undecided"]
    if undecided:
        head = "undecided: the differences of f are too inexact to judge its gradient"
        raise UndecidedGradient("\n".join([head, *undecided]))
    return results


def check(
    f, inputs, gradients, upstream, *, wrt=None, seed=0, entries=200, gradient=None, jumps=False
) -> list[Result]:
    """Compare claimed gradients of <upstream, f(*inputs)> with differences of f.

    f           callable(*arrays) -> floating array or tuple of them; must not write to its inputs
    inputs      arrays; only floating ones have a gradient
    gradients   claimed, one per argument in `wrt` (default: every floating one), shaped like it
    upstream    array or tuple like the output of f; see `upstream_like`
    entries     an argument with more entries than this is checked at a random quarter of this
                number of them, and along 3 random directions through all; None: at every entry
    gradient    callable(*inputs, upstream) -> gradients: its rounding noise widens the tolerance
    jumps       f may jump, as a gradient does at a kink of its function: that is a kink, too

    One Result per argument in `wrt`. Raises ValueError, naming shapes, for claims that do not
    match the inputs, and for an f that is not finite at the inputs.
    """
    inputs = [np.asarray(x) for x in inputs]
    if wrt is None:
        wrt = [k for k, x in enumerate(inputs) if np.issubdtype(x.dtype, np.floating)]
    claims = _claims(inputs, gradients, wrt)
    with np.errstate(all="ignore"):     # stepping over the edge of a domain is expected
        point = Point(f, inputs, upstream, seed)
        noises = _noise_of_claims(gradient, point, upstream, claims, seed)
        return [
            _Argument(point, k, claim, noise, stream(seed, f"argument {k}"), jumps).check(entries)
            for k, claim, noise in zip(wrt, claims, noises, strict=True)
        ]


def derivative(f, x, direction, upstream, *, seed=0) -> Slope:
    """Derivative of <upstream, f(x + t direction)> at t = 0, from differences of f alone.

    f: callable(array) -> array or tuple; direction: like x; upstream: like the output of f.
    Raises ValueError, naming shapes, if they do not match or f is not finite at x.
    """
    x, direction = np.asarray(x), np.asarray(direction, dtype=np.float64)
    if direction.shape != x.shape:
        raise ValueError(f"derivative: direction {direction.shape} must have x's shape {x.shape}")
    with np.errstate(all="ignore"):
        point = Point(f, [x], upstream, seed)
        length = np.linalg.norm(direction)
        unit = power_of_two(np.linalg.norm(scales(x)) / length) if length else 1.0
        return measure(point, point.along(0, unit * direction)) / unit


class _Argument:
    """The check of one argument: its entries, or some and random directions through all."""

    def __init__(self, point, k, claim, noise, rng, jumps):
        self.point, self.k, self.rng, self.jumps = point, k, rng, jumps
        self.x, self.claim, self.noise = point.inputs[k], claim, noise
        self.scales = scales(self.x)

    def check(self, entries):
        size = self.x.size
        chosen = range(size)
        if entries is not None and size > entries:
            chosen = np.sort(self.rng.choice(size, max(1, entries // 4), replace=False))
        found = [self._entry(i) for i in chosen]
        sizes = [abs(z) for e in found for z in (e.claimed, e.slope.low, e.slope.high)]
        self.scale = max(filter(math.isfinite, sizes), default=0.0)
        for entry in found:
            entry.decide(self.scale, self.jumps)
        skipped = 0
        if len(chosen) < size and all(e.verdict == "pass" for e in found):
            # zeros (after a relu, say) sit on kinks more often: they go apart
            zero = self.x.ravel() == 0
            for group in (np.flatnonzero(~zero), np.flatnonzero(zero)):
                skipped += self._along_directions(group, found)
        return self._report(found, skipped)

    def _entry(self, i):
        s, x = self.scales.flat[i], abs(float(self.x.flat[i]))
        a = float(self.claim.flat[i])
        slope = measure(
            self.point,
            self.point.along_entry(self.k, i, s),
            claimed=a * s,
            slack=10 * self.noise.flat[i] * s,
            near=power_of_two(x / s) if x else 1.0,
            far=8 * max(1.0, self.scales.max()) / s,
        )
        return Entry(tuple(map(int, np.unravel_index(i, self.x.shape))), a, slope / s)

    def _direction(self, block):
        """One random direction through the entries of block (flat indices)."""
        u = np.zeros(self.x.shape)
        u.flat[block] = self.scales.flat[block] * self.rng.choice([-1.0, 1.0], block.size)
        terms = self.claim * u
        slack = 10 * np.linalg.norm(self.noise * u) + 32 * self.point.eps * np.linalg.norm(terms)
        slope = measure(self.point, self.point.along(self.k, u), terms.sum(), slack)
        entry = Entry(f"{block.size} at random", terms.sum(), slope)
        return entry.decide(np.linalg.norm(terms), self.jumps)

    def _along_directions(self, group, found):
        """Add what random directions through group find; returns how many entries they missed.

        A direction that does not pass smoothly is halved, down to the entries at fault.
        """
        for _ in range(DIRECTIONS if group.size else 0):
            blocks, looked, wrong = [group], 0, 0
            while blocks and looked < BLOCKS and wrong < 3:
                block = blocks.pop()
                looked += 1
                if block.size == 1:
                    found.append(self._entry(block[0]).decide(self.scale, self.jumps))
                    wrong += found[-1].verdict != "pass"
                    continue
                entry = self._direction(block)
                if entry.verdict != "pass" or entry.slope.kind != "smooth":
                    half = block.size // 2
                    blocks += [block[half:], block[:half]]
                elif block is group:
                    found.append(entry)
            if blocks or wrong:
                return 0 if wrong else sum(block.size for block in blocks)
        return 0

    def _report(self, found, skipped):
        verdicts = {e.verdict for e in found}
        single = {e.index: e for e in found if isinstance(e.index, tuple)}
        errors = [
            abs(e.claimed - e.slope.value) / (abs(e.claimed) + abs(e.slope.value))
            for e in single.values()
            if e.slope.kind == "smooth" and (e.claimed or e.slope.value)
        ]
        order = ("fail", "undecided", "pass")
        kinks = ("kink", "jump") if self.jumps else ("kink",)
        found.sort(key=lambda e: (order.index(e.verdict), -e.ratio))
        return Result(
            argument=self.k,
            shape=self.x.shape,
            verdict=next((v for v in order if v in verdicts), "pass"),
            checked=len(single),
            kinks=[index for index, e in single.items() if e.slope.kind in kinks],
            skipped=skipped,
            relative_error=max(errors, default=0.0),
            worst=found[:SHOWN],
        )


def _claims(inputs, gradients, wrt):
    """The claimed gradients as arrays, after the checks of count, type and shape."""
    gradients = as_tuple(gradients)
    if len(gradients) != len(wrt):
        raise ValueError(f"{len(gradients)} gradients claimed for {len(wrt)} arguments: {wrt}")
    for k, g in zip(wrt, gradients, strict=True):
        x = inputs[k]
        if not np.issubdtype(x.dtype, np.floating):
            raise ValueError(f"argument {k}, {x.dtype} {x.shape}, has no gradient: not floating")
        if np.shape(g) != x.shape:
            raise ValueError(f"argument {k} has shape {x.shape}, its gradient {np.shape(g)}")
    return [np.asarray(g, dtype=np.float64) for g in gradients]


def _noise_of_claims(gradient, point, upstream, claims, seed):
    """Rounding noise of every claimed entry: its spread when all changes in the last bit."""
    square = [np.zeros(claim.shape) for claim in claims]
    if gradient is None:
        return square
    rng = stream(seed, "noise of claims")
    unchanged = as_tuple(gradient(*point.inputs, upstream))
    for _ in range(4):
        inputs = [_jiggle(x, point.eps, rng) for x in point.inputs]
        v = tuple(_jiggle(np.asarray(v), point.eps, rng) for v in as_tuple(upstream))
        v = v if isinstance(upstream, (tuple, list)) else v[0]
        for total, g, new in zip(square, unchanged, as_tuple(gradient(*inputs, v)), strict=True):
            total += (new - g) ** 2 / 4
    noises = [np.sqrt(total) for total in square]
    # a gradient that leaps when the last bit changes sits on a kink; that is no noise
    return [
        np.where(noise < 0.05 * np.abs(claim).max(initial=0.0), noise, 0.0)
        for noise, claim in zip(noises, claims, strict=True)
    ]


def _jiggle(x, eps, rng):
    """x with every entry changed in its last bit, up or down; integers as they are."""
    if not np.issubdtype(x.dtype, np.floating):
        return x
    return np.asarray(x * (1 + eps * rng.choice([-1.0, 1.0], x.shape))).astype(x.dtype, copy=False)
