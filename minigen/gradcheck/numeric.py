"""Are these gradients right? Finite differences that estimate their own error.

Idea: a claimed derivative a is compared with a difference quotient n of the function. No step and
no tolerance suits every function, so both are found here: the step by a descending ladder with
Richardson extrapolation, which leaves a truncation error; the rounding noise by running f on
inputs changed in their last bit. The claim is wrong only if

    |a - n| > 20 error(n) + 10 noise(a) + 32 eps |a|

Invariants: every output is differenced on its own before the upstream gradient weighs it, so an
output of 1e6 can not drown one of 1e-9; a step is a power of two times the size of the entry, so
x + h is exact; at a kink every value between the two one-sided slopes is right; where the numbers
can not tell, the verdict is "undecided", never a guess.

Sources: Ridders, Accurate computation of F'(x) and F'(x) F''(x), 1982 (the table and its error);
Parker, Monte Carlo arithmetic, 1997 (the noise).
Read next: tests/test_numeric.py, a list of what is caught and what must not be.
"""

from dataclasses import dataclass, field, replace

import numpy as np

FIRST = 2.0**-7                         # first step, as a fraction of the entry
NARROW = 2.0**-12                       # top of the first ladder tried if truncation dominates
WIDE = 2.0                              # ... and of the first one if noise does
STRIDE = 2.0**-8                        # from the top of a ladder to the top of the next
TINY = np.finfo(np.float64).tiny
DIRECTIONS = 3                          # random directions through an argument too big for entries
BLOCKS = 64                             # blocks that bisecting a direction may look at
SHOWN = 5                               # entries in a report


class UndecidedGradient(AssertionError):
    """The numeric derivative is too inexact to say whether the claimed gradient is right."""


@dataclass
class Slope:
    """Derivative of <upstream, f> along one direction, with what is known about its error."""

    value: float
    error: float            # estimate: truncation + 2 standard deviations of the noise
    tolerance: float        # largest distance between a right claim and the interval below
    low: float              # one-sided slopes at a kink, each output taking its lower one ...
    high: float             # ... and its higher one; both equal to value where f is smooth
    kind: str               # "smooth", "kink", or "jump" (no derivative: f or its slope jumps)
    resolution: float       # errors below this are rounding, even next to a gradient of 0

    def __truediv__(self, unit):
        """The same slope per `unit` of the direction."""
        names = ("value", "error", "tolerance", "low", "high", "resolution")
        return replace(self, **{name: getattr(self, name) / unit for name in names})


@dataclass
class Entry:
    """One claim and what became of it."""

    index: tuple | str      # of the entry; for a random direction its description
    claimed: float
    slope: Slope
    verdict: str = "undecided"

    @property
    def distance(self):
        """How far the claim is from the interval of right values; NaN if it is not finite."""
        if not np.isfinite(self.claimed):
            return np.nan
        return max(self.slope.low - self.claimed, self.claimed - self.slope.high, 0.0)

    @property
    def ratio(self):
        """Distance over tolerance: above 1 is wrong."""
        if not np.isfinite(self.claimed):
            return np.inf
        return self.distance / self.slope.tolerance if self.distance else 0.0

    def decide(self, scale):
        """Set the verdict, given the size of the gradients that this one belongs to."""
        slope, wrong = self.slope, self.distance > self.slope.tolerance
        blurred = slope.error > max(scale / 40, slope.resolution)
        if slope.kind == "jump" or (blurred and not wrong):
            self.verdict = "undecided"
        else:
            self.verdict = "pass" if self.distance <= slope.tolerance else "fail"
        return self

    def __str__(self):
        index = self.index if isinstance(self.index, str) else str(list(self.index))
        s = self.slope
        numeric = f"{s.value:.9e} ± {s.error:.1e}"
        if s.kind == "kink":
            numeric = f"{s.low:.6g} to {s.high:.6g} (kink)"
        elif s.kind == "jump":
            numeric = "none: a jump"
        return f"{index:>16} {self.claimed:17.9e}  {numeric:27} {s.tolerance:10.1e} {self.ratio:9.1e}"


