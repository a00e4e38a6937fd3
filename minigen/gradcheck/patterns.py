"""Experiments on a whole gradient: a multiple, a rounding, a rearrangement of the right one.

Idea: a common slip leaves a simple relation between the claimed gradient a and the numeric one n:
a = c n, a = n transposed, a = n moved by one. Each function here tries one relation.

Invariant: an experiment takes an Evidence and returns a Diagnosis or None. "confirmed" means that
the relation holds at every usable entry, to the numeric error; what does not hold is not said.
Read next: diagnosis.py (their order), patterns_where.py, patterns_terms.py.
"""

import math
from itertools import combinations, permutations
from numbers import Real

import numpy as np

from minigen.gradcheck.evidence import floats_among
from minigen.gradcheck.report import Diagnosis

FEW = 3                 # entries that a relation with one free number needs at least
SMALL = 0.02            # a factor nearer to 1 than this is no missing factor


def diagnosis(evidence, kind, message, confidence="confirmed", **found):
    """A Diagnosis of this gradient; found: numbers that support it."""
    return Diagnosis(kind, evidence.name, confidence, message, found)


def listed(axes):
    """How a sentence says which axes: "axis 1", "axes 0 and 2", "axes 0, 2 and 3"."""
    *others, last = map(str, axes)
    return f"axes {', '.join(others)} and {last}" if others else f"axis {last}"


def kinks(evidence):
    """Right wherever forward is smooth, wrong at kinks alone: no subgradient."""
    wrong = [e for e in evidence.report.worst if e.verdict == "fail"]
    if evidence.bad.any() or not wrong or any(e.low is None for e in wrong):
        return None
    if not evidence.same(evidence.claimed, evidence.numeric):
        return None
    first = wrong[0]
    message = (
        f"{evidence.gradient} is right where forward is smooth, but {first.index} sits on a kink: "
        f"every value from {first.low:.4g} to {first.high:.4g} is a valid choice, "
        f"{first.yours:.4g} is not"
    )
    return diagnosis(evidence, "kink_outside_subgradient", message, entries=len(wrong))


def multiple(evidence):
    """a = c n with one c for all entries: a sign, a factor, or an eps."""
    a, n = evidence.claimed[evidence.usable], evidence.numeric[evidence.usable]
    if not a.any() or not n.any():
        return None
    c = float(a @ n) / float(a @ a)             # n = c a
    if not evidence.fits(c * evidence.claimed):
        return None
    exact = 1e-6 * abs(c)
    large = np.abs(n) > 1e-3 * evidence.scale
    if abs(c + 1) < exact:
        return diagnosis(evidence, "sign", f"{evidence.gradient} has the wrong sign, everywhere",
                         factor=-1.0)
    if np.count_nonzero(large) < min(FEW, evidence.x.size):
        return None
    if abs(c - 1) < SMALL:
        message = (
            f"{evidence.gradient} is off by the same small factor everywhere, {1 / c:.7g}: compare "
            "eps and rounded constants in forward and backward"
        )
        return diagnosis(evidence, "small_error", message, factor=1 / c)
    return _factor(evidence, c)


def _factor(evidence, c):
    size = abs(c) if abs(c) > 1 else 1 / abs(c)
    way = "small" if abs(c) > 1 else "large"
    also = " and has the wrong sign" if c < 0 else ""
    if abs(c - 0.5) < 1e-6 and _gathers(evidence):
        message = (
            f"{evidence.gradient} is exactly 2 times too large, and its entries are sums: is "
            "something added twice, or is there a factor 2 too many?"
        )
        return diagnosis(evidence, "double_count", message, "likely", factor=1 / c)
    meaning = _meaning(evidence, size)
    if abs(size - 2) < 1e-6 * size:
        two = "does a square bring a 2?" if abs(c) > 1 else "is there a 2 too many?"
        meaning = f"{meaning}; or {two}" if meaning else two
    message = f"{evidence.gradient} is exactly {size:.6g} times too {way}{also}"
    if not meaning:
        odd = abs(size - round(size)) > 1e-6 * size
        if odd and evidence.x.size < FEW:
            return None                 # one number is always a multiple of another
        if odd or evidence.x.size < FEW:
            return diagnosis(evidence, "factor", message.replace("exactly ", ""), "likely",
                             factor=1 / c)
        return diagnosis(evidence, "factor", message, factor=1 / c)
    sure = "likely" if abs(c - 0.5) < 1e-6 else "confirmed"     # it may be a double count
    return diagnosis(evidence, "factor", f"{message}; {meaning}", sure, factor=1 / c)


