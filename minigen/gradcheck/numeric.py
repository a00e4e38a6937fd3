"""Are these gradients right? Claimed gradients compared with differences of the function.

Idea: the claim a is wrong only if it is farther from the numeric derivative n than the estimated
errors of both explain,

    |a - n| > 20 error(n) + 10 noise(a) + 32 rounding(a)

so no step and no tolerance is chosen by hand, and scale, offset and dtype do not matter. At a kink
(relu at 0, a tie of max) every value between the two one-sided slopes is right. Where the numbers
cannot tell, the verdict is "undecided", never a guess.

Plain NumPy on arrays: nothing of the engine, whose tests stand on this file.
Read next: slopes.py (how n and its error come about), tests/test_numeric.py (what is caught).
"""

import math
import time

import numpy as np

from minigen.gradcheck.argument import ArgumentCheck, Result
from minigen.gradcheck.beside import Beside, noise_of_claims
from minigen.gradcheck.point import Point
from minigen.gradcheck.slopes import Slope, as_tuple, measure, power_of_two, scales, stream


class UndecidedGradient(AssertionError):
    """The numeric derivative is too inexact to say whether the claimed gradient is right."""


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

    Raises UndecidedGradient (an AssertionError too) if none is wrong but one cannot be judged.
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
    f, inputs, gradients, upstream, *,
    wrt=None, seed=0, entries=200, gradient=None, precision=None, deadline=math.inf, jumps=False,
) -> list[Result]:
    """Compare claimed gradients of <upstream, f(*inputs)> with differences of f.

    f           callable(*arrays) -> floating array or tuple of them; must not write to its inputs;
                with a method `moves` (point.py) it is asked for many places at once
    inputs      arrays; only floating ones have a gradient
    gradients   claimed, one per argument in `wrt` (default: every floating one), shaped like it
    upstream    array or tuple like the output of f; see `upstream_like`
    entries     an argument with more entries than this is checked at a random quarter of this
                number of them, and along 3 random directions through all; None: at every entry
    gradient    callable(*inputs, upstream) -> gradients: its rounding noise widens the tolerance
    precision   dtype in which the claims were computed, if coarser than that of the inputs;
                `gradient` is then called with arrays of it
    deadline    on the clock of time.monotonic: shared by the arguments; where time is short,
                entries are left to random directions, or not looked at
    jumps       f may jump, as a gradient does at a kink of its function: that is a kink, too

    One Result per argument in `wrt`. Raises ValueError, naming shapes, for claims that do not
    match the inputs, and for an f that is not finite at the inputs.
    """
    inputs = [np.asarray(x) for x in inputs]
    if wrt is None:
        wrt = [k for k, x in enumerate(inputs) if np.issubdtype(x.dtype, np.floating)]
    claims = _claims(inputs, gradients, wrt)
    with np.errstate(all="ignore"):     # stepping over the edge of a domain is expected
        point = Point(f, inputs, upstream, seed, precision)
        noises = noise_of_claims(gradient, point, upstream, claims, seed, precision)
        beside = Beside(f, inputs, upstream, gradient, wrt, seed, precision)
        results = []
        for k, claim, noise in zip(wrt, claims, noises, strict=True):
            now = time.monotonic()
            until = now + (deadline - now) / (len(wrt) - len(results))
            rng = stream(seed, f"argument {k}")
            argument = ArgumentCheck(point, k, claim, noise, rng, beside, jumps)
            results.append(argument.check(entries, until))
    return results


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
