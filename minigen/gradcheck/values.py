"""Claimed gradients compared with the slopes of the homework's own forward.

Idea: numeric.py does the comparing; here a pair becomes what it asks for: a function of the claimed
arrays alone, an upstream gradient for its floating outputs, a way to have the claims made again at
inputs that differ in their last bits (their rounding noise), and as many entries as there is time
for.
Read next: numeric.py.
"""

import time

import numpy as np

from minigen.gradcheck import claims, numeric
from minigen.gradcheck.child import trees
from minigen.gradcheck.report import ArgumentReport, Entry
from minigen.gradcheck.subject import is_float, like

ONE_BY_ONE = 5000       # an argument with more entries is checked along random directions
SAMPLED = 64            # ... and at this many entries
CALLS = 8               # of forward, for the slope at one entry, about


def compare(subject, examination, *, mode, seconds, seed, strict):
    """One ArgumentReport for every claim of an Examination (structure.py).

    mode: "auto": entry by entry as far as a quarter of `seconds` allows; "fast": along random
    directions; "full": entry by entry whatever it takes.
    """
    found = examination.claims
    f = subject.function([claim.leaf for claim in found])
    arrays = [np.asarray(claim.leaf.value) for claim in found]
    started = time.monotonic()
    f(*arrays)
    call = time.monotonic() - started
    try:
        results = numeric.check(
            f,
            arrays,
            [claim.gradient for claim in found],
            _weights(examination.outputs, examination.upstream),
            seed=seed,
            entries=_entries(arrays, mode, seconds / 4 / (CALLS * call)),
            gradient=_again(subject, examination),
        )
    finally:
        f.forget()
    return [
        _argument(claim, result, strict) for claim, result in zip(found, results, strict=True)
    ]


def _entries(arrays, mode, affordable):
    """How many entries of an argument are looked at one by one; None: all."""
    total = sum(x.size for x in arrays)
    if mode == "full" or (mode == "auto" and total <= min(ONE_BY_ONE, affordable)):
        return None
    return 4 * SAMPLED


def _weights(outputs, upstream):
    """The upstream gradient of the floating outputs, as a tuple of arrays."""
    pairs = zip(trees.leaves(outputs), trees.leaves(upstream), strict=True)
    return tuple(np.asarray(v) for (_, y), (_, v) in pairs if is_float(y))


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
        matched = claims.match(subject, gradients, [leaf.label for leaf in leaves])
        return tuple(np.asarray(claim.gradient) for claim in matched.claims)

    return gradient


def _argument(claim, result, strict):
    """A Result of the numeric core as an ArgumentReport."""
    return ArgumentReport(
        name=claim.leaf.label,
        shape=result.shape,
        verdict=result.verdict,
        max_rel_error=result.relative_error,
        worst=[_entry(e) for e in result.worst],
        kinks=[list(index) for index in result.kinks],
        checked=result.checked,
    )


def _entry(e):
    slope = e.slope
    kink = slope.kind == "kink"
    return Entry(
        index=e.index if isinstance(e.index, str) else list(e.index),
        yours=e.claimed,
        numeric=slope.value,
        error=slope.error,
        ratio=e.claimed / slope.value if slope.value else float("nan"),
        verdict=e.verdict,
        low=slope.low if kink else None,
        high=slope.high if kink else None,
    )
