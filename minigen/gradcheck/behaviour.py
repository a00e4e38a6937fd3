"""How backward behaves: what it overwrites, whether it repeats, whether it follows `dout`.

Idea: the gradients of the first call are kept, and backward is called again: with the same cache,
after a forward on other inputs, with -2 dout, with 0. What must come out is known each time without
any derivative.
Read next: structure.py, which asks these in order.
"""

import numpy as np

from minigen.gradcheck import claims as reading
from minigen.gradcheck.child import trees
from minigen.gradcheck.differences import (
    changes,
    entry,
    first_index,
    largest_change,
    not_finite,
    rounding_size,
    same,
)
from minigen.gradcheck.examination import attempt
from minigen.gradcheck.experiments import Slopes
from minigen.gradcheck.names import is_gradient
from minigen.gradcheck.variations import others

ROUNDING = 1e-9             # a smaller change, relative to the largest entry, is rounding
ADVICE = "what backward needs belongs in the cache, not in a variable that every call shares"


def backward_keeps_what_it_is_given(case):
    """Backward writes to neither the upstream gradient nor inputs, outputs or cache."""
    before, after = case.before, case.subject.look(case.first)
    for path, index, _ in changes(case.found.upstream, after["upstream"]):
        label = trees.label(("dout", *path))
        said = f"backward overwrites {entry(label, index)}{case.line(True)}: work on a copy, "
        case.stop("mutates_input", "fail", f"{said}{label}.copy()", label, index=index)
    given = [
        (case.label(path), index, array)
        for path, index, array in changes(before["inputs"], after["inputs"])
        if not is_gradient(case.label(path)) and not case.is_state(path)
    ]
    given += [(output(p), *rest) for p, *rest in changes(before["outputs"], after["outputs"])]
    for (label,), index, array in changes(before["cache"], after["cache"]):
        # room for results: if it was more than that, a second call will tell
        if is_gradient(label) or (array == array.flat[0]).all():
            continue
        names = [name for name, _, other in given if same(array, other)]
        also = f", which is {names[0]}" if names else ""
        said = f"backward overwrites {entry(label, index)}{also}{case.line(True)}: a second call "
        said += "would start from other values; work on a copy"
        case.stop("mutates_cache", "fail", said, names[0] if names else None, index=index)
    for label, index, _ in given:
        said = f"backward overwrites {entry(label, index)}{case.line(True)}: work on a copy, "
        case.stop("mutates_input", "fail", f"{said}{label}.copy()", label, index=index)
    case.say("mutates_cache", "pass", "backward overwrites nothing that it was given")


def backward_repeats(case):
    """A second call with the same cache gives the same gradients."""
    again, error = attempt(lambda: case.subject.backward(case.first, case.found.upstream)[0])
    if error:
        case.once = True
        said = f"backward works only once after each forward ({error.message})"
        case.say("nondeterministic", "remark", said)
        return
    change, where = _change(case, again)
    if _differs(change):
        now = case.subject.look(case.first)["cache"]
        overwritten = [label for (label,), *_ in changes(case.before["cache"], now)]
        if overwritten:
            said = f"backward overwrites {overwritten[0]}{case.line(True)}: a second call gives "
            said += f"another {where}; start from new arrays in each call"
            case.stop("mutates_cache", "fail", said, change=change.size)
        said = f"a second backward with the same cache gives another {where}: does it draw "
        said += "random numbers, or keep something from call to call?"
        case.stop("nondeterministic", "fail", said, change=change.size)
    said = "a second backward gives the same" + (" but for rounding" if change.size else "")
    case.say("nondeterministic", "remark" if change.size > 1e-12 else "pass", said)


def runs_are_apart(case):
    """A forward on other inputs in between changes nothing: no shared state."""
    subject = case.subject
    for inputs in others(subject.inputs):
        _, error = attempt(lambda given=inputs: case.run(given))
        if not error:               # else outside the domain, perhaps
            break
    else:
        case.found.notes.append("not checked: whether a forward on other inputs changes anything")
        return
    if changes(case.second_outputs, subject.look(case.second)["outputs"]):
        said = "forward returns an array that its next call overwrites: return a new one each time"
        case.stop("stale_cache", "fail", said)
    gradients, error = attempt(lambda: subject.backward(case.second, case.found.upstream)[0])
    said = "after a forward on other inputs, the backward of the first one "
    if error:
        case.stop("stale_cache", "fail", f"{said}fails ({error.message}): {ADVICE}")
    change, where = _change(case, gradients)
    if _differs(change):
        said += f"gives another {where}: {ADVICE}"
        case.stop("stale_cache", "fail", said, change=change.size)
    case.say("stale_cache", "pass", "a forward on other inputs in between changes nothing")


def _change(case, gradients):
    """The change since the first call, and the gradient and entry where it is largest."""
    change = largest_change(case.gradients, gradients, _least(case))
    names = [c.label for c in case.found.claims if change.path[: len(c.place)] == c.place]
    return change, entry(names[0] if names else "gradient", change.index)


def _differs(change):
    return change.size > max(ROUNDING, 64 * change.eps)


def _least(case):
    return rounding_size([*case.weights, *(claim.gradient for claim in case.found.claims)])


# Following the upstream gradient ----------------------------------------------------------------


