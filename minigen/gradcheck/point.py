"""A function and its arguments where the gradient is taken: its outputs in a row, and their noise.

Idea: whatever f returns is laid end to end, so that slopes.py sees one vector per place. Lines
through the point ask for many places at once: an f in another process answers them in one message,
if it has a method

    f.moves(inputs, k, moves) -> [outputs at each move]

where a move of argument k is (flat index, value) for one entry, or (None, array) for all of it.
Where f is not a number, or has outputs of other shapes, it is outside its domain.

Read next: slopes.py, which takes slopes along the lines.
"""

import copy
import math
from itertools import islice

import numpy as np

from minigen.gradcheck.slopes import TINY, as_tuple, scales, stream

BATCH = 2**27           # bytes of inputs and outputs in one request to f.moves


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
        self._measure_noise(stream(seed, "noise"))
        self.with_grain = None          # this point as `careful` has it

    def _measure_noise(self, rng):
        """sigma (m,), rounding noise of f: third differences of f over a few hundred last bits.

        Over such steps a smooth f is straight, and what its third difference leaves is noise. If no
        output changes at all, f may have a coarser grain inside (float32, a large offset): the
        steps grow until they do. `grainy` (m,): such outputs are staircases.
        """
        # odd numbers of last bits: exact, and never in step with the grid that f rounds to
        odd = [(2 * rng.integers(-256, 256, x.shape) + 1) / 256 for x in self.inputs]
        self.units = [scales(x, least=0.0) * n for x, n in zip(self.inputs, odd, strict=True)]
        self.sigma = np.zeros(self.value.shape)
        self.grainy = self.sigma > 0
        step = first = 2.0**8 * self.eps
        while step <= max(first, 2.0**-20):
            values = self._beside(step, 9)
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

    def _beside(self, step, count):
        """f where all inputs have moved by `step`, twice that, ...: (count, m)."""
        values = []
        for t in step * np.arange(1, count + 1):        # not 0, for f may jump there
            moved = [_moved(x, t * u) for x, u in zip(self.inputs, self.units, strict=True)]
            values.append(self._row(self.f(*moved)))
        return np.array(values)

    def careful(self):
        """This point with the noise that hides from last bits, measured once: 1 + erf(x) is exact
        over them where erf(x) is almost -1, and a staircase over wider steps.

        Of noise the eighth differences are 3.7 times the sixth, of a smooth f they are smaller; the
        median of many is blind to a kink.
        """
        if self.with_grain is None:
            self.with_grain = point = copy.copy(self)
            steps = (2.0**-27, 2.0**-20, 2.0**-14) if self.value.size < 2**14 else (2.0**-20,)
            for step in steps if self.eps < 2.0**-40 else ():
                values = self._beside(step, 24)
                sixth, eighth = (
                    np.median(np.nan_to_num(np.abs(np.diff(values, n, axis=0)), posinf=0.0), 0)
                    for n in (6, 8)
                )
                # of seven independent noises: variance 924 sigma², median 0.67 of its root
                grain = np.where(eighth > 2 * sixth, sixth / (0.67 * 924**0.5), 0.0)
                point.sigma = np.maximum(point.sigma, grain)
        return self.with_grain

    def _row(self, outputs):
        """The outputs in one row, (m,): not a number if they have other shapes here."""
        outputs = as_tuple(outputs)
        if [np.shape(y) for y in outputs] != self.shapes:
            return np.full(self.value.shape, np.nan)
        return _flat(outputs)[self.heard]

    def _at(self, k, moves):
        """f at each move of x_k, rows (m,): (flat index, value) for an entry, (None, array)."""
        if not hasattr(self.f, "moves"):
            for move in moves:
                x = _replaced(self.inputs[k], *move)
                yield self._row(self.f(*self.inputs[:k], x, *self.inputs[k + 1 :]))
            return
        many = BATCH // (8 * (sum(map(math.prod, self.shapes)) + self.inputs[k].size + 1))
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
        if moved.any():
            point.heard = np.arange(sum(map(math.prod, self.shapes)))[self.heard][moved]
            for name in ("weights", "value", "sigma", "grainy"):
                setattr(point, name, getattr(self, name)[moved])
        return point


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
