r"""How far to go along a direction: the strong Wolfe conditions.

Idea: along a direction the loss is a function φ of one number t, with φ'(0) < 0. A good step is not
too long, so that the loss falls in earnest, and not too short, so that the slope flattens:

$$ \varphi(t) \le \varphi(0) + c_1 t\, \varphi'(0) \qquad |\varphi'(t)| \le c_2\, |\varphi'(0)| $$

Two points close in on such a t. `low` is the lowest so far that meets the first condition; its
slope points towards `high`, or, while there is none, to longer steps. Every trial replaces one.
Invariant: if low and high are both there, a t that meets both conditions lies between them.
Source: Nocedal & Wright, Numerical Optimization, 2nd edition, 2006, algorithms 3.5 and 3.6, here in
one loop; the cubic is its equation 3.59.
"""

import math
from typing import Any, NamedTuple

ENOUGH, FLAT = 1e-4, 0.9  # c₁ and c₂, as everyone takes them for quasi-Newton directions


class Point(NamedTuple):
    """The function at one t."""

    t: float
    value: float
    slope: float  # φ'(t)
    gradient: Any  # of all parameters there; the search only hands it on


def strong_wolfe(evaluate, start, t, trials, narrow=0.0):
    """A Point that meets both conditions, or after so many trials the lowest that meets the first.

    evaluate: t -> Point; start: the Point at 0, of negative slope; t: the first to try, above 0.
    The search gives up before, if its interval is narrower than `narrow`. -> `start` itself if
    nothing lower was found.
    """
    low, high, previous = start, None, start
    for _ in range(trials):
        point = evaluate(t)
        falls = point.value <= start.value + ENOUGH * t * start.slope  # not if it is NaN
        if not falls or (low is not start and point.value >= low.value):
            high = point
        elif abs(point.slope) <= FLAT * abs(start.slope):
            return point
        else:
            towards = 1 if high is None else high.t - low.t
            if point.slope * towards >= 0:
                high = low
            previous, low = low, point
        if high is None:
            t = _within(_cubic(previous, low), 1.1 * low.t, 10 * low.t)
        elif abs(high.t - low.t) < narrow:
            break
        else:
            margin = (high.t - low.t) / 10
            t = _within(_cubic(low, high), low.t + margin, high.t - margin)
    return low


def _cubic(a, b):
    """Where the cubic with the values and slopes of both points is lowest; NaN if nowhere."""
    mixed = a.slope + b.slope - 3 * (a.value - b.value) / (a.t - b.t)
    square = mixed * mixed - a.slope * b.slope
    if not 0 <= square < math.inf:
        return math.nan
    root = math.copysign(math.sqrt(square), b.t - a.t)
    below = b.slope - a.slope + 2 * root
    return b.t - (b.t - a.t) * (b.slope + root - mixed) / below if below else math.nan


def _within(t, one, other):
    """t, limited to the interval between one and other; its middle if t is NaN."""
    if math.isnan(t):
        return (one + other) / 2
    return min(max(t, min(one, other)), max(one, other))
