"""Experiments on dout: the claim is the right gradient for a dout that was read otherwise.

Idea: backward is linear in dout, dx = J dout, and J is known from the differences, output by output
(Evidence.parts). So every other reading of dout can be tried without running backward again: with
its axes in another order, backwards, moved by one, without its last row. If J times that reading is
what the student claims, dout was read that way.

Invariant: as in patterns.py. Only pairs with one output, whose Jacobian is small, can be tried.
Read next: diagnosis.py.
"""

from itertools import combinations, permutations

import numpy as np

from minigen.gradcheck.patterns import diagnosis, listed

LEAST = 4               # outputs: with fewer, one reading cannot be told from another


def read_otherwise(evidence):
    """The claim is J h(dout) for a rearrangement h."""
    if evidence.parts is None or not evidence.whole or len(evidence.upstream) != 1:
        return None
    v = evidence.upstream[0]
    if v.size < LEAST or not v.ndim or not v.all():
        return None
    jacobian = evidence.parts / v.ravel()
    for kind, what, read, found in _readings(v):
        if evidence.explains((jacobian @ read.ravel()).reshape(evidence.x.shape)):
            message = f"{evidence.gradient} is the right one for a dout {what}"
            # of several axes: it may be a loop's indices, or one axis in place of another
            several = kind != "transpose" and len(found["axes"]) > 1
            sure = "likely" if several or len(found["axes"]) > 2 else "confirmed"
            return diagnosis(evidence, kind, message, sure, **found)
    return None


def _readings(v):
    """(kind, what is said of dout, dout read that way, evidence)."""
    yield from _orders(v)
    for many in range(1, v.ndim + 1):
        for axes in combinations(range(v.ndim), many):
            yield "flip", f"that is read backwards along {listed(axes)}", np.flip(v, axes), {
                "axes": list(axes)
            }
    yield from _moves(v)


def _orders(v):
    """dout with its axes in another order, or a reshape in place of a transpose."""
    for order in list(permutations(range(v.ndim)))[1:] if v.ndim <= 4 else ():
        moved = np.transpose(v, order)
        found = {"axes": list(order)}
        if moved.shape == v.shape:
            yield "transpose", f"with its axes in another order, {order}", moved, found
            continue
        what = "whose numbers are in the wrong places: a reshape stands where a transpose is needed"
        back = v.reshape(moved.shape).transpose(np.argsort(order))
        for read in (back, moved.reshape(v.shape)):
            yield "transpose", what, read, found


def _moves(v):
    """dout moved by one or two along an axis or all, or 0 in its first or last rows."""
    for many in range(2, v.ndim + 1):
        for axes in combinations(range(v.ndim), many):
            where = f"axes {' and '.join(map(str, axes))}"
            for step in (1, -1, 2, -2):
                what = f"that is moved by {step} along {where}: are indices off by one?"
                yield "off_by_one", what, np.roll(v, (step,) * many, axes), {
                    "axes": list(axes), "shift": step
                }
            for name, kept in (("first", slice(1, None)), ("last", slice(None, -1))):
                read = np.zeros(v.shape)
                at = tuple(kept if k in axes else slice(None) for k in range(v.ndim))
                read[at] = v[at]
                what = f"without its {name} rows along {where}: does a loop stop too early?"
                yield "boundary", what, read, {"axes": list(axes)}
    for axis, length in enumerate(v.shape):
        rows = np.moveaxis(v, axis, 0)
        for step in (1, -1, 2, -2):
            if length < abs(step) + 2:
                continue
            rolled = np.roll(rows, step, 0)
            cut = rolled.copy()
            cut[slice(0, step) if step > 0 else slice(step, None)] = 0
            for read in (cut, rolled):
                what = f"that is moved by {step} along axis {axis}: are indices off by one?"
                yield "off_by_one", what, np.moveaxis(read, 0, axis), {
                    "axes": [axis], "shift": step
                }
        for name, places in (("first", 0), ("last", -1)) if length > 2 else ():
            cut = rows.copy()
            cut[places] = 0
            what = (
                f"without its {name} row along axis {axis}: does a loop or a slice "
                f"{'begin too late' if name == 'first' else 'stop too early'}?"
            )
            yield "boundary", what, np.moveaxis(cut, 0, axis), {"axes": [axis]}
