"""A little beside the inputs: off the kinks, and by the last bits.

Idea: two questions about a claimed gradient are answered by asking for it again nearby.

- How exact is it? All numbers are changed in their last bits, a few times: what the claim then
  changes by is its rounding noise (Monte-Carlo arithmetic: Parker, 1997).
- Is it right where several kinks meet? In relu(x @ w) @ u at x = 0 the chain rule with
  relu'(0) = 0 gives 0, which need not lie between the slopes of the two sides of x_i. Beside such
  a point, where all inputs are moved a little, the kinks come apart and the claim can be judged.
  A kink of x_i alone (relu(x) at 0) stays where x_i stays, whatever else moves: there a value
  outside the slopes is wrong.

Read next: argument.py, which asks.
"""

import numpy as np

from minigen.gradcheck.argument import ArgumentCheck
from minigen.gradcheck.point import Point
from minigen.gradcheck.slopes import as_tuple, measure, scales, stream

TRIES = 32              # ways to part ties
NUDGE = 2.0**-10        # of the size of an entry: far for a kink, near for a curve


def nudged(x, rng):
    """A copy of x, floating, with its zeros, other whole numbers and ties moved by about 1e-3.

    That is where the kinks of relu, abs, clamp, max and sorting are. Everything else stays.
    """
    _, first, count = np.unique(x, return_inverse=True, return_counts=True)
    at_kink = (x == np.round(x)) | (count[first.reshape(x.shape)] > 1)
    step = NUDGE * scales(x) * rng.uniform(0.5, 1.5, x.shape) * rng.choice([-1.0, 1.0], x.shape)
    return np.asarray(x + at_kink * step).astype(x.dtype, copy=False)


def noise_of_claims(gradient, point, upstream, claims, seed, precision):
    """Rounding noise of every claimed entry; zeros if gradient is None. See numeric.check."""
    if gradient is None:
        return [np.zeros(claim.shape) for claim in claims]
    rng = stream(seed, "noise of claims")
    arrays = [np.asarray(a) for a in (*point.inputs, *as_tuple(upstream))]

    def again(changes):
        """The gradient where arrays have changed by these factors."""
        moved = [
            np.asarray(a * (1 + change)).astype(precision or a.dtype, copy=False)
            if np.issubdtype(a.dtype, np.floating)
            else a
            for a, change in zip(arrays, changes, strict=True)
        ]
        v = tuple(moved[len(point.inputs) :])
        v = v if isinstance(upstream, (tuple, list)) else v[0]
        return as_tuple(gradient(*moved[: len(point.inputs)], v))

    eps = point.eps_claims
    if eps == point.eps:
        signs = [[eps * rng.choice([-1.0, 1.0], a.shape) for a in arrays] for _ in range(4)]
        changed = [again(changes) for changes in signs]
        return [_spread(*rows) for rows in zip(again([0.0] * len(arrays)), *changed, strict=True)]
    # claims coarser than f are judged by this noise alone, and a rounding inside may swallow the
    # last bits: larger steps, over which third differences tell rounding from a smooth change
    units = [2.0**7 * eps * rng.uniform(-1, 1, a.shape) for a in arrays]
    rows = [again([t * u for u in units]) for t in range(1, 13)]
    return [_grain(claim, *g, eps=eps) for claim, *g in zip(claims, *rows, strict=True)]


def _spread(g, *changed):
    """Of a gradient whose arguments changed in the last bit; 0 where it stays infinite."""
    squares = sum(np.subtract(h, g, dtype=np.float64) ** 2 for h in changed)
    return np.nan_to_num(np.sqrt(squares / len(changed)), nan=0.0, posinf=np.inf)


def _grain(claim, *rows, eps):
    """From third differences, as in Point; not less than a fraction of the largest claim's eps."""
    third = np.diff(np.array(rows, dtype=np.float64), 3, axis=0)
    least = eps * np.abs(claim[np.isfinite(claim)]).max(initial=0.0) / 4
    grain = np.nan_to_num(np.sqrt((third * third).mean(0) / 20), nan=0.0, posinf=np.inf)
    return np.maximum(grain, least)


class Beside:
    """The same check beside the inputs: see the file's docstring."""

    def __init__(self, f, inputs, upstream, gradient, wrt, seed, precision):
        self.f, self.inputs, self.upstream, self.gradient = f, inputs, upstream, gradient
        self.wrt, self.seed, self.precision = wrt, seed, precision
        self.arguments = None       # {k: ArgumentCheck} beside, once they are needed

    def excuses(self, k, i):
        """Whether a claim for entry i of x_k, outside the slopes of a kink, is right beside it."""
        if self.gradient is None:
            return False
        self.arguments = self.arguments or self._move()
        there = self.arguments[k]
        if there.look(i).verdict != "pass":
            return False
        inputs = list(there.point.inputs)
        inputs[k] = inputs[k].copy()
        inputs[k].flat[i] = self.inputs[k].flat[i]
        point = Point(self.f, inputs, self.upstream, self.seed, self.precision)
        line = point.along_entry(k, i, there.scales.flat[i])
        return measure(point, line, claimed=np.inf).kind == "smooth"

    def parts_ties(self, k, i, claimed, value):
        """Whether a claim for entry i of x_k, far from a smooth slope, is a slope beside x.

        Of three equal numbers none moves the median alone; any one may have its gradient.
        """
        if abs(claimed - value) < 0.05 * max(abs(claimed), abs(value)):
            return False
        rng, h = stream(self.seed, "ties"), NUDGE * scales(self.inputs[k]).flat[i] / 64
        for _ in range(TRIES):
            inputs = [nudged(x, rng) if x.dtype.kind == "f" else x for x in self.inputs]
            if all(map(np.array_equal, inputs, self.inputs)):
                return False
            x, ends = inputs[k].copy(), []
            for t in (h, -2 * h):
                x.flat[i] += t
                ends.append(as_tuple(self.f(*inputs[:k], x.copy(), *inputs[k + 1 :])))
            change = zip(as_tuple(self.upstream), *ends, strict=True)
            slope = sum(np.sum(v * np.subtract(b, a)) for v, b, a in change) / (2 * h)
            if abs(slope - claimed) < 0.05 * abs(claimed - value):
                return True
        return False

    def _move(self):
        rng = stream(self.seed, "beside")
        inputs = [
            nudged(x, rng).astype(self.precision or x.dtype).astype(x.dtype)
            if np.issubdtype(x.dtype, np.floating)
            else x
            for x in self.inputs
        ]
        point = Point(self.f, inputs, self.upstream, self.seed, self.precision)
        given = [x.astype(self.precision or x.dtype) if x.dtype.kind == "f" else x for x in inputs]
        claims = [np.asarray(g, float) for g in as_tuple(self.gradient(*given, self.upstream))]
        noises = noise_of_claims(
            self.gradient, point, self.upstream, claims, self.seed, self.precision
        )
        return {
            k: ArgumentCheck(point, k, claim, noise, rng)
            for k, claim, noise in zip(self.wrt, claims, noises, strict=True)
        }
