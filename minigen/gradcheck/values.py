"""Claimed gradients compared with the slopes of the homework's own forward.

Idea: numeric.py does the comparing; here a pair becomes what it asks for: a function of the claimed
arrays alone, an upstream gradient for its floating outputs, a way to have the claims made again at
inputs that differ in their last bits (their rounding noise), and as many entries as there is time
for.

Float32 homework is differenced in float64 if its forward can be: float64 arguments must give
float64 outputs. Its claims stay those that it made in float32.
Read next: numeric.py.
"""

import math
import time

import numpy as np

from minigen.gradcheck import numeric
from minigen.gradcheck.child import trees
from minigen.gradcheck.child.session import StudentError
from minigen.gradcheck.child.trees import is_float, is_float_array
from minigen.gradcheck.claims import read
from minigen.gradcheck.hints import KIND, Note
from minigen.gradcheck.picture_data import STEPS, looked_at, remainders
from minigen.gradcheck.report import ArgumentReport, Entry
from minigen.gradcheck.subject import Subject, like, weights_of

ONE_BY_ONE = 5000       # a pair with more entries is checked along random directions
SAMPLED = 64            # ... and at this many entries of each argument
CALLS = 8               # of forward, for the slope at one entry, about
SHARE = 4               # of the time, that part for going entry by entry
SLIGHTLY = (
    "{} is off by less than a millionth: compare eps and constants in forward and backward; is "
    "something float32 inside?"
)


def compare(
    subject, examination, *, mode="auto", seconds=math.inf, seed=0, strict=True, jumps=False,
    pictures=False,
):
    """One ArgumentReport for every claim of an Examination (structure.py).

    mode: "auto": entry by entry as far as a quarter of `seconds` allows; "fast": along random
    directions; "full": entry by entry whatever it takes. strict: errors below a millionth count.
    jumps: forward may jump, see numeric.check. pictures: keep what they are drawn from.
    """
    found = examination.claims
    deadline = math.inf if mode == "full" else time.monotonic() + seconds
    wide, precision = widened(subject)
    f = wide.function([claim.leaf for claim in found])
    arrays = [np.asarray(trees.at(wide.inputs, claim.leaf.path)) for claim in found]
    weights = weights_of(examination.outputs, examination.upstream)
    started = time.monotonic()
    start = f(*arrays)
    call = time.monotonic() - started
    try:
        results = numeric.check(
            f,
            arrays,
            [claim.gradient for claim in found],
            weights,
            seed=seed,
            entries=_entries(arrays, mode, seconds / SHARE / (CALLS * call)),
            gradient=_again(subject, examination),
            precision=precision,
            deadline=deadline,
            jumps=jumps,
        )
        maps = [looked_at(result) if pictures else None for result in results]
        if pictures and len(STEPS) * call < seconds / SHARE:
            for k, at in enumerate(maps):
                at.taylor = remainders(f, arrays, k, start, weights, at, seed)
    finally:
        f.forget()
        subject.calls += wide.calls if wide is not subject else 0
    return [_argument(*each, strict) for each in zip(found, results, maps, strict=True)]


def widened(subject):
    """The subject with float64 arguments, and the precision of its claims; or itself and None."""
    dtypes = [leaf.value.dtype for leaf in subject.floats()]
    narrow = [dtype for dtype in dtypes if dtype.itemsize < 8]
    if not narrow:
        return subject, None
    inputs = trees.rebuilt(
        subject.inputs, lambda _, x: x.astype(np.float64) if is_float_array(x) else x
    )
    wide = Subject(subject.session, subject.name, subject.arguments, inputs)
    try:
        outputs = wide.function([])()
    except StudentError as error:       # it insists on its dtype
        if error.kind != "error":
            raise
        return subject, None
    if all(y.dtype == np.float64 and np.isfinite(y).all() for y in outputs):
        return wide, min(narrow, key=lambda dtype: dtype.itemsize)
    return subject, None


def _entries(arrays, mode, affordable):
    """How many entries of an argument are looked at one by one; None: all."""
    total = sum(x.size for x in arrays)
    if mode == "full" or (mode == "auto" and total <= min(ONE_BY_ONE, affordable)):
        return None
    return 4 * SAMPLED


def _again(subject, examination):
    """The claims as a function: (*arrays, upstream) -> gradients, for their rounding noise."""
    leaves = [claim.leaf for claim in examination.claims]
    paths = [path for path, y in trees.leaves(examination.outputs) if is_float(y)]

    def gradient(*arguments):
        *arrays, weights = arguments
        values = [like(leaf.value, x) for leaf, x in zip(leaves, arrays, strict=True)]
        new = dict(zip(paths, weights, strict=True))
        upstream = trees.rebuilt(
            examination.upstream, lambda path, v: like(v, new[path]) if path in new else v
        )
        run = subject.run(subject.replaced(leaves, values))
        gradients, _ = subject.backward(run, upstream)
        subject.forget(run)
        return tuple(read(examination.claims, gradients))

    return gradient


def _argument(claim, result, at, strict):
    """A Result of the numeric core as an ArgumentReport; at: its Map, or None."""
    name, verdict = claim.leaf.label, result.verdict
    notes = []
    if result.slight:
        notes.append(Note(SLIGHTLY.format(claim.label), KIND))
        verdict = "fail" if strict else "pass"
    if not math.prod(result.shape):
        notes.append(f"{name} has no entries: nothing to compare")
    if result.skipped:
        notes.append(f"{result.skipped} entries of {name} among kinks were not looked at")
    if result.left:
        notes.append(f"{result.left} entries of {name} were not looked at: time was up")
    return ArgumentReport(
        name=name,
        shape=result.shape,
        verdict=verdict,
        max_rel_error=result.relative_error,
        error_estimate=result.error,
        tolerance=result.tolerance,
        worst=[_entry(e) for e in result.worst],
        kinks=[list(index) for index in result.kinks],
        at_kinks=[_entry(e) for e in result.at_kinks],
        checked=result.checked,
        wrong=result.wrong,
        sampled=result.sampled,
        notes=notes,
        map=at,
    )


def _entry(e):
    slope = e.slope
    kink = slope.kind == "kink"
    return Entry(
        index=e.index if isinstance(e.index, str) else list(e.index),
        yours=e.claimed,
        numeric=slope.value,
        error=slope.error,
        ratio=e.claimed / slope.value if slope.value else math.nan,
        verdict=e.verdict,
        low=slope.low if kink else None,
        high=slope.high if kink else None,
        jump=slope.kind == "jump",
    )
