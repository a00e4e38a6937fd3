"""Experiments on the other arguments: the claim is the right gradient where one of them is another.

Idea: a kernel that must be flipped, an operand whose axes are swapped, a mask the wrong way round:
then the claim is the right gradient, but at other inputs. That is tried without backward: forward
is differenced along a few random directions where the other argument is flipped, transposed, moved
or inverted, and compared with the claim along them.

Invariant: as in patterns.py, but along DIRECTIONS random directions instead of at every entry: that
they all agree by chance is as good as excluded.
Read next: evidence.py (Elsewhere), diagnosis.py.
"""

from itertools import combinations, permutations

import numpy as np

from minigen.gradcheck.patterns import diagnosis, listed
from minigen.gradcheck.slopes import stream

DIRECTIONS = 3
AGREE = 1e-5            # of the size of a directional derivative: the differences are coarse


def at_other_inputs(evidence):
    """Right for an argument with its axes swapped, backwards, moved by one, or inverted."""
    if evidence.elsewhere is None or not evidence.whole:
        return None
    rng = stream(1, "diagnosis")
    ways = [rng.choice([-1.0, 1.0], evidence.x.shape) for _ in range(DIRECTIONS)]
    if not _agree(evidence, {}, evidence.numeric, ways):
        return None                 # too coarse here: there is a kink on the way
    for path, (name, z) in evidence.elsewhere.others.items():
        for kind, what, other, found in _readings(z):
            if evidence.elsewhere.late():
                return None
            if not np.array_equal(other, z) and _agree(evidence, {path: other},
                                                       evidence.claimed, ways):
                message = f"{evidence.gradient} is the right one for another {name}: {what}"
                return diagnosis(evidence, kind, message, "likely", array=name, **found)
    return None


def _agree(evidence, changes, gradient, ways):
    """Whether a gradient has the slopes of forward, at inputs with changes, along directions."""
    for way in ways:
        slope = evidence.elsewhere.slope(changes, way)
        along = float((gradient * way * evidence.elsewhere.unit).sum())
        size = float((np.abs(gradient) * evidence.elsewhere.unit).sum())
        if not abs(slope - along) <= AGREE * size:
            return False
    return True


def _readings(z):
    """(kind, what is said of it, an array like z, evidence)."""
    if z.size > 1 and np.isin(z, (0, 1)).all():
        other = ~z if z.dtype == bool else 1 - z
        yield "wrong_mask", "the mask is inverted", other, {}
    if z.dtype.kind != "f" or z.size < 3 or z.ndim > 4:
        return
    for order in list(permutations(range(z.ndim)))[1:]:
        moved = np.transpose(z, order)
        if moved.shape == z.shape:
            yield "transpose", f"its axes are in another order, {order}", moved, {
                "axes": list(order)
            }
    for many in range(1, z.ndim + 1):
        for axes in combinations(range(z.ndim), many):
            yield "flip", f"it is read backwards along {listed(axes)}", np.flip(z, axes), {
                "axes": list(axes)
            }
    for axis in range(z.ndim):
        for step in (1, -1):
            what = f"it is moved by {step} along axis {axis}: are indices off by one?"
            yield "off_by_one", what, np.roll(z, step, axis), {"axis": axis, "shift": step}
