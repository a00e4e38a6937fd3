"""The gradient of one argument: entry by entry, or some entries and random directions through all.

Idea: a random direction changes every entry at once, so a few of them say whether anything is
wrong, at the price of a few entries. A direction only raises suspicion; entries decide. Slopes of a
smooth f add up, so one cheap difference for half of a suspicious block also gives that of the other
half: the entry at fault among a million is twenty halvings away.

Kinks (zeros that go into a relu, say) spoil every direction through them. They are looked at one by
one, as many as are affordable; the result says how many were not.
Read next: slopes.py for a slope and its error, numeric.py for the verdict's tolerance.
"""

import math
import time
from dataclasses import dataclass, replace

import numpy as np

from minigen.gradcheck.complex_step import second_opinion
from minigen.gradcheck.point import COARSE
from minigen.gradcheck.slopes import FIRST, Slope, measure, power_of_two, scales

DIRECTIONS = 3          # random directions through an argument with too many entries
LOOKS = 64              # entries, or blocks of them, that are looked at among kinks
WORK = 2**22            # numbers of inputs and outputs that so many looks may touch
WRONG = 3               # wrong entries that are enough to know
LARGE = 2**14           # outputs: with more of them, an entry is measured on those that it moves
WIDE_STEPS = tuple(sign * FIRST / n for n in (1, 2, 4) for sign in (1, -1))
CLEAR = 1000            # times the error: no doubt
SHOWN = 5               # entries in a report
SLIGHT = 1e-6           # relative error that an eps or a rounded constant would explain


@dataclass
class Entry:
    """One claim and what became of it."""

    index: tuple | str      # of the entry; for a random direction its description
    claimed: float
    slope: Slope
    verdict: str = ""

    def decide(self, scale, jumps=False, eps=0.0, inside=0.0):
        """Set the verdict, given the size of the gradients that this one belongs to.

        jumps: no claim is wrong where f jumps; eps: of that size is rounding, though a slope of
        exactly 0 next to it has none (x (1 + erf x) where erf is -1); inside: the eps of float32
        or float16 if f computes in it: claims are as coarse as what they were made of.
        """
        slope, distance = self.slope, self.slope.distance(self.claimed)
        if distance <= 32 * max(eps, inside) * scale:
            distance = 0.0
        blurred = slope.tolerance > max(scale / 2, slope.resolution)
        if slope.kind == "jump" and jumps:
            self.verdict = "pass"
        elif slope.kind == "jump" or (blurred and not distance > slope.tolerance):
            self.verdict = "undecided"
        else:
            self.verdict = "pass" if distance <= slope.tolerance else "fail"
            if self.verdict == "fail" and distance <= 256 * inside * scale:
                self.verdict = "undecided"
        return self

    @property
    def ratio(self):
        """Distance over tolerance: above 1 is wrong."""
        distance = self.slope.distance(self.claimed)
        return math.inf if math.isnan(distance) else distance / max(self.slope.tolerance, 1e-300)

    @property
    def relative(self):
        """|a - n| / (|a| + |n|), as course texts have it; NaN for a claim that is not finite."""
        a, n = self.claimed, self.slope.value
        return abs(a - n) / ((abs(a) + abs(n)) or 1.0) if math.isfinite(a) else math.nan

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
    sampled: bool           # the others along random directions
    skipped: int            # but these not, for kinks spoil the directions through them
    left: int               # entries that were not looked at, for time was up
    wrong: int              # of those that were looked at
    kinks: list             # indices of those that sit on a kink
    at_kinks: list          # Entry: a few of these
    relative_error: float   # max |a - n| / (|a| + |n|), as course texts have it; no criterion
    error: float            # the largest estimated error of a numeric value
    tolerance: float        # and the largest distance that was accepted
    slight: bool            # wrong, but by less than a millionth: an eps, a rounded constant?
    worst: list             # Entry, the worst first, at most 5
    looked_at: list         # Entry: all that were looked at one by one

    def __str__(self):
        size = math.prod(self.shape)
        text = f"argument {self.argument} {self.shape}: {self.verdict.upper()}; "
        text += f"{self.checked} of {size} entries checked one by one"
        if self.sampled:
            text += f", all along {DIRECTIONS} random directions"
        if self.skipped:
            text += f", {self.skipped} among kinks not looked at"
        if self.left:
            text += f", {self.left} not looked at: time was up"
        text += f"; {len(self.kinks)} at a kink; largest relative error {self.relative_error:.1e}"
        if self.slight:
            text += "\nslightly wrong: an eps, a rounded constant, or float32 inside?"
        head = f"{'entry':>16} {'claimed':>17}  {'numeric ± error':27} tolerance distance/tolerance"
        return "\n".join([text, head, *map(str, self.worst)])


