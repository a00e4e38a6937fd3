"""A function and its arguments where the gradient is taken: its outputs in a row, and their noise.

Idea: whatever f returns is laid end to end, so that slopes.py sees one vector per place. Lines
through the point ask for many places at once: an f in another process answers them in one message,
if it has a method

    f.moves(inputs, k, moves) -> [outputs at each move]

where a move of argument k is (flat index, value) for one entry, or (None, array) for all of it;
with k None it is (None, list of arrays), all arguments at once.
Where f is not a number, or has outputs of other shapes, it is outside its domain.

Read next: slopes.py, which takes slopes along the lines.
"""

import copy
import math
from itertools import islice

import numpy as np

from minigen.gradcheck.slopes import TINY, as_tuple, scales, stream

BATCH = 2**27           # bytes of inputs and outputs in one request to f.moves
COARSE = 4              # times the noise over last bits: f has a coarser grain inside
FAR = 2.0**-3           # a relative step that moves what depends on x
INSIDE = {2.0**-16: 2.0**-10, 2.0**-27: 2.0**-23}       # steps lost on float16, float32: its eps
GRAINS = (2.0**-20, 2.0**-14, 2.0**-10)     # steps over which a grain of float32, float16 shows


class Point:
    """f and its arguments where the gradient is taken; all outputs laid end to end, in float64.

    precision: dtype that the claims were computed in, if coarser than that of inputs and outputs.
    """

    def __init__(self, f, inputs, upstream, seed, precision=None):
        self.f, self.inputs = f, inputs
        outputs, weights = as_tuple(f(*inputs)), as_tuple(upstream)
        shapes, self.shapes = [np.shape(v) for v in weights], [np.shape(y) for y in outputs]
        if shapes != self.shapes:
            raise ValueError(f"upstream has shapes {shapes}, the outputs of f {self.shapes}")
        for j, y in enumerate(map(np.asarray, outputs)):
            if not np.issubdtype(y.dtype, np.floating):
                raise ValueError(f"output {j} of f, {y.dtype} {y.shape}, is not floating")
            if not np.isfinite(y).all():
                raise ValueError(f"output {j} of f, {y.shape}, is not finite at the inputs")
        weights = _flat(weights)
        # an output with upstream 0 has no say, whatever it does
        self.heard = slice(None) if weights.all() else np.flatnonzero(weights)
        self.weights = weights[self.heard]                                              # (m,)
        self.value = _flat(outputs)[self.heard]                                         # (m,)
        dtypes = {np.asarray(x).dtype for x in (*inputs, *outputs)}
        self.eps = max(float(np.finfo(d).eps) for d in dtypes if np.issubdtype(d, np.floating))
        self.sharp = self.eps ** (4 / 7)        # a small relative error: 1e-9, in float32 1e-4
        self.eps_claims = max(self.eps, float(np.finfo(precision).eps) if precision else 0.0)
        self.seed, self.with_grain = seed, {}       # k: this point as `careful` has it
        self.inside = None      # see precision_inside
        self._measure_noise(stream(seed, "noise"))

    def _measure_noise(self, rng):
        """sigma (m,), rounding noise of f: third differences of f over a few hundred last bits.

        Over such steps a smooth f is straight, and what its third difference leaves is noise. If no
        output changes at all, f may have a coarser grain inside (float32, a large offset): the
        steps grow until they do. `grainy` (m,): such outputs are staircases.
        """
        # odd numbers of last bits: exact, and never in step with the grid that f rounds to
        odd = [(2 * rng.integers(-256, 256, x.shape) + 1) / 256 for x in self.inputs]
        units = [scales(x, least=0.0) * n for x, n in zip(self.inputs, odd, strict=True)]
        self.sigma = np.zeros(self.value.shape)
        self.grainy = self.sigma > 0
        step = first = 2.0**8 * self.eps
        while step <= max(first, 2.0**-20):
            places = [
                [_moved(x, t * u) for x, u in zip(self.inputs, units, strict=True)]
                for t in step * np.arange(1, 10)        # not 0, for f may jump there
            ]
            values = np.array(list(self._at(None, ((None, place) for place in places))))
            third = np.nan_to_num(np.diff(values, 3, axis=0), nan=0.0, posinf=0.0, neginf=0.0)
            # four independent noises with weights 1, 3, 3, 1: variance 20 sigma²
            new = (self.sigma == 0) & third.any(0)
            self.sigma[new] = np.sqrt((third * third).mean(0) / 20)[new]
            jumps = self.sigma > 1e3 * self.eps * np.abs(self.value)
            self.grainy = self.grainy | (new & jumps & (step > first))
            changed = np.diff(values, axis=0).any()
            if (changed and step == first) or self.sigma[self.value != 0].all():
                break
            step *= 53
        if self.grainy.any():
            unseen = self.sigma == 0
            self.sigma[unseen] = np.median(self.sigma[self.grainy])
            self.grainy |= unseen
        self.sigma = np.maximum(self.sigma, np.maximum(self.eps * np.abs(self.value), TINY))

    def careful(self, k):
        """This point with the noise that hides from last bits as x_k moves, measured once: x may be
        rounded to float32 inside, or 1 + erf(x) be exact where erf(x) is almost -1.
        """
        if k not in self.with_grain:
            self.with_grain[k] = point = copy.copy(self)
            rng, x = stream(self.seed, f"grain {k}"), self.inputs[k]
            # all entries move about as far, and never in step with the grid that f rounds to
            unit = scales(x, least=0.0) * rng.uniform(0.5, 1.0, x.shape)
            at = self.along(k, unit * rng.choice([-1.0, 1.0], x.shape))
            rounding = self.precision_inside() / 4 * np.abs(self.value)
            point.sigma = np.maximum(point.sigma, rounding)
            stairs = np.ones(self.value.shape, dtype=bool)      # flat over steps that were tried
            for step in GRAINS if self.eps < 2.0**-40 else ():
                if step > 2.0**-14 and not stairs.any():
                    break
                values = np.array(list(at(step * np.arange(1, 25))))
                # where wide steps see a curve, narrow ones do not see stairs
                grain = np.where(stairs | (step <= 2.0**-14), _grain(values), 0.0)
                point.sigma = np.maximum(point.sigma, grain)
                still = (np.diff(values, axis=0) == 0).mean(0)
                stairs &= (still > 0.5) & ((still < 1) | (step < 2.0**-14))
        return self.with_grain[k]

    def precision_inside(self):
        """The eps of float32 or float16 if f computes in it inside, else 0: steps that would move
        most outputs do not."""
        if self.inside is None:
            floats = [k for k, x in enumerate(self.inputs) if x.dtype.kind == "f"]
            self.inside = max(map(self._precision_of, floats), default=0.0)
        return self.inside

    def _precision_of(self, k):
        x = self.inputs[k]
        unit = scales(x, least=0.0) * stream(self.seed, f"inside {k}").uniform(0.5, 1.0, x.shape)
        far, half, *near = self.along(k, unit)([FAR, FAR / 2, *INSIDE])
        change = np.where(far != half, np.abs(half - self.value), 0.0)      # once: it is a jump
        for row, (step, eps) in zip(near, INSIDE.items(), strict=True):
            # that a flat output does not move is its own rounding
            moves = change * (2 * step / FAR) > 8 * self.eps * np.abs(self.value)
            still = row[moves] == self.value[moves]
            if self.eps < eps and 2 * np.count_nonzero(still) > still.size:
                return eps
        return 0.0

    def _row(self, outputs):
        """The outputs in one row, (m,): not a number if they have other shapes here."""
        outputs = as_tuple(outputs)
        if [np.shape(y) for y in outputs] != self.shapes:
            return np.full(self.value.shape, np.nan)
        return _flat(outputs)[self.heard]

    def _at(self, k, moves):
        """f at each move of x_k, or of all arguments if k is None: rows (m,)."""
        if not hasattr(self.f, "moves"):
            for index, value in moves:
                if k is not None:
                    x = _replaced(self.inputs[k], index, value)
                    value = [*self.inputs[:k], x, *self.inputs[k + 1 :]]
                yield self._row(self.f(*value))
            return
        size = sum(x.size for x in self.inputs) if k is None else self.inputs[k].size
        many = BATCH // (8 * (sum(map(math.prod, self.shapes)) + size + 1))
        while batch := list(islice(moves, max(1, many))):
            yield from map(self._row, self.f.moves(self.inputs, k, batch))

    def along(self, k, direction):
        """The function of many t -> outputs (m,) at each x_k + t direction."""
        x = self.inputs[k]
        return lambda ts: self._at(k, ((None, _moved(x, t * direction)) for t in ts))

    def along_entry(self, k, i, scale):
        """The same for entry i (a flat index) of x_k alone, in units of scale."""
        start = float(self.inputs[k].flat[i])
        return lambda ts: self._at(k, ((i, start + t * scale) for t in ts))

    def narrowed(self, at, ts):
        """This point with those outputs alone that move at one of the ts; all of them if none."""
        moved = np.any([row != self.value for row in at(ts)], 0)
        point = copy.copy(self)
        point.with_grain, point.inside = {}, None
        if moved.any():
            point.heard = np.arange(sum(map(math.prod, self.shapes)))[self.heard][moved]
            for name in ("weights", "value", "sigma", "grainy"):
                setattr(point, name, getattr(self, name)[moved])
        return point


def _grain(values):
    """Noise of each output, (m,), from its values at 24 equally spaced places, (24, m).

    Of noise the eighth differences are 3.7 times the sixth, of a smooth f they are smaller; the
    median of many is blind to a kink.
    """
    sixth, eighth = (
        np.median(np.nan_to_num(np.abs(np.diff(values, n, axis=0)), posinf=0.0), 0) for n in (6, 8)
    )
    # of seven independent noises: variance 924 sigma², median 0.67 of its root
    return np.where(eighth > sixth, sixth / (0.67 * 924**0.5), 0.0)


def _replaced(x, index, value):
    """x with one entry, or all of it if index is None, replaced."""
    if index is None:
        return value
    x = x.copy()
    x.flat[index] = value
    return x


def _moved(x, change):
    return np.asarray(x + change).astype(x.dtype, copy=False)


def _flat(outputs):
    """Copies of the outputs end to end in float64, (m,): a view of the input would change."""
    return np.concatenate([np.empty(0), *map(np.ravel, outputs)], dtype=np.float64)
