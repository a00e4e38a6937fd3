"""Does a backward behave like one? What can be asked before any value is compared.

Idea: shape, dtype, who overwrites what, whether a second call gives the same, whether the result
follows the upstream gradient: such questions have exact answers, cost a few calls, and explain most
beginners' mistakes in one sentence. They come in one order, and the first that fails ends the check
of the pair, for what comes after it would only show the same mistake again.

    found = examine(subject, wrt=None, seed=0)                      -> Examination
    misplaced(subject, found.claims, found.upstream, seed=0)        -> Finding (wrong_order) or None

Read next: claims.py (what belongs to what), behaviour.py (what backward does when called again),
experiments.py (what would be right).
"""

import numpy as np

from minigen.gradcheck import claims as reading
from minigen.gradcheck.behaviour import (
    backward_keeps_what_it_is_given,
    backward_repeats,
    gradients_are_finite,
    linear_in_upstream,
    memory_is_apart,
    output,
    runs_are_apart,
    value_at,
)
from minigen.gradcheck.child import trees
from minigen.gradcheck.differences import changes, entry, largest_change, not_finite, rounding_size
from minigen.gradcheck.examination import Case, Stop, attempt
from minigen.gradcheck.experiments import Slopes, explain_order, explain_shape
from minigen.gradcheck.names import always
from minigen.gradcheck.nesting import as_array, kind
from minigen.gradcheck.subject import floats_of, like, weights_of

KINDS = (
    "ignores_upstream", "wrong_order", "wrong_shape", "wrong_dtype", "mutates_input",
    "mutates_cache", "stale_cache", "nondeterministic", "nan_at_edge",
)


def examine(subject, wrt=None, seed=0):
    """Every structure check of one pair at one point: an Examination.

    subject: a Subject; wrt: names of the arguments that have a gradient, if known; seed: of the
    upstream gradient. A StudentError of the first forward or backward is the caller's.
    """
    case = Case(subject, wrt, seed)
    try:
        for check in CHECKS:
            check(case)
    except Stop:
        case.found.stopped = True
    for run in case.runs:
        subject.forget(run)
    return case.found


def misplaced(subject, claims, upstream, seed=0):
    """After a failed comparison: is it the order? A failed Finding (wrong_order), or None."""
    weights = weights_of(subject.run().outputs, upstream)
    return explain_order(Slopes(subject, weights, seed), claims)


# Forward ----------------------------------------------------------------------------------------


def forward_is_finite(case):
    """Forward returns finite numbers."""
    case.first = case.run()
    case.found.outputs = outputs = trees.fresh(case.first.outputs)
    case.before = trees.fresh(case.subject.look(case.first))
    if outputs is None:
        case.stop("error", "error", "forward returns None: is its `return` missing?")
    if not floats_of(outputs):
        said = "nothing to check: forward returns no floating number"
        case.stop("wrong_dtype", "undecided", said)
    for path, y in trees.leaves(outputs):
        for index in not_finite(y, most=1):
            given = [value_at(leaf, index) for leaf in case.subject.floats()]
            said = f"forward is not finite at these inputs: {entry(output(path), index)} is "
            said += f"{np.asarray(y)[tuple(index)]} ({'; '.join(given)})"
            case.stop("nan_at_edge", "undecided", said, indices=not_finite(y))
    case.found.upstream = case.subject.upstream(outputs, case.seed)
    case.weights = weights_of(outputs, case.found.upstream)


def forward_repeats(case):
    """A second call on the same inputs gives the same outputs."""
    case.second = case.run()
    case.second_outputs = trees.fresh(case.second.outputs)
    around = [leaf.value for leaf in case.subject.floats()] + [*floats_of(case.found.outputs)]
    change = largest_change(case.found.outputs, case.second_outputs, rounding_size(around))
    if change.size > max(1e-9, 64 * change.eps):
        where = entry(output(change.path), change.index)
        said = f"not checkable: forward gives another {where} for the same inputs; pass the mask, "
        said += "the state or a seed as an argument"
        case.stop("nondeterministic", "undecided", said, change=change.size)
    case.say("nondeterministic", "pass", "forward gives the same for the same inputs")


def forward_keeps_its_arguments(case):
    """Forward writes to no array that it was given; a dict of state may be updated."""
    updated = []
    for path, index, _ in changes(case.subject.inputs, case.before["inputs"]):
        label = case.label(path)
        in_dict = isinstance(trees.at(case.subject.inputs, path[:-1]), dict)
        if case.is_state(path) or in_dict:
            updated.append(label)
            continue
        said = f"forward overwrites its argument {entry(label, index)}{case.line(False)}: work on "
        case.stop("mutates_input", "fail", f"{said}a copy, {label}.copy()", label, index=index)
    for label in updated:
        said = f"forward updates {label} in place, as running statistics are"
        case.say("mutates_input", "remark", said, label)
    case.say("mutates_input", "pass", "forward leaves its arguments as they are")


# Count, shape, dtype ----------------------------------------------------------------------------


def gradients_belong_to_arguments(case):
    """As many gradients as arguments that have one, each of them an array."""
    gradients, case.shares = case.subject.backward(case.first, case.found.upstream)
    case.gradients = trees.fresh(gradients)
    outputs = trees.leaves(case.found.outputs)
    loss = len(outputs) == 1 and np.size(outputs[0][1]) == 1
    match = reading.match(
        case.subject, case.gradients, case.wrt, loss, lambda leaf: _depends(case, leaf) is not False
    )
    found = case.found
    found.findings += match.findings
    found.unclaimed, found.notes = match.unclaimed, [*found.notes, *match.notes]
    found.claims = [claim for claim in match.claims if claim.returned is not None]
    for claim in match.claims:
        if claim.returned is None:
            _none_returned(case, claim, found.claims)
    if any(f.verdict == "fail" for f in match.findings):
        raise Stop
    if not found.claims:
        if not match.findings:
            said = "nothing to check: backward returns no gradient of a floating array"
            case.say("wrong_shape", "undecided", said)
        raise Stop
    for claim in [*found.claims, *(c for claims in match.others for c in claims)]:
        _as_array(case, claim)
    _settle(case, match.others)