class ArgumentCheck:
    """The check of x_k's claimed gradient.

    noise: rounding noise of each claimed entry; beside: Beside (beside.py), for composed kinks;
    jumps: whether a jump of f is a kink, where no claim is wrong.
    """

    def __init__(self, point, k, claim, noise, rng, beside=None, jumps=False):
        self.point, self.k, self.rng, self.beside, self.jumps = point, k, rng, beside, jumps
        self.x, self.claim = point.inputs[k], claim
        # a gradient that leaps when the last bit changes sits on a kink: that is no noise
        leaps = noise > 0.05 * np.abs(claim).max(initial=0.0)
        self.noise, self.leap = np.where(leaps, 0.0, noise), np.where(leaps, noise, 0.0)
        self.scales = scales(self.x)
        self.singles = {}           # flat index -> Entry, of all looked at one by one
        self.directions = []        # Entry
        self.scale = 0.0            # the largest gradient seen
        self.proved = 0             # claims that all ladders call wrong
        self.inside = 0.0           # eps of float32 or float16 inside of f, once it was asked for

    def check(self, entries, until=math.inf):
        """The `Result`; entries: see numeric.check; until: when time is up."""
        self.until = until
        size, few = self.x.size, self.x.size
        if entries is not None and size > entries:
            few = max(1, min(entries // 4, self._affordable()))
        half = (time.monotonic() + self.until) / 2
        for i in self.rng.choice(size, few, replace=False):
            self.look(i)
            if time.monotonic() > half:         # directions need the rest
                break
        for i, entry in self.singles.items():
            entry.decide(self.scale, self.jumps, self.point.eps, self.inside)
            if entry.slope.kind == "smooth" and entry.slope.tolerance > self.scale / 2:
                self._ask_again(i, entry)
        skipped = left = 0
        if len(self.singles) < size and self._all_pass():
            # zeros (after a relu, say) sit on kinks more often: they go apart
            zero = self.x.ravel() == 0
            for group in filter(len, (np.flatnonzero(~zero), np.flatnonzero(zero))):
                missed = group.size if self._late() else self._sample(group)
                if self._late():        # a direction did not fit, and nobody looked why
                    left += missed
                else:
                    skipped += missed
        return self._result(skipped, left)

    def _affordable(self):
        """How many entries or blocks may be looked at where not all are."""
        return int(np.clip(WORK // (self.point.value.size + self.x.size), 4, LOOKS))

    def _late(self):
        return time.monotonic() > self.until

    def _all_pass(self):
        return all(entry.verdict == "pass" for entry in self.singles.values())

    def look(self, i):
        """The `Entry` of entry i (a flat index), looked at by itself."""
        if i in self.singles:
            return self.singles[i]
        a = float(self.claim.flat[i])
        slope = self._clearly_wrong(i) if self.proved >= WRONG else None
        proof = not slope
        slope = slope or self._careful_slope(i)
        outside = slope.distance(a) > slope.tolerance
        if outside and slope.kind == "kink" and self.beside and self.beside.excuses(self.k, i):
            slope.low, slope.high = min(slope.low, a), max(slope.high, a)
        entry = Entry(tuple(map(int, np.unravel_index(i, self.x.shape))), a, slope)
        sizes = [abs(z) for z in (a, slope.low, slope.high)]
        self.scale = max(self.scale, *filter(math.isfinite, sizes))
        self.singles[i] = entry.decide(self.scale, self.jumps, self.point.eps, self.inside)
        self.proved += proof and entry.verdict == "fail"
        return entry

    def _ask_again(self, i, entry):
        """Let the complex step say more about an entry that differences know too little of."""
        slack = 10 * (self.noise.flat[i] + self.leap.flat[i])
        found = second_opinion(
            self.point, self.k, i, self.scales.flat[i], entry, slack, self.scale
        )
        entry.slope = found or entry.slope
        entry.decide(self.scale, self.jumps, self.point.eps, self.inside)

    def _careful_slope(self, i):
        """The `Slope` along entry i, after all that speaks for its claim if that looks wrong."""
        s, a = self.scales.flat[i], float(self.claim.flat[i])
        far = 8 * max(1.0, self.scales.max()) / s
        point = self.point
        if point.value.size > LARGE:
            point = point.narrowed(point.along_entry(self.k, i, s), [FIRST, -FIRST, far, -far])
        slope = self._slope(point, i, far, s)
        outside = slope.distance(a) > slope.tolerance
        blurred = slope.tolerance > max(abs(slope.value) / 2, slope.resolution)
        if not outside and not blurred and slope.kind != "jump":
            return slope
        ties = self.beside and self.proved < WRONG and slope.kind == "smooth"
        if outside and ties and self.beside.parts_ties(self.k, i, a, slope.value):
            low, high = min(slope.value, a), max(slope.value, a)
            return replace(slope, kind="kink", low=low, high=high)
        careful = point.careful(self.k)
        if (careful.sigma > COARSE * point.sigma).any():
            # a small entry among larger ones: its steps would drown
            slope = self._slope(careful, i, far, max(s, np.median(self.scales)))
        if slope.kind == "smooth":
            slope.tolerance += 10 * self.leap.flat[i]
            if slope.distance(a) > slope.tolerance and self._unlike_wide(point, i, slope):
                slope.tolerance = math.inf
            self.inside = max(self.inside, point.precision_inside())
        return slope

    def _slope(self, point, i, far, s):
        """Along entry i, from steps in units of s."""
        x = abs(float(self.x.flat[i]))
        return measure(
            point,
            point.along_entry(self.k, i, s),
            claimed=float(self.claim.flat[i]) * s,
            slack=10 * self.noise.flat[i] * s,
            near=power_of_two(x / s) if x else 1.0,
            far=far * self.scales.flat[i] / s,
        ) / s

    def _unlike_wide(self, point, i, slope):
        """Whether wide steps say what is claimed, and narrow ones not: wide ones miss what lies
        between, narrow ones see a staircase as flat."""
        a = float(self.claim.flat[i])
        return abs(a - self._wide(point, i)[0]) < 0.05 * abs(a - slope.value)

    def _clearly_wrong(self, i):
        """The slope from wide steps alone where a claim is a thousand times farther from it than
        its errors; or None. Enough for one more entry of a gradient that is wrong."""
        a = float(self.claim.flat[i])
        value, error, kink = self._wide(self.point.careful(self.k), i)
        tolerance = CLEAR * error + 10 * (self.noise.flat[i] + self.leap.flat[i])
        far = max(tolerance, abs(a) / CLEAR, 10 * kink)
        if abs(a - value) > far:
            return Slope(value, error, tolerance, value, value, "smooth", 0.0)
        return None

    def _wide(self, point, i):
        """Slope along entry i from three wide steps, its error, the difference of its two sides."""
        s, v = self.scales.flat[i], point.weights
        h = s * np.array(WIDE_STEPS)
        rows = np.array(list(point.along_entry(self.k, i, s)(WIDE_STEPS)))
        slopes = (rows[::2] - rows[1::2]) @ v / (2 * h[::2])
        once = (4 * slopes[1:] - slopes[:-1]) / 3
        value = (16 * once[1] - once[0]) / 15
        moved = (rows != point.value).any(0)
        error = abs(once[1] - once[0]) + np.linalg.norm((v * point.sigma)[moved]) / h[-2]
        kink = np.abs(rows[-2] + rows[-1] - 2 * point.value) @ np.abs(v) / h[-2]
        return value, error, kink

    # Random directions --------------------------------------------------------------------------

    def _sample(self, group):
        """Look along random directions through group; returns how many entries they missed."""
        infinite = group[~np.isfinite(self.claim.flat[group])]
        if infinite.size:
            for i in infinite[:WRONG]:
                self.look(i)
            return 0
        for _ in range(DIRECTIONS):
            if self._late():
                break
            u = np.zeros(self.x.shape)
            u.flat[group] = self.scales.flat[group] * self.rng.choice([-1.0, 1.0], group.size)
            entry = self._direction(u, group.size, hasty=True)
            if entry.verdict == "fail":
                if self._locate(u, group, entry):
                    return 0
                entry = self._direction(u, group.size)      # perhaps a kink that is hard to see
            if entry.verdict != "pass" or entry.slope.kind != "smooth":
                return self._pick(group)
            self.directions.append(entry)
        return 0

    def _direction(self, u, size, hasty=False):
        """One direction u through `size` entries."""
        terms = self.claim * u
        slack = 10 * np.linalg.norm(self.noise * u)
        slack += 32 * self.point.eps_claims * np.linalg.norm(terms)
        at = self.point.along(self.k, u)
        slope = measure(self.point, at, terms.sum(), slack, hasty=hasty)
        entry = Entry(f"{size} at random", terms.sum(), slope)
        return entry.decide(np.linalg.norm(terms), self.jumps)

    def _locate(self, u, group, entry):
        """Whether entries are at fault for the claim along u: at most WRONG of them are looked at.

        Goes down into the half whose claim is farther from its slope, to its end: were the farthest
        of all blocks halved, thousands of wrong entries would leave no look for a single one.
        """
        blocks = [(entry.claimed - entry.slope.value, group)]
        wrong, looks = 0, 4 * group.size.bit_length()
        while blocks and wrong < WRONG and looks and not self._late():
            looks -= 1
            gap, block = blocks.pop()
            if abs(gap) < entry.slope.error:
                continue
            if block.size == 1:
                wrong += self.look(block[0]).verdict != "pass"
                continue
            half = block[: block.size // 2]
            part = self._gap(u, half, entry.slope.reach)
            halves = [(part, half), (gap - part, block[half.size :])]
            blocks += sorted(halves, key=lambda each: abs(each[0]))
        return wrong > 0

    def _gap(self, u, block, h):
        """Claim minus slope along u, of a block of entries alone; 2 or 4 calls of f."""
        part = np.zeros(self.x.shape)
        part.flat[block] = u.flat[block]
        at, v = self.point.along(self.k, part), self.point.weights
        if self.point.eps < 2.0**-40:       # a step so small is as good as two with extrapolation
            a, b = at([h / 512, -h / 512])
            slopes = (a - b) / (h / 256)
        else:
            a, b, c, d = at([h, -h, h / 2, -h / 2])
            slopes = (4 * (c - d) / h - (a - b) / (2 * h)) / 3
        return (self.claim * part).sum() - v @ np.nan_to_num(slopes)

    def _pick(self, group):
        """Look at entries, and at smooth blocks between kinks; returns how many were missed."""
        looks = self._affordable()
        picked = self.rng.permutation(group)[:looks]
        for i in picked[: looks // 4]:
            self.look(i)
        kinks = sum(self.look(i).slope.kind != "smooth" for i in picked[: looks // 4])
        if kinks > looks // 8:
            for i in picked:
                self.look(i)
            return group.size - picked.size
        blocks = [group]
        while blocks and looks and self._all_pass() and not self._late():
            block, looks = blocks.pop(), looks - 1
            if block.size == 1:
                self.look(block[0])
                continue
            u = np.zeros(self.x.shape)
            u.flat[block] = self.scales.flat[block] * self.rng.choice([-1.0, 1.0], block.size)
            entry = self._direction(u, block.size)
            if entry.verdict != "pass" or entry.slope.kind != "smooth":
                blocks += [block[block.size // 2 :], block[: block.size // 2]]
        return sum(block.size for block in blocks) if self._all_pass() else 0

    # Result -------------------------------------------------------------------------------------

    def _result(self, skipped, left):
        singles = list(self.singles.values())
        found = [*singles, *self.directions]
        verdicts = {entry.verdict for entry in found}
        if left:
            verdicts.add("undecided")
        smooth = [e for e in singles if e.slope.kind == "smooth"]
        kinds = ("kink", "jump") if self.jumps else ("kink",)
        kinks = sorted((e for e in singles if e.slope.kind in kinds), key=lambda e: e.index)
        order = ("fail", "undecided", "pass")
        found.sort(key=lambda e: (order.index(e.verdict), -e.ratio))
        return Result(
            argument=self.k,
            shape=self.x.shape,
            verdict=next((v for v in order if v in verdicts), "pass"),
            checked=len(singles),
            sampled=bool(self.directions),
            skipped=skipped,
            left=left,
            wrong=sum(e.verdict == "fail" for e in singles),
            kinks=[e.index for e in kinks],
            at_kinks=kinks[:SHOWN],
            relative_error=max((e.relative for e in smooth if e.relative > 0), default=0.0),
            error=max((e.slope.error for e in singles), default=0.0),
            tolerance=max((e.slope.tolerance for e in singles), default=0.0),
            slight=self._slight([e for e in found if e.verdict == "fail"]),
            worst=found[:SHOWN],
            looked_at=singles,
        )

    def _slight(self, wrong):
        """Whether the wrong ones are so by a millionth, of themselves (most) and of the scale."""
        if not wrong or self.point.eps_claims > SLIGHT**2:
            return False
        distances = [e.slope.distance(e.claimed) for e in wrong]
        relative = np.median([e.relative for e in wrong])
        return bool(max(distances) < SLIGHT * self.scale and relative < SLIGHT)