def _gathers(evidence):
    """Whether an entry gets contributions from several outputs, which are added somewhere."""
    if evidence.parts is None:
        return False
    return (np.abs(evidence.parts) > 1e-9 * evidence.scale).sum(1).max() > 1


def _meaning(evidence, size):
    """What a factor may be: "4 is the batch size: is the loss a mean?"; "" if nothing is found."""
    for value, name in _numbers(evidence):
        for power, form in ((1, "{}"), (0.5, "the square root of {}"), (2, "the square of {}")):
            if value > 0 and abs(value**power - size) < 1e-6 * size:
                return f"{size:.6g} is {form.format(name)}"
    return ""


def _numbers(evidence):
    """(number, what it is) that a factor is compared with."""
    lengths = {}
    for name, value in (
        (evidence.name, evidence.x), *evidence.inputs.items(),
        *(("the output", y) for y in evidence.outputs),
    ):
        if isinstance(value, np.ndarray) and value.ndim and value.dtype.kind in "fiu":
            for axis, length in enumerate(value.shape):
                mean = ": is the loss a mean?" if axis == 0 else ""
                lengths.setdefault(length, f"the length of axis {axis} of {name}{mean}")
            lengths.setdefault(value.size, f"the number of entries of {name}: is it a mean?")
    named = [(n, name) for n, name in lengths.items() if n > 1]
    numbers = [
        (1 / abs(value) if 0 < abs(value) < 1 else abs(value), f"{name}, or 1 over it")
        for name, value in evidence.inputs.items()
        if isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    ]
    products = [
        (m * n, f"{m} x {n}, lengths of axes: is it a mean?")
        for m, n in combinations(sorted(lengths), 2) if m > 1
    ]  # fmt: skip
    return [*numbers, *named, *products]


def multiple_by_array(evidence):
    """a / n is a power of an array among the arguments, such as gamma, entry by entry."""
    large = evidence.usable & (np.abs(evidence.numeric) > 1e-3 * evidence.scale)
    if np.count_nonzero(large) < 2 * FEW:
        return None
    for name, z in _known(evidence):
        for power in (1, -1, 2, -2):
            guess = z**power
            uneven = np.isfinite(guess).all() and np.ptp(guess) > 1e-3 * np.abs(guess).max()
            if uneven and evidence.explains(evidence.numeric * guess):
                form = name if abs(power) == 1 else f"{name}**2"
                way = "multiplied by" if power > 0 else "divided by"
                message = f"{evidence.gradient} is the right one {way} {form}: once too often, " + (
                    "or it must be the other way round" if abs(power) == 2 else
                    f"or a factor {'1 / ' if power > 0 else ''}{name} is missing"
                )
                sure = "likely" if "(" in name else "confirmed"     # exp(x) may be by chance
                return diagnosis(evidence, "factor", message, sure, array=name, power=power)
    return None


def multiple_by_line(evidence):
    """a / n depends on the place along one axis alone: a weight or a count of its own per row."""
    large = evidence.usable & (np.abs(evidence.numeric) > 1e-3 * evidence.scale)
    if not evidence.whole or evidence.x.ndim < 2 or np.count_nonzero(large) < 2 * FEW:
        return None
    ratio = np.where(large, evidence.claimed, 0) / np.where(large, evidence.numeric, 1)
    for axis, length in enumerate(evidence.x.shape):
        others = tuple(k for k in range(evidence.x.ndim) if k != axis)
        many = large.sum(others, keepdims=True)
        c = ratio.sum(others, keepdims=True) / np.maximum(many, 1)
        if length < 2 or many.max() < FEW or not (many > 1)[c != 0].all() or not c.any():
            continue
        if evidence.explains(evidence.numeric * c) and np.ptp(c[many > 0]) > 1e-6:
            shown = ", ".join(f"{z:.4g}" for z in c.ravel()[:4])
            message = (
                f"{evidence.gradient} is the right one times a number that depends on the index "
                f"along axis {axis} alone ({shown}{', ...' if length > 4 else ''}): is a weight, a "
                "count or a scale missing, or there once too often?"
            )
            return diagnosis(evidence, "factor", message, "likely", axis=axis)
    return None


