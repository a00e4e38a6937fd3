"""Experiments on where a gradient is wrong: at the border, by a mask, where an id repeats.

Idea: a gradient that is right almost everywhere says by the places of its wrong entries what they
have in common. Each function tries one set of places.

Invariant: as in patterns.py. A set explains the wrong entries only if it holds all of them, and
they fill most of it; with few entries too many sets would.
Read next: patterns_terms.py.
"""

from itertools import combinations

import numpy as np

from minigen.gradcheck.patterns import diagnosis

ENOUGH = 4              # entries on each side of a mask
FEWEST = 3              # wrong entries that all have the same thing wrong


def overwritten(evidence):
    """Several outputs each add to an entry, but the claim is the share of one: the last, or first.

    Which outputs are one step of the student's loop is not known: every set of axes is tried.
    """
    if evidence.parts is None or not evidence.whole or len(evidence.outputs) != 1:
        return None
    shape = evidence.outputs[0].shape
    parts = evidence.parts.reshape(-1, *shape)
    for many in range(len(shape)):
        for axes in combinations(range(1, len(shape) + 1), many):
            shares = parts.sum(axes).reshape(len(parts), -1)
            there = np.abs(shares) > 1e-9 * evidence.scale
            if there.sum(1).max() < 2:
                break
            for name, order in (("last", slice(None, None, -1)), ("first", slice(None))):
                at = there[:, order].argmax(1)
                one = np.take_along_axis(shares[:, order], at[:, None], 1)
                if evidence.explains(one.reshape(evidence.x.shape)):
                    return _overwritten(evidence, name)
    return None


def _overwritten(evidence, name):
    message = (
        f"{evidence.gradient} holds the {name} of several contributions instead of their sum: "
        "= where += is needed, or, where an index repeats, a[index] += b where it must be "
        "np.add.at(a, index, b)"
    )
    return diagnosis(evidence, "overwrites", message, kept=name)


def one_of_several(evidence):
    """Where the claim is wrong, one of the outputs' contributions is there twice, lost, or minus.

    That needs entries that several outputs depend on, and says nothing of which one it is.
    """
    bad = evidence.bad.ravel()
    if evidence.parts is None or bad.sum() < FEWEST or not evidence.whole:
        return None
    parts, tolerance = evidence.parts[bad], evidence.tolerance.ravel()[bad, None]
    there = np.abs(parts) > 1e3 * tolerance
    if not there.any(1).all() or not 2 <= there.sum(1).max() <= 8:
        return None                     # with many contributions one of them fits by chance
    off = (evidence.claimed - evidence.numeric).ravel()[bad, None]

    def holds(share):
        return (there & (np.abs(off - share * parts) <= tolerance)).any(1).all()

    where = f"{evidence.gradient} is wrong at {int(bad.sum())} entries that several outputs depend"
    if holds(1):
        message = f"{where} on, and one of the contributions is counted twice there"
        return diagnosis(evidence, "double_count", message, entries=int(bad.sum()))
    if holds(-2):
        message = f"{where} on, and one of the contributions has the wrong sign there"
        return diagnosis(evidence, "sign", message, entries=int(bad.sum()))
    if holds(-1):
        message = f"{where} on, and one of the contributions is lost there: = in place of +=?"
        return diagnosis(evidence, "overwrites", message, "likely", entries=int(bad.sum()))
    return None


def repeated(evidence):
    """Wrong only in rows whose id stands several times among integer arguments."""
    rows = np.unique(np.nonzero(evidence.bad)[0]) if evidence.x.ndim else np.empty(0)
    for name, value in evidence.inputs.items():
        ids = isinstance(value, np.ndarray) and value.dtype.kind in "iu" and value.size > 1
        if not ids or not rows.size or value.min() < 0 or value.max() >= len(evidence.x):
            continue
        times = np.bincount(value.ravel(), minlength=len(evidence.x))
        many = times > 1
        if set(rows) == set(np.flatnonzero(many)) and (times == 1).sum() >= 2:
            message = (
                f"{evidence.gradient} is wrong only where an id of {name} repeats: a[ids] += b "
                "counts a repeated id once; use np.add.at(a, ids, b)"
            )
            return diagnosis(evidence, "overwrites", message, ids=name)
    return None