def _as_array(case, claim):
    """Make the claimed gradient an array; what is no number ends the examination."""
    returned, label = claim.returned, claim.label
    claim.gradient = as_array(returned)
    if claim.gradient is None:
        what = "an array of objects" if isinstance(returned, np.ndarray) else kind(returned)
        said = f"{label} is {what}: return an array of numbers"
        case.stop("wrong_dtype", "fail", said, claim.leaf.label)
    if isinstance(returned, (list, tuple)):
        said = f"{label} is {kind(returned)} numbers: return an array"
        case.say("wrong_dtype", "remark", said, claim.leaf.label)


def _none_returned(case, claim, others):
    """None says that there is no gradient, and is taken at its word, except where WRT names the
    argument; undecided if it has one in every course and the output depends on it."""
    leaf, subject = claim.leaf, case.subject
    if leaf.label in case.wrt or case.label(leaf.path[:1]) in case.wrt:
        said = f"{claim.label} is None, but WRT names {leaf.label}: return its gradient"
        case.stop("wrong_shape", "fail", said, leaf.label)
    depends = _depends(case, leaf)
    name = str(leaf.path[-1]) if len(leaf.path) > 1 else leaf.label
    if depends and always(name, first=leaf.path == (0,)):
        said = f"{claim.label} is None, but the output depends on {leaf.label}: return its gradient"
        if others:
            said += f", or say that it has none with WRT = {reading.wrt_of(subject, others)}"
        case.say("wrong_shape", "undecided", said, leaf.label, missing=[leaf.label])
    said = f"not checked: {leaf.label}, for which backward returns None"
    said += "" if depends else "; the output does not depend on it"
    case.found.unclaimed.append((leaf, said))


def _depends(case, leaf):
    """Whether the output changes with the leaf; None if forward takes no other value of it."""
    x = np.asarray(leaf.value)
    moved = np.asarray(x * (1 + 2.0**-10) + 2.0**-10 * (x == 0), dtype=x.dtype)
    changed = case.subject.replaced([leaf], [like(leaf.value, moved)])
    run, _ = attempt(lambda: case.run(changed))
    case.run()          # what a homework keeps in a variable is of these inputs again
    return run and largest_change(case.found.outputs, run.outputs).size > 0


def _settle(case, others):
    """If the gradients may belong to several lists of arguments: the list whose values fit."""
    slopes = Slopes(case.subject, case.weights, case.seed)
    for claims in [case.found.claims, *others] if others else ():
        if all(slopes.fits(claim.leaf, claim.gradient) for claim in claims):
            case.found.claims = claims
            case.found.unclaimed = reading.left_out(case.subject, claims)
            return


def shapes_are_equal(case):
    """Every gradient has its argument's shape, exactly: broadcasting would hide mistakes."""
    wrong = [c for c in case.found.claims if c.gradient.shape != np.shape(c.leaf.value)]
    if not wrong:
        case.say("wrong_shape", "pass", "every gradient has the shape of its argument")
        return
    slopes = Slopes(case.subject, case.weights, case.seed)
    order = explain_order(slopes, case.found.claims)
    if order:
        case.found.findings.append(order)
        raise Stop
    for claim in wrong:
        shape, right = claim.gradient.shape, np.shape(claim.leaf.value)
        said = f"{claim.label} has shape {shape}, {claim.leaf.label} has {right}"
        better = explain_shape(slopes, claim)
        evidence = {"shape": list(shape), "expected": list(right)}
        if better:
            said, evidence["repair"] = f"{said}: {better}", better
        case.say("wrong_shape", "fail", said, claim.leaf.label, **evidence)
    raise Stop


def dtypes_are_kept(case):
    """Every gradient has the dtype of its argument, or of the upstream gradient."""
    upstream = {str(v.dtype.newbyteorder("=")) for v in case.weights}
    for claim in case.found.claims:
        value, returned = claim.leaf.value, claim.returned
        if not all(isinstance(x, (np.ndarray, np.generic)) for x in (value, returned)):
            continue                        # a Python number has no dtype to keep
        dtype, right = (str(x.dtype.newbyteorder("=")) for x in (returned, value))
        if dtype not in {right, *upstream}:
            said = f"{claim.label} is {dtype}, {claim.leaf.label} is {right}"
            said += _advice(returned.dtype)
            evidence = {"dtype": dtype, "expected": right}
            case.stop("wrong_dtype", "fail", said, claim.leaf.label, **evidence)
    case.say("wrong_dtype", "pass", "every gradient has the dtype of its argument")


def _advice(dtype):
    if dtype.kind == "c":
        return ": the gradient of a real function is real"
    if dtype.kind != "f":
        return ": its values are cut to whole numbers; make it with np.zeros_like of the argument"
    return ": np.zeros(shape), a constant array or astype makes it so; np.zeros_like(x) keeps it"


CHECKS = (
    forward_is_finite,
    forward_repeats,
    forward_keeps_its_arguments,
    gradients_belong_to_arguments,
    shapes_are_equal,
    dtypes_are_kept,
    backward_keeps_what_it_is_given,
    backward_repeats,
    runs_are_apart,
    linear_in_upstream,
    gradients_are_finite,
    memory_is_apart,
)