@dataclass
class Result:
    """The verdict on the gradient of one argument, and its evidence."""

    argument: int
    shape: tuple
    verdict: str                                    # "pass", "fail" or "undecided"
    checked: int                                    # entries looked at one by one
    worst: list = field(default_factory=list)       # Entry, by falling ratio, at most 5
    kinks: list = field(default_factory=list)       # indices of entries that sit on a kink
    skipped: int = 0        # entries only sampled: kinks spoil the random directions through them
    relative_error: float = 0.0     # max |a - n| / (|a| + |n|), for comparison with course texts

    def __str__(self):
        size = int(np.prod(self.shape))
        text = f"argument {self.argument} {self.shape}: {self.verdict.upper()}, "
        text += f"{self.checked} of {size} entries checked one by one"
        text += f" and {DIRECTIONS} random directions" if self.checked < size else ""
        text += f", {len(self.kinks)} at a kink" if self.kinks else ""
        text += f", {self.skipped} near kinks only sampled" if self.skipped else ""
        text += f"; largest relative error {self.relative_error:.1e}"
        if self.verdict == "fail" and self.relative_error < 1e-6:
            text += "\nslightly wrong: an eps, a rounded constant, or float32 inside?"
        head = f"\n{'entry':>16} {'claimed':>17}  {'numeric ± error':27} {'tolerance':>10}"
        return text + head + " distance/tolerance\n" + "\n".join(map(str, self.worst))


def upstream_like(outputs, seed=0):
    """Random normal upstream gradient(s) shaped like the output(s) of f: array or tuple.

    Drawn from a stream of its own: had the inputs and the upstream the same generator and seed, the
    upstream would be the standardised input, which a normalisation projects away.
    """
    rng = _stream(seed, "upstream")
    draw = [rng.standard_normal(np.shape(y)).astype(np.asarray(y).dtype) for y in _tuple(outputs)]
    return tuple(draw) if isinstance(outputs, (tuple, list)) else draw[0]


def assert_gradients(f, inputs, gradients, upstream, **options):
    """`check`, raising AssertionError with the table of the worst entries if a gradient is wrong.

    Raises UndecidedGradient (an AssertionError too) if none is wrong but one can not be judged.
    """
    results = check(f, inputs, gradients, upstream, **options)
    for verdict, error, text in (
        ("fail", AssertionError, "wrong gradient"),
        ("undecided", UndecidedGradient, "gradient undecided: differences of f are too inexact"),
    ):
        bad = [str(r) for r in results if r.verdict == verdict]
        if bad:
            raise error("\n".join([text, *bad]))
    return results


def check(
    f, inputs, gradients, upstream, *, wrt=None, seed=0, entries=200, gradient=None
) -> list[Result]:
    """Compare claimed gradients of <upstream, f(*inputs)> with differences of f.

    f           callable(*arrays) -> floating array or tuple of them; must not write to its inputs
    inputs      arrays; only floating ones have a gradient
    gradients   claimed, one per argument in `wrt` (default: every floating one), shaped like it
    upstream    array or tuple like the output of f; see `upstream_like`
    entries     an argument with more entries than this is checked at a random quarter of this
                number and along 3 random directions through all; None: always entry by entry
    gradient    callable(*inputs, upstream) -> gradients: its rounding noise widens the tolerance

    One Result per argument in `wrt`. Raises ValueError, naming shapes, for claims that do not
    match the inputs, and for an f that is not finite at the inputs.
    """
    inputs = [np.asarray(x) for x in inputs]
    if wrt is None:
        wrt = [k for k, x in enumerate(inputs) if np.issubdtype(x.dtype, np.floating)]
    claims = _claims(inputs, gradients, wrt)
    with np.errstate(all="ignore"):     # stepping over a domain's edge is expected
        point = _Point(f, inputs, upstream, seed)
        noises = _gradient_noise(gradient, point, upstream, claims, seed)
        return [
            _Argument(point, k, g, noise, _stream(seed, "entries", k)).check(entries)
            for k, g, noise in zip(wrt, claims, noises)
        ]