def twice(evidence):
    """Some entries exactly twice too large, the others right."""
    bad, right = evidence.bad, evidence.usable & ~evidence.bad
    right = right & (np.abs(evidence.numeric) > evidence.tolerance)
    if bad.sum() < 2 or right.sum() < 2 or not evidence.fits(evidence.claimed / 2, bad):
        return None
    message = (
        f"{evidence.gradient} is exactly twice too large at {int(bad.sum())} entries and right at "
        "the others: something is added there twice"
    )
    return diagnosis(evidence, "double_count", message, entries=int(bad.sum()))


def border(evidence):
    """Right everywhere but in the first or last rows or columns."""
    if not evidence.whole:
        return None
    for axis, length in enumerate(evidence.x.shape):
        rows = evidence.bad.any(tuple(k for k in range(evidence.x.ndim) if k != axis))
        for width in (1, 2):
            for name, places in (("first", range(width)), ("last", range(length - width, length))):
                if length < width + 3 or set(np.flatnonzero(rows)) != set(places):
                    continue
                share = np.take(evidence.bad, list(places), axis).mean()
                outside = evidence.x.size * (length - width) // length
                if share > 0.5 and outside >= ENOUGH:
                    some = f"{name} {width}" if width > 1 else name
                    message = (
                        f"{evidence.gradient} is right everywhere but in the {some} along axis "
                        f"{axis}: does a loop or a slice stop too early, or begin too late?"
                    )
                    sure = "confirmed" if evidence.x.ndim > 2 else "likely"     # chance is at work
                    return diagnosis(
                        evidence, "boundary", message, sure, axis=axis, width=width
                    )
    return None


def masked(evidence):
    """Zero exactly where it should not be; or wrong exactly where an array is negative."""
    a, n = (np.abs(g) > evidence.tolerance for g in (evidence.claimed, evidence.numeric))
    usable = evidence.usable
    zeros, others = usable & ~n, usable & n
    enough = min(zeros.sum(), others.sum()) >= 2 and usable.sum() > ENOUGH
    if enough and (a == ~n)[usable].all():
        message = f"{evidence.gradient} is 0 exactly where it should not be: the mask is inverted"
        return diagnosis(evidence, "wrong_mask", message)
    # what is let through is right, what is not is 0
    if not evidence.same(evidence.claimed, evidence.numeric, a & n) or not (a & n)[usable].any():
        return None
    for name, condition in _conditions(evidence):
        at = condition & usable
        if min(at.sum(), (usable & ~at).sum()) < ENOUGH or (a == n)[usable].all():
            continue
        if (a == at)[usable].all():
            message = (
                f"{evidence.gradient} is not 0 exactly where {name}, which is not where it must "
                "not be: another mask is needed"
            )
            return diagnosis(evidence, "wrong_mask", message, mask=name)
    return None


def wrong_side(evidence):
    """Right where an array has one sign, wrong at all entries where it has the other."""
    for name, condition in _conditions(evidence):
        at, rest = condition & evidence.usable, ~condition & evidence.usable
        if min(at.sum(), rest.sum()) < ENOUGH or (evidence.bad != at)[evidence.usable].any():
            continue
        if evidence.fits(-evidence.claimed, at):
            message = f"{evidence.gradient} has the wrong sign exactly where {name}"
            return diagnosis(evidence, "sign", message, where=name)
        message = f"{evidence.gradient} is right except where {name}: look at that branch"
        return diagnosis(evidence, "wrong_mask", message, "likely", where=name)
    return None


def swapped(evidence):
    """dout times one number where x > 0 and another elsewhere, with the two the other way round."""
    if not evidence.alike():
        return None
    _, v = evidence.alike()
    mine, right = evidence.claimed / v, evidence.numeric / v
    for name, condition in _conditions(evidence):
        at, rest = condition & evidence.usable, ~condition & evidence.usable
        if min(at.sum(), rest.sum()) < 2:
            continue
        here, there = np.median(right[at]), np.median(right[rest])
        even = evidence.fits(np.where(condition, here, there) * v)
        if even and evidence.explains(np.where(condition, there, here) * v) and here != there:
            message = (
                f"{evidence.gradient} is {np.median(mine[at]):.4g} * dout where {name} and "
                f"{np.median(mine[rest]):.4g} * dout elsewhere; it must be the other way round"
            )
            return diagnosis(evidence, "wrong_mask", message, mask=name)
    return None


def _conditions(evidence):
    """(what a student would write, where it holds) of masks that backwards are written with."""
    arrays = {evidence.name: evidence.x}
    if evidence.alike():
        arrays["the output"], arrays["dout"] = evidence.alike()
    for name, z in arrays.items():
        yield f"{name} > 0", z > 0
        yield f"{name} < 0", z < 0