def _known(evidence):
    """(name, array like the argument) of what a factor may be."""
    arrays = floats_among(evidence) | {evidence.name: evidence.x}
    for name, z in arrays.items():
        try:
            z = np.broadcast_to(z, evidence.x.shape)
        except ValueError:
            continue
        for form, made in (
            ("{}", z), ("exp({})", np.exp(z)), ("exp({} / 2)", np.exp(z / 2)),
            ("sqrt({})", np.sqrt(z)), ("sigmoid({})", 1 / (1 + np.exp(-z))),
        ):  # fmt: skip
            yield form.format(name), made


def rounded(evidence):
    """The claims are float32 or float16 numbers, though the arguments are float64."""
    a = evidence.claimed[evidence.usable]
    mantissa = np.frexp(a)[0] * 64
    if not a.any() or (mantissa == np.round(mantissa)).all():
        return None                     # a constant such as 0.5 is a float16 number, too
    relative = np.abs(evidence.claimed - evidence.numeric)[evidence.usable].max() / evidence.scale
    for dtype in (np.float16, np.float32):
        eps = float(np.finfo(dtype).eps)
        if relative < eps and (a == a.astype(dtype)).all():
            name = np.dtype(dtype).name
            message = (
                f"every entry of {evidence.gradient} is a {name} number: something is cast to "
                f"{name} on the way, and off by up to {relative:.0e} of the largest"
            )
            return diagnosis(evidence, "wrong_precision", message, relative_error=relative)
    return None


def noisy(evidence):
    """Off by a little, now up, now down, or not as smooth as a formula is: rounding inside."""
    a, n = evidence.claimed[evidence.bad], evidence.numeric[evidence.bad]
    relative = (a - n) / evidence.scale
    worst = float(np.abs(relative).max(initial=0.0))
    signs = float(np.mean(relative > 0)) if relative.size else 0.0
    if evidence.bad.mean() < 0.5 or worst > SMALL:
        return None
    mixed = relative.size >= 6 and 0.2 < signs < 0.8
    unsteady = evidence.rough is not None and worst / 64 < evidence.rough < 64 * worst
    own = np.abs(a - n) / np.abs(n)
    for name, eps in (("float32", 2.0**-23), ("float16", 2.0**-10)):
        # without that, what is rounded to float16 looks like a wrong eps
        if (unsteady and worst < 64 * eps) or (
            mixed and name == "float32" and eps / 64 < worst < 4 * eps and np.median(own) < eps
        ):
            how = "unsteadily" if unsteady else "up and down"
            message = (
                f"{evidence.gradient} is off by about {worst:.0e} of its largest entry, {how}, as "
                f"if something inside were rounded to {name}"
            )
            return diagnosis(evidence, "wrong_precision", message, "likely", relative_error=worst)
    return None


def slightly(evidence):
    """Every entry off by less than two hundredths, and most of them the same way."""
    large = evidence.usable & (np.abs(evidence.numeric) > 1e-2 * evidence.scale)
    if np.count_nonzero(large) < FEW:
        return None
    ratio = evidence.claimed[large] / evidence.numeric[large] - 1
    worst = float(np.abs(ratio).max())
    off = np.abs(evidence.claimed - evidence.numeric)[evidence.usable].max() / evidence.scale
    if not 0 < worst < SMALL / 2 or off > SMALL / 2:
        return None
    message = (
        f"{evidence.gradient} is off by at most {worst:.1e} of each entry: compare eps and rounded "
        "constants in forward and backward"
    )
    return diagnosis(evidence, "small_error", message, "likely", relative_error=worst)


