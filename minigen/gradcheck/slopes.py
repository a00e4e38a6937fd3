"""The slope of a function along a line, from differences, with an estimate of its own error.

Idea: no step suits every function, so a ladder of steps is tried, with Richardson extrapolation
between its rungs. The change from cell to cell of that table estimates the truncation error; the
rounding noise is measured, by third differences of f over a few last bits. While truncation
dominates the next ladder is narrower, while noise does it is wider.

Invariants: every output is differenced on its own before the upstream gradient weighs it, so an
output of 1e6 cannot drown one of 1e-9; steps are powers of two, so that x + h is exact; a slope
from wider steps counts only where it agrees with the one from narrower steps.

Sources: Ridders, Accurate computation of F'(x) and F'(x) F''(x), 1982 (the table and its error);
Moré & Wild, Estimating computational noise, 2011 (the third differences); Lepski, On a problem of
adaptive estimation in Gaussian white noise, 1991 (wide steps only where they agree).
Read next: point.py (f as these slopes see it), numeric.py, which compares claims with them.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

FIRST = 2.0**-7         # largest step of the first ladder, in units of the line
NARROW = 2.0**-12       # of the next one if truncation dominates
WIDE = 2.0              # ... and if noise does
STRIDE = 2.0**-8        # from the top of a ladder to its end, and to the top of the next
TINY = np.finfo(np.float64).tiny


@dataclass
class Slope:
    """Derivative of <upstream, f> along one direction, with what is known about its error."""

    value: float
    error: float            # estimate: truncation + 2 standard deviations of the noise
    tolerance: float        # a right claim is not farther than this from the interval low ... high
    low: float              # one-sided slopes at a kink, each output taking its lower one ...
    high: float             # ... and its higher one; both equal to value where f is smooth
    kind: str               # "smooth", "kink", or "jump": f jumps, or is vertical
    resolution: float       # tolerances below this are rounding, even next to a gradient of 0
    reach: float = FIRST    # the widest step of the narrowest ladder that value rests on

    def __truediv__(self, unit):
        """The same slope per `unit` of the direction."""
        names = ("value", "error", "tolerance", "low", "high", "resolution")
        return replace(self, **{name: getattr(self, name) / unit for name in names})

    def distance(self, claimed):
        """How far a claim is from low ... high; NaN for a claim that is not finite."""
        if not math.isfinite(claimed):
            return math.nan
        return max(self.low - claimed, claimed - self.high, 0.0)


def measure(point, at, claimed=None, slack=0.0, near=1.0, far=8.0, hasty=False) -> Slope:
    """Slope of <upstream, at(t)> at t = 0; effort ends as soon as the claim is met.

    slack: tolerance for the noise of the claim; near: the size of x in units of the line, a power
    of two; far: a step that moves whatever depends on t; hasty: a probably wrong claim ends it, too
    """
    line = _Line(point, at, near)
    target = claimed if claimed is not None and np.isfinite(claimed) else line.project()[0]
    if line.bent:
        slope = _examine(line, line.slope(target, slack), slack)
        if slope.kind == "kink" and slope.distance(target) <= slope.tolerance:
            return slope
    error = np.inf
    while True:
        value, truncation, noise, size = line.project()
        before, error = error, truncation + noise
        slope = line.slope(target, slack)
        inside = claimed is None or abs(claimed - value) <= slope.tolerance
        narrower = truncation > 4 * noise
        settled = (
            error <= point.sharp * max(abs(target), 1e-3 * size)
            or (line.quiet and before / 2 < error < 1e-3 * size)    # no ladder brings more
            or (claimed == 0 and not line.moved.any() and slope.tolerance <= slope.resolution)
            or not (line.narrow if narrower else line.wide)
        )
        # a claim is called wrong only after every ladder, but wide ones save none that is far away
        hopeless = abs(target - value) > 1000 * slope.tolerance
        if ((inside or hasty) and settled) or not (line.narrow or (line.wide and not hopeless)):
            break
        line.refine(bool(line.narrow) and (narrower or hopeless or not line.wide))
    if hasty and settled and not inside:
        return slope
    blurred = slope.tolerance > max(abs(value) / 2, slope.resolution)
    if blurred or not inside:
        change = np.abs(line.values([8.0, far]) - point.value).max((0, 1))
        line.moved |= change != 0       # what only a large step moves does depend on t
        slope = line.slope(target, slack)
        if (change < 10 * point.sigma).all():       # but one that is never but noise is constant
            slope.resolution = slope.tolerance
    return _examine(line, slope, slack) if blurred or line.bent or not inside else slope


class _Line:
    """The slopes at t = 0 of all outputs along one line, each with the best estimate so far."""

    def __init__(self, point, at, near):
        self.point, self.at, self.near = point, at, near
        self.sides = (1, -1)
        self.moved = np.zeros(point.value.shape, dtype=bool)    # outputs that ever changed
        self.ways = np.zeros((2, *point.value.shape), dtype=bool)   # ... towards t > 0, t < 0
        self.least = np.full(point.value.shape, np.inf)             # ... by that much at least
        self.best = None                # slope, truncation, noise of each output, (3, m)
        self.quiet = True               # did the narrowest steps show no more than noise?
        self.bent = False               # do the slopes on the two sides of 0 seem to differ?
        self.curvature = 0.0            # sum of |upstream| |f''| |x|
        self.reach = FIRST              # top of the narrowest ladder that `best` rests on
        self.wide = WIDE                # tops of the next ladders; 0: of no use
        self.narrow = NARROW if 4 * point.eps <= NARROW * STRIDE else 0.0
        self._start()

    def _start(self):
        values = self._ladder(FIRST, ratio=2, rungs=3)
        self.change = np.abs(values[:, 0] - self.point.value).max(0)    # of f in a large step
        if np.isfinite(values).all():
            bends = self._bends(values, FIRST / 2.0 ** np.arange(3))
            noise = np.abs(self.point.weights * self.moved) @ self.point.sigma
            # at a kink they fall like h, elsewhere like h²
            self.bent = bends[-1] > 0.1 * bends[0] and bends[-1] > 20 * noise
            return
        self.wide = 0.0
        for h in (FIRST * self.near, *FIRST / 8.0 ** np.arange(1, 15)):
            finite = np.isfinite(self.values([h])).all((1, 2))
            if finite.all():
                self._ladder(h, ratio=2, rungs=3)
                self.reach, self.narrow = h, h * self.narrow
                return
        # t = 0 is on the edge of the domain: differences towards the inside only
        self.sides = (1,) if finite[0] else (-1,)
        self._ladder(FIRST)

    def _bends(self, values, steps):
        """Sum of |upstream| |second difference| at every step, and from them the curvature."""
        second = sum(values) - len(values) * self.point.value
        bends = np.abs(second) @ np.abs(self.point.weights)
        self.curvature = sorted(bends / steps * (self.near / steps))[len(steps) // 2]
        return bends

    def refine(self, narrower):
        """One more ladder, of smaller or of larger steps."""
        if narrower:
            self._ladder(self.narrow)
            self.narrow *= STRIDE
            if self.narrow * STRIDE < 4 * self.point.eps:       # x + h would be rounded
                self.narrow = 0.0
        else:
            self._ladder(self.wide)
            self.wide = self.wide / STRIDE if self.wide == WIDE else 0.0

    def _ladder(self, top, ratio=4, rungs=5):
        """Improve the estimates by a table from steps top, top/ratio, ...; returns f there."""
        steps = top / float(ratio) ** np.arange(rungs)
        values = self.values(steps)
        point, h = self.point, steps[:, None]
        noise = np.maximum(point.sigma, point.eps * np.abs(values).max(0))
        noise = np.maximum(noise, self._grain(values - point.value))
        if len(self.sides) == 2:
            slopes, power = (values[0] - values[1]) / (2 * h), 2
        else:
            slopes, power = (values[0] - point.value) / (self.sides[0] * h), 1
        wider = self.best is not None and top > self.reach
        if wider:
            # where f grows no more, its slopes fall to 0, and sharply so: such steps are too wide
            size = np.abs(values - point.value).max(0)
            stuck = (size[:-1] < 2 * size[1:]) & (h[:-1] > 0.125)
            slopes[:-1][np.maximum.accumulate(stuck[::-1])[::-1]] = np.nan
        new = _richardson(slopes, noise / h, ratio, power)
        if self.best is None:
            self.best = new
        elif wider:
            new[1, point.grainy] = np.inf           # from far, a staircase looks smooth
            self.best = _sharper(self.best, new)
        else:
            kept, self.best = self.best, _sharper(new, self.best)
            if (self.best[0] != kept[0]).any():
                self.reach = top
                self._bends(values, steps)
            news = point.weights * self.moved * (slopes[-1] - self.best[0])
            scatter = np.linalg.norm(point.weights * self.moved * noise[-1] / steps[-1])
            self.quiet = abs(news.sum()) <= 4 * scatter
        return values

    def _grain(self, changes):
        """Noise of the outputs that are flat at the smallest step though wider ones moved them both
        ways: their least change. (An output that moved one way only has a kink.)

        changes: (sides, rungs, m)
        """
        changed = changes != 0
        self.moved |= changed.any((0, 1))
        self.ways |= changed.any(1)
        self.least = np.fmin(self.least, np.where(changed, np.abs(changes), np.inf).min((0, 1)))
        staircase = self.ways.all(0) & ~changed[:, -1].any(0)
        return np.where(staircase, self.least, 0.0)

    def values(self, steps):
        """f at t = h, and at -h if both sides are open: (sides, rungs, m)."""
        ts = [side * h for side in self.sides for h in steps]
        values = np.empty((len(ts), self.point.value.size))
        for row, new in zip(values, self.at(ts), strict=True):
            row[:] = new
        return values.reshape(len(self.sides), len(steps), -1)

    def project(self):
        """<upstream, slopes>, its truncation error, 2 x its noise, the sum of absolute terms."""
        terms, gap, noise = self.point.weights * self.best
        if self.moved.any():            # an output that never changes has no noise
            noise = noise * self.moved
        truncation = abs(gap.sum()) + np.sqrt(gap @ gap)
        errors = np.array([truncation, 2 * np.sqrt(noise @ noise)])
        errors[np.isnan(errors)] = np.inf           # f has no value there
        return terms.sum(), *errors, np.abs(terms).sum()

    def slope(self, claimed, slack):
        """The `Slope` known so far, as of a smooth f."""
        value, truncation, noise, size = self.project()
        point, active = self.point, self.moved if self.moved.any() else slice(None)
        grain = np.linalg.norm((point.weights * point.sigma)[active])
        if point.eps_claims > point.eps:        # the outputs that it was made from were as coarse
            grain += point.eps_claims / 4 * np.linalg.norm((point.weights * point.value)[active])
        # the claim was rounded, too: like f, like the terms of its sum, like itself, like x in it
        rounding = max(grain, point.eps_claims * max(size, abs(claimed), self.curvature))
        return Slope(
            value=value,
            error=truncation + noise,
            tolerance=20 * (truncation + noise) + slack + 32 * rounding,
            low=value,
            high=value,
            kind="smooth",
            resolution=20
            * point.eps_claims ** (4 / 7)
            * np.abs(point.weights * point.value)[active].sum(),
            reach=self.reach,
        )


def _examine(line, slope, slack):
    """`slope` as it is, or as it has to be understood if there is a kink or a jump at t = 0."""
    point = line.point
    # float64: 2^-22; claims in float32 cannot tell on which side of a nearer kink x is
    top = 2.0 ** round(0.42 * math.log2(point.eps_claims))
    steps = min(top, line.reach) / 4.0 ** np.arange(5)
    h, sides = steps[:, None], np.array(line.sides)[:, None, None]
    slopes = (line.values(steps) - point.value) / (sides * h)           # (sides, 5, m)
    noise = point.sigma / h
    # a finite slope stops growing as the step shrinks; 1/sqrt(h) and 1/h go on, and so does noise,
    # but that changes f by less than sqrt(h)
    size = np.abs(slopes).sum(0)
    grows = (size[-1] > 1.5 * size[-2]) & (size[-2] > 1.5 * size[-3])
    steep = size[-1] > 0.2 * line.change / np.sqrt(FIRST * steps[-1])
    if (grows & steep & (size[-1] > 40 * noise[-1])).any():
        return replace(slope, kind="jump")
    ends = np.array([_richardson(side, noise, 4, 1) for side in slopes])    # (sides, 3, m)
    error = (np.abs(ends[:, 1]) + 2 * ends[:, 2]).sum(0)
    # at a kink the two slopes differ, and do so at every step; noise differs from step to step
    differ = slopes[0] - slopes[-1]
    kink = np.abs(ends[0, 0] - ends[-1, 0]) > 20 * error
    kink &= np.abs(differ[2] - differ[0]) < 0.2 * np.abs(differ[0])
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
        tolerance=20 * error + slack + 32 * point.eps_claims * np.abs(ends).max(0).sum(),
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
            outside = ~np.isfinite(gap)         # of the domain of f
            cells = np.array([np.where(outside, 0.0, column), gap, noise[1:]])
            cells[1, outside] = np.inf
        else:                                   # cells[:, i]: the best of those that end at i + 1
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


def scales(x, least=2.0**-16):
    """The unit of the steps of each entry: its size, or if it is 0 the median of the others.

    Rounded down to a power of two, so that steps add to x exactly. Not less than `least` times
    the median: an entry of 1e-17 among others of 1 is a 0. Integers do not move: 0.
    """
    if not np.issubdtype(x.dtype, np.floating):
        return np.zeros(x.shape)
    size = np.abs(x, dtype=np.float64)
    zero = size < np.finfo(x.dtype).tiny        # or so small that steps would vanish
    typical = 1.0 if zero.all() else np.median(size[~zero])
    return power_of_two(np.where(zero, typical, np.maximum(size, least * typical)))


def power_of_two(x):
    """The largest power of two not above x."""
    return np.ldexp(1.0, np.frexp(x)[1] - 1)


def stream(seed, name):
    """A random stream of its own for every use of a seed."""
    return np.random.default_rng([seed, *name.encode(errors="surrogatepass")])


def as_tuple(x):
    """Several outputs or gradients as they are, one as a tuple of one."""
    return tuple(x) if isinstance(x, (tuple, list)) else (x,)