def derivative(f, x, direction, upstream, *, seed=0) -> Slope:
    """Derivative of <upstream, f(x + t direction)> at t = 0, from differences of f alone.

    f: callable(array) -> array or tuple; direction: like x; upstream: like the output of f.
    """
    x, direction = np.asarray(x), np.asarray(direction, dtype=np.float64)
    if direction.shape != x.shape:
        raise ValueError(f"derivative: direction {direction.shape} must have x's shape {x.shape}")
    with np.errstate(all="ignore"):
        point = _Point(f, [x], upstream, seed)
        length = np.linalg.norm(direction)
        unit = _power_of_two(np.linalg.norm(_scales(x)) / length) if length else 1.0
        return _slope(point.line(0, unit * direction), point, unit=unit)


class _Point:
    """f and its arguments where the gradient is taken; all outputs laid end to end, in float64."""

    def __init__(self, f, inputs, upstream, seed):
        self.f, self.inputs = f, inputs
        outputs, weights = _tuple(f(*inputs)), _tuple(upstream)
        shapes, expected = [np.shape(v) for v in weights], [np.shape(y) for y in outputs]
        if shapes != expected:
            raise ValueError(f"upstream has shapes {shapes}, the outputs of f {expected}")
        for j, y in enumerate(map(np.asarray, outputs)):
            if not np.issubdtype(y.dtype, np.floating):
                raise ValueError(f"output {j} of f, {y.dtype} {y.shape}, is not floating")
            if not np.isfinite(y).all():
                raise ValueError(f"output {j} of f, {y.shape}, is not finite at the inputs")
        weights = _flat(weights)
        # an output with upstream 0 has no say, whatever it does
        self.heard = slice(None) if weights.all() else np.flatnonzero(weights)
        self.weights = weights[self.heard]                                          # (m,)
        self.value = _flat(outputs)[self.heard]                                     # (m,)
        self.eps = _eps([*inputs, *outputs])
        self.sharp = self.eps ** (4 / 7)        # a small relative error: 1e-9, in float32 1e-4
        self.sigma = self._noise(_stream(seed, "noise"))                            # (m,)

    def at(self, k, x):
        """Outputs (m,) with argument k replaced by x."""
        return _flat(_tuple(self.f(*self.inputs[:k], x, *self.inputs[k + 1 :])))[self.heard]

    def line(self, k, direction):
        """t -> outputs at x_k + t direction."""
        x = self.inputs[k]
        return lambda t: self.at(k, np.asarray(x + t * direction).astype(x.dtype, copy=False))

    def entry_line(self, k, i, scale):
        """The same along entry i (a flat index) alone, in units of scale."""
        x = self.inputs[k]
        start = float(x.flat[i])

        def at(t):
            moved = x.copy()
            moved.flat[i] = start + t * scale
            return self.at(k, moved)

        return at

    def _noise(self, rng):
        """Rounding noise of each output: its spread when the inputs change in their last bit.

        An f that does not notice has a coarser grain inside (float32, a large offset): the change
        grows until it does.
        """
        sigma, level = np.zeros(self.value.shape), self.eps
        while level <= max(self.eps, 2.0**-10):
            spread = 0.0
            for _ in range(6):
                outputs = _tuple(self.f(*[_jiggle(x, level, rng) for x in self.inputs]))
                change = _flat(outputs)[self.heard] - self.value
                spread = spread + np.nan_to_num(change, nan=0.0, posinf=0.0, neginf=0.0) ** 2
            np.copyto(sigma, np.sqrt(spread / 6), where=sigma == 0)
            if sigma[self.value != 0].all():
                break
            level *= 64
        return np.maximum(sigma, np.maximum(self.eps * np.abs(self.value), TINY))


