"""Experiments on where a gradient is wrong: at the border, by a mask, where an id repeats.

Idea: a gradient that is right almost everywhere says by the places of its wrong entries what they
have in common. Each function tries one set of places.

Invariant: as in patterns.py. A set explains the wrong entries only if it holds all of them, and
they fill most of it; with few entries too many sets would.
Read next: patterns_terms.py.
"""

import math
from itertools import combinations, permutations

import numpy as np

from minigen.gradcheck.patterns import diagnosis

ENOUGH = 4              # entries on each side of a mask
FEWEST = 3              # wrong entries that all have the same thing wrong
ROWS = 7                # of a batch: with fewer, the wrong ones are at the border by chance
CHANCE = 1e-3           # that as many wrong entries lie side by side


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
                if not evidence.explains(one.reshape(evidence.x.shape)):
                    continue
                # a loop's = leaves entries with fewer contributions at the border
                alike = name == "first" and np.ptp(there.sum(1)) == 0
                return _first(evidence) if alike else _overwritten(evidence, name)
    return None


def _overwritten(evidence, name):
    message = (
        f"{evidence.gradient} holds the {name} of several contributions instead of their sum: "
        "= where += is needed, or, where an index repeats, a[index] += b where it must be "
        "np.add.at(a, index, b)"
    )
    sure = "confirmed" if name == "last" else "likely"      # or a sum is missing
    return diagnosis(evidence, "overwrites", message, sure, kept=name)


def _first(evidence):
    message = (
        f"{evidence.gradient} holds the first of several contributions instead of their sum: a "
        "sum is missing, or = stands in a loop that runs backwards where += is needed"
    )
    return diagnosis(evidence, "missing_broadcast_sum", message, "likely", kept="first")


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
        many, once = times > 1, (times == 1).sum()
        if set(rows) == set(np.flatnonzero(many)) and once and len(times) > 3:
            message = (
                f"{evidence.gradient} is wrong only where an id of {name} repeats: a[ids] += b "
                "counts a repeated id once; use np.add.at(a, ids, b)"
            )
            sure = "confirmed" if once > 1 else "likely"        # chance is at work
            return diagnosis(evidence, "overwrites", message, sure, ids=name)
    return None


def untouched(evidence):
    """0 everywhere, though the right gradient is not."""
    if evidence.claimed.any() or not evidence.bad.any():
        return None
    message = (
        f"{evidence.gradient} is 0 everywhere: is nothing ever added to it, or does a mask let "
        "nothing through?"
    )
    return diagnosis(evidence, "missing_term", message, "likely")


def only_dout(evidence):
    """dout as it is, where a mask or a chain of derivatives is needed."""
    if not evidence.alike() or not evidence.explains(evidence.alike()[1]):
        return None
    v = evidence.alike()[1]
    through = np.abs(evidence.numeric) > evidence.tolerance
    scale = np.median((evidence.numeric / v)[through]) if through.any() else 0.0
    if (through | ~evidence.usable).all() or not evidence.fits(np.where(through, scale * v, 0.0)):
        message = f"{evidence.gradient} is dout itself: the rest of the formula is missing"
        return diagnosis(evidence, "missing_term", message, "likely")
    message = (
        f"{evidence.gradient} is dout itself, but it must be {scale:.4g} * dout at some entries "
        "and 0 at the others: the mask is missing"
    )
    return diagnosis(evidence, "wrong_mask", message, scale=float(scale))


def partly(evidence):
    """Wrong entries that are all the same multiple of the right ones, and others that are right."""
    bad, right = evidence.bad, evidence.usable & ~evidence.bad
    right = right & (np.abs(evidence.numeric) > evidence.tolerance)
    a, n = evidence.claimed[bad], evidence.numeric[bad]
    if bad.sum() < FEWEST or right.sum() < FEWEST or not n.any():
        return None
    c = float(a @ n) / float(n @ n)
    if (np.abs(a - c * n) > max(1.0, abs(c)) * evidence.tolerance[bad]).any():
        return None
    where = f"at {int(bad.sum())} entries{_slab(bad)} and right at the others"
    found = {"entries": int(bad.sum()), "factor": c}
    if abs(c + 1) < 1e-6:
        return diagnosis(evidence, "sign", f"{evidence.gradient} has the wrong sign {where}",
                         **found)
    if abs(c - 2) < 1e-6:
        message = f"{evidence.gradient} is exactly twice too large {where}: something is added "
        return diagnosis(evidence, "double_count", f"{message}there twice", **found)
    if abs(c) < 1e-6:
        zeros = (evidence.usable & (np.abs(evidence.numeric) <= evidence.tolerance)).any()
        what = "does the mask let too little through?" if zeros else "is something not added there?"
        kind = "wrong_mask" if zeros else "missing_term"
        return diagnosis(evidence, kind, f"{evidence.gradient} is 0 {where}: {what}", "likely",
                         **found)
    message = f"{evidence.gradient} is exactly {c:.6g} times as large as it must be {where}"
    kind = "small_error" if abs(c - 1) < 0.02 else "factor"
    return diagnosis(evidence, kind, message, "likely", **found)


def let_through(evidence):
    """Right but at entries that must be 0, and are not."""
    bad = evidence.bad
    zeros = evidence.usable & (np.abs(evidence.numeric) <= evidence.tolerance)
    right = evidence.usable & ~bad & ~zeros
    if bad.sum() < 2 or right.sum() < FEWEST or (bad & ~zeros).any():
        return None
    message = (
        f"{evidence.gradient} is not 0 at {int(bad.sum())} entries where it must be, and right at "
        "the others: does the mask let too much through?"
    )
    return diagnosis(evidence, "wrong_mask", message, "likely", entries=int(bad.sum()))


