"""What is probably wrong with a gradient: experiments in order, the first that holds is said.

Idea: a diagnosis is a result, not a guess. Every experiment states a relation ("4 times too small",
"right when transposed", "all wrong entries are in the last row") and looks whether it holds between
the claimed gradient and the numeric one, at every entry and to the numeric error. Where none holds,
nothing is said: a wrong hint costs a student more than none.

The order is from the strictest relation to the loosest, for a gradient that is everywhere 0.5 of
the right one is also "right where it is 0".
Read next: evidence.py, patterns.py (the whole gradient), patterns_where.py (where it is wrong),
patterns_terms.py, patterns_sums.py and patterns_layers.py (its formula), patterns_upstream.py and
patterns_inputs.py (dout, or an argument, that was read otherwise).
"""

import time
from collections import Counter

import numpy as np

from minigen.gradcheck import (
    patterns,
    patterns_inputs,
    patterns_layers,
    patterns_sums,
    patterns_terms,
    patterns_upstream,
    patterns_where,
)
from minigen.gradcheck.child.session import StudentError
from minigen.gradcheck.evidence import gather, roughness
from minigen.gradcheck.report import Diagnosis

SECONDS = 0.6           # for the differences of a pair
FEWEST = 4              # entries of a larger argument that have to be known
# an experiment that cannot be made says nothing
CANNOT = (ArithmeticError, ValueError, MemoryError, np.linalg.LinAlgError)
EXPERIMENTS = (
    patterns_where.untouched,
    patterns.rounded,
    patterns.multiple,
    patterns_terms.matrix_product,
    patterns.transposed,
    patterns.flipped,
    patterns.constant,
    patterns_terms.elementwise,
    patterns_terms.summed,
    patterns_where.repeated,
    patterns_where.overwritten,
    patterns_where.one_of_several,
    patterns_where.masked,
    patterns_where.swapped,
    patterns_where.blocks,
    patterns.multiple_by_array,
    patterns_upstream.read_otherwise,
    patterns_where.labelled,
    patterns_where.threshold,
    patterns_where.partly,
    patterns_where.let_through,
    patterns_terms.lines_of_terms,
    patterns_layers.projected,
    patterns_sums.sums,
    patterns.multiple_by_line,
    patterns_terms.factor_transposed,
    patterns_inputs.at_other_inputs,
    patterns_sums.lacking,
    patterns.shifted,
    patterns.misplaced,
    patterns.noisy,
    patterns.slightly,
    patterns_where.border,
    patterns_where.wrong_side,
    patterns_where.only_dout,
)


def diagnose(subject, examination, reports):
    """([Diagnosis], [Evidence]) of the arguments whose ArgumentReport failed: the surest first, and
    of these what is said of most arguments.

    subject, examination: of the point that failed; runs forward, for SECONDS at most. What the
    homework raises meanwhile ends the diagnosis, not the check.
    """
    failed = [
        (claim, report) for claim, report in zip(examination.claims, reports, strict=True)
        if report.verdict == "fail"
    ]  # fmt: skip
    found, gathered = [], []
    until = time.monotonic() + SECONDS
    with np.errstate(all="ignore"):
        unsteady = roughness(subject, examination)
    rough = dict(zip(map(id, examination.claims), unsteady, strict=True))
    for done, (claim, report) in enumerate(failed):
        seconds = (until - time.monotonic()) / (len(failed) - done)
        try:
            with np.errstate(all="ignore"):
                evidence = gather(subject, examination, claim, report, seconds, rough[id(claim)])
                gathered.append(evidence)
                found += examine(evidence)
        except StudentError:
            break
    times = Counter(one.kind for one in found)
    found.sort(key=lambda one: (one.confidence != "confirmed", -times[one.kind]))
    return found, gathered


def examine(evidence):
    """[Diagnosis]: what the first experiment that holds says of one gradient; [] if none does."""
    if not evidence.bad.any():
        found = patterns.kinks(evidence)
        return [found] if found else []
    if np.count_nonzero(evidence.usable) < max(evidence.looked / 2, min(evidence.x.size, FEWEST)):
        return []
    for experiment in EXPERIMENTS:
        try:
            found = experiment(evidence)
        except CANNOT:
            continue
        if found:
            return [found]
    return []


def of_shape(finding):
    """The Diagnosis of a gradient of the wrong shape that is right once summed; None for others."""
    if ".sum(" not in finding.evidence.get("repair", ""):
        return None
    message, evidence = finding.message, dict(finding.evidence)
    return Diagnosis("missing_broadcast_sum", finding.argument, "confirmed", message, evidence)


def of_start(finding):
    """The Diagnosis of a gradient that is one number everywhere when dout is 0: a sum that did not
    begin with 0. None for others."""
    if "begins" not in finding.evidence:
        return None
    message, evidence = finding.message, dict(finding.evidence)
    return Diagnosis("double_count", finding.argument, "confirmed", message, evidence)