class _Line:
    """The slopes at t = 0 of all outputs along one line, each with the best estimate so far."""

    def __init__(self, point, at, near):
        self.point, self.at = point, at
        self.sides = (1, -1)
        self.moved = np.zeros(point.value.shape, dtype=bool)    # outputs that ever changed
        self.best = None                # slope, truncation, noise of each output, (3, m)
        self.bent = False               # does the slope at x look different on the two sides?
        self.narrow, self.wide = NARROW, WIDE       # tops of the next ladders; 0: no use
        self._start(near)

    def _start(self, near):
        values = self._ladder(FIRST, ratio=2, rungs=3)
        self.reach = FIRST              # top of the narrowest ladder that the estimate rests on
        if np.isfinite(values).all():
            self.bent = self._bends(values)
            return
        self.wide = 0.0
        for h in (FIRST * near, *FIRST / 8.0 ** np.arange(1, 15)):
            if np.isfinite(self.at(h)).all() and np.isfinite(self.at(-h)).all():
                self._ladder(h, ratio=2, rungs=3)
                self.reach, self.narrow = h, h * NARROW
                return
        # x is on the edge of the domain: differences towards the inside only
        self.sides = (1,) if np.isfinite(self.at(h)).all() else (-1,)
        self._ladder(FIRST)

    def refine(self, narrower):
        """One more ladder, of smaller or of larger steps."""
        if narrower:
            self._ladder(self.narrow)
            self.narrow *= STRIDE
            if self.narrow * STRIDE < 4 * self.point.eps:       # x + h would be rounded
                self.narrow = 0.0
        else:
            before = sum(self.project()[1:3])
            self._ladder(self.wide)
            improved = sum(self.project()[1:3]) < before / 2
            self.wide = self.wide / STRIDE if improved and self.wide == WIDE else 0.0

    def _ladder(self, top, ratio=4, rungs=5):
        """Improve the estimates by a table from steps top, top/ratio, ...; returns f there."""
        steps = top / float(ratio) ** np.arange(rungs)
        values = self.values(steps)
        y, h = self.point.value, steps[:, None]
        self.moved |= (values != y).any((0, 1))
        if len(self.sides) == 2:
            slopes, power = (values[0] - values[1]) / (2 * h), 2
        else:
            slopes, power = (values[0] - y) / (self.sides[0] * h), 1
        noise = np.maximum(self.point.sigma, self.point.eps * np.abs(values).max(0)) / h
        new = _richardson(slopes, noise, ratio, power)
        if self.best is None:
            self.best = new
        elif top > self.reach:
            self.best = _sharper(self.best, new)
        else:
            kept, self.best = self.best, _sharper(new, self.best)
            if (self.best[0] != kept[0]).any():
                self.reach = top
        return values

    def values(self, steps):
        """f at x + h u, and at x - h u if both sides are open: (sides, rungs, m)."""
        values = np.empty((len(self.sides), len(steps), self.point.value.size))
        for side, rows in zip(self.sides, values, strict=True):
            for row, h in zip(rows, steps, strict=True):
                row[:] = self.at(side * h)
        return values

    def _bends(self, values):
        """Does r - l, one-sided slopes, fall slower with h than the f'' h of a smooth f?"""
        weights = np.abs(self.point.weights)
        bend = np.abs(values[0] + values[1] - 2 * self.point.value) @ weights       # (rungs,)
        noise = (weights * self.moved) @ self.point.sigma
        return bend[-1] > 0.1 * bend[0] and bend[-1] > 20 * noise

    def project(self):
        """<upstream, slopes>, its truncation error, 2 x its noise, the sum of absolute terms."""
        terms, gap, noise = self.point.weights * self.best
        if self.moved.any():            # an output that never changes has no noise
            noise = noise * self.moved
        truncation = abs(gap.sum()) + np.sqrt(gap @ gap)
        return terms.sum(), truncation, 2 * np.sqrt(noise @ noise), np.abs(terms).sum()

    def slope(self, claimed, slack):
        """The `Slope` known so far, as of a smooth f."""
        value, truncation, noise, size = self.project()
        point, heard = self.point, self.moved if self.moved.any() else slice(None)
        grain = np.linalg.norm((point.weights * point.sigma)[heard])
        # the claim, too, was rounded: like f, like the terms of its sum, like itself
        rounding = max(grain, point.eps * size, point.eps * abs(claimed))
        return Slope(
            value=value,
            error=truncation + noise,
            tolerance=20 * (truncation + noise) + slack + 32 * rounding,
            low=value,
            high=value,
            kind="smooth",
            resolution=max(point.sharp * np.abs(point.weights * point.value)[heard].sum(), grain),
        )