def constant(evidence):
    """a - n is one number everywhere: the sum began with it."""
    off = evidence.claimed - evidence.numeric
    c = float(np.median(off[evidence.usable]))
    uneven = np.ptp(evidence.numeric[evidence.usable]) > 1e-3 * evidence.scale
    if abs(c) < 0.01 or abs(c - round(c)) > 1e-6 or not uneven or evidence.x.size < FEW:
        return None
    if not evidence.fits(evidence.claimed - c):
        return None
    message = (
        f"{evidence.gradient} is {c:.6g} too large at every entry: was the sum begun with ones "
        "where it must be zeros?"
    )
    return diagnosis(evidence, "double_count", message, offset=c)


def transposed(evidence):
    """a with two axes the other way round, or read in another order, is n."""
    if not evidence.whole or evidence.x.ndim < 2 or not _varied(evidence):
        return None
    a, shape = evidence.claimed, evidence.x.shape
    for order in list(permutations(range(a.ndim)))[1:] if a.ndim <= 4 else ():
        moved = np.transpose(a, order)
        if evidence.fits(moved):
            message = (
                f"{evidence.gradient} is right with its axes in another order, {order}: a "
                "transpose is missing, or one too many, or two indices are swapped"
            )
            sure = "confirmed" if a.ndim == 2 else "likely"     # it may be a loop's indices
            return diagnosis(evidence, "transpose", message, sure, axes=list(order))
        lengths = tuple(shape[k] for k in order)
        if lengths != shape:
            for guess in (a.reshape(lengths).transpose(np.argsort(order)), moved.reshape(shape)):
                if evidence.fits(guess):
                    message = (
                        f"{evidence.gradient} has the right numbers in the wrong places: a reshape "
                        "stands where a transpose is needed"
                    )
                    return diagnosis(evidence, "transpose", message, axes=list(order))
    return None


def misplaced(evidence):
    """The right numbers, each once, in other places."""
    n = evidence.numeric
    if not evidence.whole or evidence.x.ndim < 2 or n.size < 2 * FEW or not _distinct(evidence):
        return None
    order = np.argsort(n, axis=None)
    sorted_claim = np.empty(n.size)
    sorted_claim[order] = np.sort(evidence.claimed, axis=None)
    if not evidence.fits(sorted_claim.reshape(n.shape)):
        return None
    message = (
        f"{evidence.gradient} has the right numbers in the wrong places: are axes swapped, or is "
        "something reshaped that must be transposed?"
    )
    return diagnosis(evidence, "transpose", message, "likely")


def _distinct(evidence):
    """Whether no two entries of the gradient are nearly the same."""
    gaps = np.diff(np.sort(evidence.numeric, axis=None))
    return gaps.min() > 4 * evidence.tolerance.max()


def flipped(evidence):
    """a backwards along an axis is n."""
    if not evidence.whole or not _varied(evidence):
        return None
    for many in range(1, evidence.x.ndim + 1):
        for axes in combinations(range(evidence.x.ndim), many):
            if evidence.fits(np.flip(evidence.claimed, axes)):
                message = f"{evidence.gradient} is right when read backwards along {listed(axes)}"
                sure = "confirmed" if many == 1 else "likely"       # or one of them for the other
                return diagnosis(evidence, "flip", message, sure, axes=list(axes))
    return None


def shifted(evidence):
    """a moved by one or two along an axis is n where both are."""
    if not evidence.whole or not _varied(evidence):
        return None
    for axis, length in enumerate(evidence.x.shape):
        for step in (1, -1, 2, -2):
            if length - abs(step) < 2:
                continue
            kept = np.zeros(length, dtype=bool)
            kept[max(step, 0) : length + min(step, 0)] = True
            where = np.broadcast_to(
                np.expand_dims(kept, tuple(k for k in range(evidence.x.ndim) if k != axis)),
                evidence.x.shape,
            )
            moved = np.roll(evidence.claimed, step, axis)
            if np.ptp(evidence.numeric[where]) > 0.1 * evidence.scale and evidence.fits(
                moved, where
            ):
                message = (
                    f"{evidence.gradient} is right when moved by {step} along axis {axis}: are "
                    "indices, or the padding cut off, off by one?"
                )
                return diagnosis(evidence, "off_by_one", message, axis=axis, shift=step)
    return None


def _varied(evidence):
    """Whether the gradient is so uneven that a rearrangement can be told from another."""
    n = np.round(evidence.numeric / (evidence.scale or 1.0), 6)
    return len(np.unique(n)) >= min(4, n.size) and evidence.bad.any()