def _slab(bad):
    """", 4 to 7 along axis 1," if that is where the wrong entries are, all of them; else ""."""
    for axis in range(bad.ndim):
        rows = np.flatnonzero(bad.any(tuple(k for k in range(bad.ndim) if k != axis)))
        full = bad.sum() == len(rows) * bad.size // bad.shape[axis]
        if full and np.ptp(rows) == len(rows) - 1:
            return f", {rows[0]} to {rows[-1]} along axis {axis},"
    return ""


def blocks(evidence):
    """The parts of a concatenation in another order."""
    if not evidence.whole or not evidence.bad.any():
        return None
    for axis, length in enumerate(evidence.x.shape):
        for many in (2, 3, 4):
            if length % many or length < 2 * many:
                continue
            parts = np.split(evidence.claimed, many, axis)
            for order in list(permutations(range(many)))[1:]:
                if evidence.fits(np.concatenate([parts[k] for k in order], axis)):
                    message = (
                        f"{evidence.gradient} is right with its {many} parts along axis {axis} in "
                        f"another order, {order}: are they stacked as forward has them?"
                    )
                    return diagnosis(evidence, "wrong_order", message, axis=axis,
                                     order=list(order))
    return None


def border(evidence):
    """Right everywhere but in the first or last rows or columns."""
    if not evidence.whole:
        return None
    for axis, length in enumerate(evidence.x.shape):
        rows = evidence.bad.any(tuple(k for k in range(evidence.x.ndim) if k != axis))
        for width in (1, 2):
            for name, places in (("first", range(width)), ("last", range(length - width, length))):
                least = ROWS if axis == 0 < evidence.x.ndim - 1 else width + 3
                if length < least or set(np.flatnonzero(rows)) != set(places):
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
    """0 exactly where it should not be, or let through where another array is positive."""
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
    """dout times a number where x > 0 and something else elsewhere, with the two swapped."""
    if not evidence.alike():
        return None
    _, v = evidence.alike()
    mine, right = evidence.claimed / v, evidence.numeric / v
    for name, condition in _conditions(evidence):
        at, rest = condition & evidence.usable, ~condition & evidence.usable
        if min(at.sum(), rest.sum()) < 2:
            continue
        here = np.median(right[at])
        if not (evidence.fits(here * v, at) and evidence.explains(here * v, rest)):
            continue
        if not evidence.same(evidence.claimed, evidence.numeric, at):
            message = (
                f"{evidence.gradient} is {np.median(mine[rest]):.4g} * dout except where {name}, "
                "where it must be so; it must be the other way round"
            )
            return diagnosis(evidence, "wrong_mask", message, mask=name)
    return None


def threshold(evidence):
    """Wrong exactly where the argument is between two numbers, right below and above."""
    x, bad = evidence.x.ravel(), evidence.bad.ravel()
    if not evidence.whole or bad.sum() < 2:
        return None
    order = np.argsort(x)
    places = np.flatnonzero(bad[order])
    inside = places[0] > 0 and places[-1] < x.size - 1      # right on both sides
    if np.ptp(places) != len(places) - 1 or not inside:
        return None
    if (x.size - len(places) - 1) / math.comb(x.size, len(places)) > CHANCE:
        return None
    low, high = x[order[places[0] - 1]], x[order[places[-1] + 1]]
    message = (
        f"{evidence.gradient} is wrong exactly where {evidence.name} is between {low:.3g} and "
        f"{high:.3g}, and right below and above: compare the thresholds of forward and backward"
    )
    return diagnosis(evidence, "wrong_mask", message, "likely", low=float(low), high=float(high))


def labelled(evidence):
    """Wrong only at the entries that an integer argument picks, one a row, below a softmax.

    Through a log-softmax p = softmax(x) the right gradient is -p t, and t more at the label: t is
    known from the others.
    """
    x, n = evidence.x, evidence.numeric
    if x.ndim != 2 or not evidence.whole or x.shape[1] < 3:
        return None
    p = np.exp(x - x.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    for name, labels in evidence.inputs.items():
        ids = isinstance(labels, np.ndarray) and labels.dtype.kind in "iu"
        if not ids or labels.shape != x.shape[:1] or labels.min() < 0 or labels.max() >= x.shape[1]:
            continue
        at = np.eye(x.shape[1], dtype=bool)[labels]
        if (evidence.bad != at).any():
            continue
        t = -np.where(at, 0, n).sum(1) / (1 - p[at])
        if evidence.fits((at - p) * t[:, None]):
            return _labelled(evidence, name, at, t, -p[at] * t)
    return None


def _labelled(evidence, name, at, t, rest):
    """What the claim has at the labels, where `rest` + t is right."""
    where = f"{evidence.gradient} is wrong only at the entries that {name} picks: there"
    for kind, value, what in (
        ("overwrites", t, "it has the new term alone: = where += is needed"),
        ("overwrites", -t, "it has the new term alone, with the other sign: = where -= is needed"),
        ("double_count", rest + 2 * t, "the term is added twice"),
        ("missing_term", rest, "a term is missing"),
        ("sign", rest - t, "a term has the wrong sign"),
    ):
        guess = np.where(at, value[:, None], evidence.numeric)
        if evidence.explains(guess):
            return diagnosis(evidence, kind, f"{where} {what}", labels=name)
    return None


def _conditions(evidence):
    """(what a student would write, where it holds) of masks that backwards are written with."""
    arrays = {evidence.name: evidence.x}
    if evidence.alike():
        arrays["the output"], arrays["dout"] = evidence.alike()
    for name, z in arrays.items():
        yield f"{name} > 0", z > 0
        yield f"{name} < 0", z < 0