def _slope(at, point, claimed=None, slack=0.0, unit=1.0, near=1.0, far=8.0):
    """Slope at t = 0 of <upstream, at(t)>, divided by unit; effort ends when the claim is met.

    slack: tolerance for the noise of the claim; near, far: a step small, and one large, compared
    to everything that f might do.
    Where truncation dominates the error a smaller step is tried, where noise does a larger one.
    A claim is called wrong only after every ladder.
    """
    line = _Line(point, at, near)
    target = claimed if claimed is not None and np.isfinite(claimed) else line.project()[0]
    slope = line.slope(target, slack)
    if line.bent:
        slope = _examine(line, slope, slack)
    while not (slope.kind == "kink" and slope.low <= target <= slope.high):
        value, truncation, noise, size = line.project()
        slope = line.slope(target, slack)
        inside = claimed is None or abs(claimed - value) <= slope.tolerance
        done = slope.error <= point.sharp * max(abs(target), 1e-3 * size)
        done = done or not (line.narrow if truncation > 4 * noise else line.wide)
        done = done or (claimed == 0 and not line.moved.any() and slope.error <= slope.resolution)
        if inside and done:
            break
        if not (line.narrow or line.wide):
            break
        line.refine(line.narrow and (truncation > 4 * noise or not line.wide))
    else:
        return slope / unit
    if not inside:
        # an output that only a large step moves does depend on x, below its rounding
        line.moved |= (line.values([8.0, far]) != point.value).any((0, 1))
        slope = line.slope(target, slack)
    if line.bent or not inside or slope.error > max(abs(value) / 40, slope.resolution):
        slope = _examine(line, slope, slack)
    return slope / unit


def _examine(line, slope, slack):
    """`slope` as it is, or as it must be understood if there is a kink or a jump at t = 0."""
    point = line.point
    # float64: 2^-22 ... 2^-30
    steps = min(point.eps**0.42, line.reach) / 4.0 ** np.arange(5)
    h, sides = steps[:, None], np.array(line.sides)[:, None, None]
    slopes = (line.values(steps) - point.value) / (sides * h)               # (sides, 5, m)
    noise = point.sigma / h
    # a finite slope stops growing as the step shrinks; 1/sqrt(h) and 1/h go on
    size = np.abs(slopes).sum(0)
    grows = (size[-1] > 1.5 * size[-2]) & (size[-2] > 1.5 * size[-3])
    if (grows & (size[-1] > 40 * noise[-1])).any():
        return replace(slope, kind="jump")
    ends = np.array([_richardson(side, noise, 4, 1) for side in slopes])    # (sides, 3, m)
    error = (np.abs(ends[:, 1]) + 2 * ends[:, 2]).sum(0)
    kink = np.abs(ends[0, 0] - ends[-1, 0]) > 20 * error
    if not kink.any():
        return slope
    v, (value, gap, noise) = point.weights, line.best
    ends = v * np.where(kink, ends[:, 0], value)
    error = np.linalg.norm(v * np.where(kink, error, np.abs(gap) + 2 * noise * line.moved))
    return replace(
        slope,
        kind="kink",
        low=ends.min(0).sum(),
        high=ends.max(0).sum(),
        error=error,
        tolerance=20 * error + slack + 32 * point.eps * np.abs(ends).max(0).sum(),
    )


def _richardson(slopes, noise, ratio, power):
    """The best cell of each output's extrapolation table: value, truncation, noise, (3, m).

    slopes, noise: (rungs, m), steps falling by `ratio`, error series in h^power, h^(2 power), ...
    A cell's truncation is its (signed) difference to the farther of its two parents.
    """
    column, factor = slopes, 1.0
    for j in range(1, len(slopes)):
        factor *= ratio**power
        step = column[1:] - column[:-1]
        column = column[1:] + step / (factor - 1)
        gap = step * (factor / (factor - 1))
        if j == 1:
            outside = ~np.isfinite(gap)         # the domain of f
            cells = np.array([np.where(outside, 0.0, column), gap, noise[1:]])
            cells[1, outside] = np.inf
        else:                                   # cells[:, i] is the best of those that end in i
            better = np.abs(gap) < np.abs(cells[1, j - 1 :])
            np.copyto(cells[0, j - 1 :], column, where=better)
            np.copyto(cells[1, j - 1 :], gap, where=better)
    best = cells[:, -1]
    for i in range(len(slopes) - 3, -1, -1):
        best = _sharper(best, cells[:, i])
    return best


