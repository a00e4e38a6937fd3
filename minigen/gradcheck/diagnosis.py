"""What is probably wrong with a gradient: experiments in order, the first that holds is said.

Idea: a diagnosis is a result, not a guess. Every experiment states a relation ("4 times too small",
"right when transposed", "all wrong entries are in the last row") and looks whether it holds between
the claimed gradient and the numeric one, at every entry and to the numeric error. Where none holds,
nothing is said: a wrong hint costs a student more than none.

The order is from the strictest relation to the loosest, for a gradient that is everywhere 0.5 of
the right one is also "right where it is 0".
Read next: evidence.py, then patterns.py, patterns_where.py, patterns_terms.py, patterns_sums.py.
"""

import time

import numpy as np

from minigen.gradcheck import patterns, patterns_sums, patterns_terms, patterns_where
from minigen.gradcheck.child.session import StudentError
from minigen.gradcheck.evidence import gather
from minigen.gradcheck.report import Diagnosis

SECONDS = 0.6           # for the differences of a pair
FEWEST = 4              # entries of a larger argument that have to be known
CANNOT = (np.linalg.LinAlgError, MemoryError)   # an experiment that cannot be made says nothing
EXPERIMENTS = (
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
    patterns.multiple_by_array,
    patterns_where.twice,
    patterns_terms.lines_of_terms,
    patterns_sums.sums,
    patterns.shifted,
    patterns.noisy,
    patterns.slightly,
    patterns_where.border,
    patterns_where.wrong_side,
)


def diagnose(subject, examination, reports):
    """([Diagnosis], the surest first, [Evidence]) of the arguments whose ArgumentReport failed.

    subject, examination: of the point that failed; runs forward, for SECONDS at most. What the
    homework raises meanwhile ends the diagnosis, not the check.
    """
    failed = [
        (claim, report) for claim, report in zip(examination.claims, reports, strict=True)
        if report.verdict == "fail"
    ]  # fmt: skip
    found, gathered = [], []
    until = time.monotonic() + SECONDS
    for done, (claim, report) in enumerate(failed):
        seconds = (until - time.monotonic()) / (len(failed) - done)
        try:
            with np.errstate(all="ignore"):
                gathered.append(gather(subject, examination, claim, report, seconds))
                found += examine(gathered[-1])
        except StudentError:
            break
    return sorted(found, key=lambda one: one.confidence != "confirmed"), gathered


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