def linear_in_upstream(case):
    """backward(-2 dout) = -2 backward(dout), and backward(0) = 0."""
    scaled = _gradients_for(case, -2)
    nothing = _gradients_for(case, 0) if scaled is not None else None
    if nothing is None:
        return
    claims = case.found.claims
    ignoring = [
        claim
        for claim, g in zip(claims, scaled, strict=True)
        if claim.gradient.any() and np.isfinite(claim.gradient).all() and same(claim.gradient, g)
    ]
    if ignoring:
        names = " and ".join(claim.label for claim in ignoring)
        said = f"{names} {'does' if len(ignoring) == 1 else 'do'} not change when dout changes: "
        said += "multiply by dout (the chain rule)"
        case.stop("ignores_upstream", "fail", said, ignoring[0].leaf.label)
    for claim, twice, none in zip(claims, scaled, nothing, strict=True):
        _is_linear(case, claim, twice, none)
    case.say("ignores_upstream", "pass", "the gradients are linear in dout")


def _gradients_for(case, factor):
    """The claimed gradients for `factor` times the upstream gradient; None if there are none."""

    def scaled(path, v):
        if isinstance(v, (np.ndarray, np.generic)):
            return (v * v.dtype.type(factor)).astype(v.dtype)
        return None if v is None else v * factor

    upstream = trees.rebuilt(case.found.upstream, scaled)
    run = case.run() if case.once else case.second
    gradients, error = attempt(lambda: case.subject.backward(run, upstream)[0])
    if not error:
        try:
            return reading.read(case.found.claims, gradients)
        except (LookupError, TypeError, ValueError) as misread:
            error = misread
    said = f"not checked: whether the gradients follow dout; backward fails for {factor} * dout"
    case.found.notes.append(f"{said} ({error})")
    return None


def _is_linear(case, claim, twice, none):
    g, label = claim.gradient.astype(np.float64), claim.label
    if twice.shape != g.shape or none.shape != g.shape:
        said = f"{label} changes its shape with the values of dout"
        case.stop("ignores_upstream", "fail", said, claim.leaf.label)
    finite = np.isfinite(g) & np.isfinite(twice) & np.isfinite(none)
    eps = np.finfo(claim.gradient.dtype).eps if claim.gradient.dtype.kind == "f" else 0.0
    tolerance = max(ROUNDING, 256 * eps) * np.abs(g[finite]).max(initial=_least(case))
    with np.errstate(all="ignore"):
        rest = np.where(finite, np.abs(none), 0.0)
        bend = np.where(finite, np.abs(twice + 2 * g), 0.0)
    for gap, what in (
        (rest, "is not 0 when dout is 0: some term of it lacks dout"),
        (bend, "is not linear in dout: for -2 dout it is not -2 times as large"),
    ):
        if (gap > tolerance).any():
            begins = float(none.flat[0])
            if gap is rest and none.size > 1 and begins == round(begins) and (none == begins).all():
                said = f"{label} is {begins:g} everywhere when dout is 0: was the sum begun with "
                said += "ones where it must be zeros, or does some term lack dout?"
                evidence = {"begins": begins}
                case.stop("ignores_upstream", "fail", said, claim.leaf.label, **evidence)
            index = first_index(gap == gap.max())
            said = f"{entry(label, index)} {what}"
            case.stop("ignores_upstream", "fail", said, claim.leaf.label, index=index)


# Edges and memory -------------------------------------------------------------------------------


def gradients_are_finite(case):
    """NaN or infinity only where the numeric derivative is none either."""
    slopes = Slopes(case.subject, case.weights, case.seed)
    found = False
    for claim in case.found.claims:
        leaf, label = claim.leaf, claim.leaf.label
        for index in not_finite(claim.gradient, most=3):
            found = True
            where = value_at(leaf, index)
            said = f"{entry(claim.label, index)} is {claim.gradient[tuple(index)]} where {where}"
            numeric = _finite_slope(case, claim, slopes.at_entry(leaf, index))
            if numeric:
                said += f"; the numeric derivative there is {numeric}"
                case.stop("nan_at_edge", "fail", said, label, index=index, input=where)
            said += ", and no finite numeric derivative was found there either"
            case.say("nan_at_edge", "undecided", said, label, index=index, input=where)
    if not found:
        case.say("nan_at_edge", "pass", "every gradient is finite")


def _finite_slope(case, claim, slope):
    """A slope in words; "" if it may be infinite for all that is known."""
    if slope is None:
        return ""
    finite = np.abs(claim.gradient[np.isfinite(claim.gradient)]).max(initial=0.0)
    typical = 1e-6 * max(np.abs(v).max(initial=0.0) for v in case.weights)
    scale = max(finite, abs(slope.low), abs(slope.high), typical)
    if slope.kind == "jump" or not slope.tolerance <= max(scale / 2, slope.resolution):
        return ""
    if slope.kind == "kink":
        return f"anything from {slope.low:.6g} to {slope.high:.6g}"
    return f"{slope.value:.6g}"


def memory_is_apart(case):
    """Gradients that are one memory with dout, or with each other: worth knowing, not wrong."""
    names = {trees.label(("gradient", *c.place)): c.label for c in case.found.claims}
    shared = dict.fromkeys(names.get(label, label) for pair in case.shares for label in pair)
    if shared:
        *first, last = shared
        said = f"{', '.join(first)} and {last} share memory: whoever changes one in place changes "
        case.say("mutates_input", "remark", f"{said}the other")


def output(path):
    """A part of what forward returned, as a student would write it."""
    return trees.label(("out", *path))


def value_at(leaf, index):
    """The value of a leaf at an index, if it has such an entry: x[0, 1] = 0.0"""
    x = np.asarray(leaf.value)
    if len(index) == x.ndim and all(i < n for i, n in zip(index, x.shape, strict=True)):
        return f"{entry(leaf.label, index)} = {x[tuple(index)]}"
    return f"{leaf.label} has shape {x.shape}"