def _sharper(fine, coarse):
    """The sharper of two estimates (3, m) of every output, the coarse one only where it agrees:
    far from x a bounded f has slopes of 0, and sharply so."""
    error_fine, error_coarse = (np.abs(e[1]) + 2 * e[2] for e in (fine, coarse))
    agrees = np.abs(coarse[0] - fine[0]) <= 1.5 * error_fine
    return np.where((error_coarse < error_fine) & agrees, coarse, fine)


class _Argument:
    """The check of one argument: entries, and random directions where there are too many."""

    def __init__(self, point, k, gradient, noise, rng):
        self.point, self.k, self.rng = point, k, rng
        self.x, self.gradient, self.noise = point.inputs[k], gradient, noise
        self.scales = _scales(self.x)

    def check(self, entries):
        size = self.x.size
        sampled = entries is not None and size > entries
        chosen = range(size)
        if sampled:
            chosen = np.sort(self.rng.choice(size, max(1, entries // 4), replace=False))
        found = [self.entry(i) for i in chosen]
        sizes = [abs(z) for e in found for z in (e.claimed, e.slope.value) if np.isfinite(z)]
        self.scale = max(sizes, default=0.0)
        found = [e.decide(self.scale) for e in found]
        skipped = 0
        if sampled and all(e.verdict == "pass" for e in found):
            # zeros (after a relu, say) sit on kinks more often: they go apart
            zero = self.x.ravel() == 0
            for group in (np.flatnonzero(~zero), np.flatnonzero(zero)):
                skipped += self.along_directions(group, found)
        return self.report(found, skipped)

    def entry(self, i):
        s = self.scales.flat[i]
        a = float(self.gradient.flat[i])
        slope = _slope(
            self.point.entry_line(self.k, i, s),
            self.point,
            claimed=a * s,
            slack=10 * self.noise.flat[i] * s,
            unit=s,
            near=abs(self.x.flat[i]) / s if self.x.flat[i] else 1.0,
            far=8 * max(1.0, self.scales.max()) / s,
        )
        return Entry(tuple(map(int, np.unravel_index(i, self.x.shape))), a, slope)

    def direction(self, block):
        """One random direction through the entries of block (flat indices)."""
        u = np.zeros(self.x.shape)
        u.flat[block] = self.scales.flat[block] * self.rng.choice([-1.0, 1.0], block.size)
        terms, noise = self.gradient * u, self.noise * u
        slope = _slope(
            self.point.line(self.k, u),
            self.point,
            claimed=terms.sum(),
            slack=10 * np.linalg.norm(noise),
        )
        label = f"{block.size} at random"
        return Entry(label, terms.sum(), slope).decide(np.linalg.norm(terms))

    def along_directions(self, group, found):
        """Add what random directions through group find; returns how many entries they missed.

        A direction that does not pass smoothly is halved down to the entry at fault.
        """
        for _ in range(DIRECTIONS if group.size else 0):
            blocks, looked, wrong = [group], 0, 0
            while blocks and looked < BLOCKS and wrong < 3:
                block = blocks.pop()
                looked += 1
                if block.size == 1:
                    found.append(self.entry(block[0]).decide(self.scale))
                    wrong += found[-1].verdict != "pass"
                    continue
                entry = self.direction(block)
                if entry.verdict != "pass" or entry.slope.kind != "smooth":
                    half = block.size // 2
                    blocks += [block[half:], block[:half]]
                elif block is group:
                    found.append(entry)
            if blocks:
                return sum(block.size for block in blocks)
        return 0

    def report(self, found, skipped):
        verdicts = {e.verdict for e in found}
        verdict = next((v for v in ("fail", "undecided") if v in verdicts), "pass")
        single = [e for e in found if isinstance(e.index, tuple)]
        errors = [
            abs(e.claimed - e.slope.value) / (abs(e.claimed) + abs(e.slope.value))
            for e in single
            if e.slope.kind == "smooth" and (e.claimed or e.slope.value)
        ]
        rank = {"fail": 0, "undecided": 1, "pass": 2}
        return Result(
            argument=self.k,
            shape=self.x.shape,
            verdict=verdict,
            checked=len(single),
            worst=sorted(found, key=lambda e: (rank[e.verdict], -e.ratio))[:SHOWN],
            kinks=[e.index for e in single if e.slope.kind == "kink"],
            skipped=skipped,
            relative_error=max(errors, default=0.0),
        )


def _claims(inputs, gradients, wrt):
    """The claimed gradients as arrays, after the checks of count, type and shape."""
    gradients = _tuple(gradients)
    if len(gradients) != len(wrt):
        raise ValueError(f"{len(gradients)} gradients claimed for {len(wrt)} arguments {wrt}")
    for k, g in zip(wrt, gradients):
        x = inputs[k]
        if not np.issubdtype(x.dtype, np.floating):
            raise ValueError(f"argument {k}, {x.dtype} {x.shape}, has no gradient: not floating")
        if np.shape(g) != x.shape:
            raise ValueError(f"argument {k} has shape {x.shape}, its gradient {np.shape(g)}")
    return [np.asarray(g, dtype=np.float64) for g in gradients]


def _gradient_noise(gradient, point, upstream, claims, seed):
    """Rounding noise of every claimed entry, measured as in _Point._noise; 0 without gradient."""
    spread = [np.zeros(g.shape) for g in claims]
    if gradient is None:
        return spread
    rng = _stream(seed, "gradient noise")
    for _ in range(4):
        inputs = [_jiggle(x, point.eps, rng) for x in point.inputs]
        v = [_jiggle(np.asarray(v), point.eps, rng) for v in _tuple(upstream)]
        v = tuple(v) if isinstance(upstream, (tuple, list)) else v[0]
        for total, g, new in zip(spread, claims, _tuple(gradient(*inputs, v))):
            total += (new - g) ** 2 / 4
    # a gradient that leaps under a last-bit change sits on a kink, which is not noise
    return [
        np.where(np.sqrt(t) < 0.05 * np.abs(g).max(initial=0.0), np.sqrt(t), 0.0)
        for t, g in zip(spread, claims)
    ]


def _jiggle(x, level, rng):
    """x with every entry changed by about `level` times itself, up or down."""
    if not np.issubdtype(x.dtype, np.floating):
        return x
    change = rng.choice([-1.0, 1.0], x.shape) * rng.uniform(0.5, 1.5, x.shape)
    return np.asarray(x * (1.0 + level * change)).astype(x.dtype, copy=False)


def _scales(x):
    """The unit of the steps of each entry: its size; where that is 0, the median of the others.

    Rounded down to a power of two, so that steps add to x without rounding.
    """
    size = np.abs(x, dtype=np.float64)
    zero = size < np.finfo(x.dtype).tiny        # or so small that steps would vanish
    typical = 1.0 if zero.all() else np.median(size[~zero])
    return _power_of_two(np.where(zero, typical, np.maximum(size, 2.0**-16 * typical)))


def _power_of_two(x):
    """The largest power of two not above x."""
    return np.ldexp(1.0, np.frexp(x)[1] - 1)


def _eps(arrays):
    kinds = {np.asarray(x).dtype for x in arrays}
    return max(float(np.finfo(d).eps) for d in kinds if np.issubdtype(d, np.floating))


def _tuple(x):
    return tuple(x) if isinstance(x, (tuple, list)) else (x,)


def _flat(outputs):
    """Copies of the outputs end to end in float64, (m,): a view of the input would change."""
    return np.concatenate([np.ravel(y) for y in outputs], dtype=np.float64)


def _stream(seed, name, number=0):
    """A random stream of its own for every use."""
    return np.random.default_rng([seed, number, *name.encode()])
