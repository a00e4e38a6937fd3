"""What a picture of a gradient is drawn from: arrays, gathered while the check runs.

Idea: a report has the five worst entries, a picture wants all that were looked at. They are there
anyway when the check ends; only the Taylor remainder costs calls of forward, a dozen.

    |<v, f(x + h d) - f(x)> - h <g, d>|

falls like h² if g is the gradient along d, and like h if it is not. d has a random sign at every
entry that was looked at and is smooth, and 0 elsewhere: there the numeric gradient is known, too.
Read next: picture.py, which draws them.
"""

import math
from dataclasses import dataclass

import numpy as np

from minigen.gradcheck.slopes import scales, stream

STEPS = 2.0 ** -np.arange(1.0, 25.0, 2.0)       # half the size of x, down to where noise rules


@dataclass
class Map:
    """The entries of one argument that were looked at one by one, n of them."""

    index: np.ndarray       # (n,) flat
    yours: np.ndarray       # (n,)
    numeric: np.ndarray     # (n,)
    low: np.ndarray         # (n,) one-sided slopes: equal to numeric but at kinks
    high: np.ndarray        # (n,)
    ratio: np.ndarray       # (n,) distance over tolerance: above 1 is wrong
    verdict: np.ndarray     # (n,) of "pass", "fail", "undecided"
    kink: np.ndarray        # (n,) bool
    taylor: "Taylor | None" = None


@dataclass
class Taylor:
    """Remainders at steps along one direction: see above."""

    steps: np.ndarray       # (m,) in units of x
    yours: np.ndarray       # (m,) with the claimed gradient
    numeric: np.ndarray     # (m,) with the measured one
    rounding: float         # of <v, f>: what is below it is noise


def looked_at(result):
    """The Map of a Result of the numeric core, without its Taylor remainders."""
    found = sorted(result.looked_at, key=lambda entry: entry.index)
    index = [e.index for e in found]
    verdict = np.array([e.verdict for e in found], dtype="U9")
    ratio = np.array([e.ratio for e in found], dtype=np.float64)
    # what rounding alone explains is right, however small the estimated error
    ratio = np.where(verdict == "fail", ratio, np.fmin(ratio, 1.0))
    flat = [int(np.ravel_multi_index(i, result.shape)) if i else 0 for i in index]
    return Map(
        index=np.array(flat, dtype=np.int64),
        yours=np.array([e.claimed for e in found], dtype=np.float64),
        numeric=np.array([e.slope.value for e in found], dtype=np.float64),
        low=np.array([e.slope.low for e in found], dtype=np.float64),
        high=np.array([e.slope.high for e in found], dtype=np.float64),
        ratio=ratio,
        verdict=verdict,
        kink=np.array([e.slope.kind == "kink" for e in found], dtype=bool),
    )


def remainders(f, arrays, k, start, upstream, at, seed=0):
    """The Taylor remainders of argument k, or None where nothing smooth was looked at.

    f: a Function (subject.py); start: its outputs at `arrays`; upstream: arrays like them; at: the
    Map of argument k. Calls f once a step.
    """
    known = np.isfinite(at.yours) & np.isfinite(at.numeric) & ~at.kink
    known &= at.verdict != "undecided"
    if not known.any():
        return None
    x = arrays[k]
    direction = np.zeros(x.shape)
    signs = stream(seed, f"remainder {k}").choice([-1.0, 1.0], known.sum())
    direction.flat[at.index[known]] = signs * scales(x).flat[at.index[known]]
    along = direction.flat[at.index[known]]
    with np.errstate(all="ignore"):         # a step may leave the domain of f
        change = np.array([
            _weighed(f.moves(arrays, k, [(None, (x + h * direction).astype(x.dtype))])[0],
                     start, upstream)
            for h in STEPS
        ])  # fmt: skip
        terms = zip(upstream, start, strict=True)
        size = math.sqrt(sum(float(np.sum(np.square(v * y))) for v, y in terms))
    eps = max(float(np.finfo(y.dtype).eps) for y in start)
    return Taylor(
        steps=STEPS,
        yours=np.abs(change - STEPS * (at.yours[known] @ along)),
        numeric=np.abs(change - STEPS * (at.numeric[known] @ along)),
        rounding=eps * size,
    )


def _weighed(outputs, start, upstream):
    """<upstream, outputs - start>, differences first, so that large outputs cost no digits."""
    rows = zip(upstream, outputs, start, strict=True)
    return sum(float(np.sum(v * (np.asarray(y, np.float64) - y0))) for v, y, y0 in rows)
