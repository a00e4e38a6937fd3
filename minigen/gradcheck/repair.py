"""Which one edit of a homework's backward makes its gradients right?

Idea: a process of its own, started for this alone, tries the single edits of what backward runs
(child/repair.py) against the numeric gradients; those that fit come back, the most telling is put
in place there, and the whole check is made again: other seeds, other upstream gradients, structure.
Only an edit with which it passes is said. The homework's file is never written to.

Invariant: the report stands before the search begins; a crash or an answer without sense ends the
search and changes nothing.
Read next: child/repair.py, child/edits.py (what is tried); docs/gradcheck-diagnosis.md.
"""

import re
import time
from dataclasses import dataclass, fields, replace

import numpy as np

from minigen.gradcheck.child import trees
from minigen.gradcheck.child.session import StudentError
from minigen.gradcheck.child.wire import Opaque
from minigen.gradcheck.evidence import gather
from minigen.gradcheck.inputs import SpecError
from minigen.gradcheck.process import Process
from minigen.gradcheck.report import Diagnosis, Fix
from minigen.gradcheck.subject import Subject

SECONDS = 4.5           # in all
SEARCHING = 0.6         # of these, the part for trying edits; the rest is for checking them
AT_ONCE = 0.25          # seconds of one request
DIFFERENCES = 0.6       # seconds, where no evidence was gathered yet
MORE = 400              # edits that are tried once one fits, and as many as before it
FEW = 3                 # characters that are a sign, or another name, and no insertion
MOST = 5                # edits that are checked as a whole
BY_CHANCE = 16          # what a factor made of numbers alone counts as, in added characters
LONGEST = 4000          # characters of a statement that is edited

NAME = re.compile(r"\b[^\W\d]\w*")
WORDS = {   # label of an edit: what is wrong, in words that do not give the edit away
    "sign": "a sign is wrong",
    "factor": "a factor is missing, wrong or there once too often",
    "transpose": "axes are in the wrong order: a transpose is missing, misplaced or one too many",
    "flip": "an array is read backwards where it should not be, or the reverse",
    "missing_broadcast_sum": "a sum over an axis is missing, or one too many",
    "missing_term": "a term is missing, or one too many",
    "input_vs_output": "one variable stands where another is needed: input and output, perhaps",
    "wrong_axis": "an axis is wrong",
    "wrong_mask": "a condition or mask is wrong",
    "wrong_order": "two values are in the wrong order",
    "off_by_one": "a number or index is off by one",
    "boundary": "a bound is wrong: of a slice, or of a comparison",
    "overwrites": "a value is overwritten where it should be added to",
    "double_count": "something is counted twice, or is one contribution too many",
    "small_error": "a constant is slightly off",
    "wrong_precision": "a value is rounded to fewer digits on the way",
    "wrong_variable": "one variable stands where another is needed",
    "power": "an exponent is wrong",
    "function": "a function stands where another is needed, or is missing",
    "extra_term": "a term is there that does not belong",
}
FORMULA = "wrong_formula"       # the kind of those that have no other
NO_KIND = ("wrong_variable", "power", "function", "extra_term")


@dataclass(frozen=True)
class Candidate:
    """An edit that fits, as the child describes it."""

    number: int
    function: str
    label: str
    line: int
    before: str
    after: str
    fits: list

    @property
    def kind(self):
        """Of the diagnosis."""
        return FORMULA if self.label in NO_KIND else self.label

    @property
    def added(self):
        """Characters that it adds to the code."""
        return len(self.after.removeprefix("pass")) - len(self.before)

    @property
    def by_numbers(self):
        """Whether it is a factor that no name stands for: where N is 4, `/ 2` for `* 2` is as right
        as `/ N`, and is no repair."""
        before, after = (sorted(NAME.findall(text)) for text in (self.before, self.after))
        return self.label == "factor" and before == after


def repaired(session, point, said, passes):
    """The Diagnosis list of a pair that failed, with what the search found.

    session: the pair's Process; point: the PointReport that failed; said: [Diagnosis] of the
    experiments; passes(session, seconds): whether the whole check passes in another process.
    """
    subject, deadline = point.subject, time.monotonic() + SECONDS
    if session.path.suffix != ".py":        # a notebook's lines are those of no file
        return said
    if any(isinstance(leaf, Opaque) for _, leaf in trees.leaves(subject.inputs)):
        return said
    try:
        with Process(session.path, session.memory, SECONDS) as other, other.within(SECONDS):
            for name, options in session.configured.items():
                other.configure(name, options)
            found = _search(other, point, targets_of(point), deadline, passes)
            return joined(found, said) if found else said
    except (StudentError, SpecError, RuntimeError):
        return said     # an edit crashed, or there is no second process: the report stands


def targets_of(point):
    """What right gradients have to meet, a dict for each claim; see Repair in child/repair.py.

    Where the claim is wrong, the numeric gradient; where it is right, the claim itself. [] where
    there is too little to compare with.
    """
    examination = point.examination
    gathered = {evidence.name: evidence for evidence in point.evidence}
    verdicts = {report.name: report.verdict for report in point.arguments}
    targets = []
    for claim in examination.claims:
        label = claim.leaf.label
        verdict = verdicts.get(label, "fail")
        if verdict == "fail" and label not in gathered:
            blank = replace(claim, gradient=np.zeros_like(claim.leaf.value))
            seconds = DIFFERENCES / len(examination.claims)
            gathered[label] = gather(point.subject, examination, blank, None, seconds)
        if verdict == "pass":
            value = np.asarray(claim.gradient)
            eps = np.finfo(value.dtype).eps if value.dtype.kind == "f" else 0
            scale = np.abs(value).max(initial=0.0)
            tolerance = np.full(value.size, (1e-9 + 64 * eps) * scale)
            index = np.arange(value.size)
        elif verdict == "fail":
            evidence = gathered[label]
            value, index = evidence.numeric, np.flatnonzero(evidence.usable)
            tolerance = evidence.tolerance.ravel()[index]
        else:
            continue
        targets.append({
            "place": list(claim.place), "shape": list(np.shape(claim.leaf.value)), "index": index,
            "value": value.ravel()[index].astype(float), "tolerance": tolerance,
        })  # fmt: skip
    return [target for target in targets if target["index"].size]


def _search(session, point, targets, deadline, passes):
    """The first Candidate with which the whole check passes; None if there is none in time."""
    subject = point.subject
    run = Subject(session, subject.name, subject.arguments, subject.inputs).run()
    session.repair(run.number, point.examination.upstream, targets)
    until, checks = deadline - (1 - SEARCHING) * SECONDS, MOST
    found, done, enough = [], not targets, 0
    while not done and checks:
        new, tried, done = understood(session.search(AT_ONCE), len(targets))
        done = done or time.monotonic() > until
        if new and not found:       # there may be a more telling one
            enough = 2 * tried + MORE
        found += new
        if found and (done or tried > enough):
            for candidate in ranked(found)[:checks]:
                left = deadline - time.monotonic()
                if left < 0:
                    return None
                session.adopt(candidate.number)
                checks -= 1
                if passes(session, left):
                    return candidate
            session.adopt(None)
            found = []
    return None


def understood(answer, count):
    """([Candidate] that meet all targets, how many edits were tried, whether that is the end); of
    an answer without sense, nothing and the end."""
    try:
        tried = int(answer["tried"])
        candidates = [Candidate(**one) for one in answer["found"]]
        good = all(map(_sensible, candidates))
        done = answer["done"] is not False
    except (TypeError, ValueError, LookupError, AttributeError):
        return [], 0, True
    if not good:
        return [], 0, True
    return [c for c in candidates if c.label in WORDS and len(c.fits) == count], tried, done


def _sensible(candidate):
    """Whether what stands in a report of it can be code: a homework may have written it."""
    typed = all(type(getattr(candidate, f.name)) is f.type for f in fields(candidate))
    return (
        typed
        and candidate.line > 0
        and max(map(len, (candidate.before, candidate.after, candidate.function))) <= LONGEST
        and all(part.isidentifier() for part in candidate.function.split("."))
    )


def ranked(found):
    """The candidates, the most telling first: the less they add to the code the better, for what
    was put in by mistake explains more than what would make up for it, and a number fits by chance
    sooner than a name; then as they were tried, but a sign is lost more often than `x -= 1` is
    written as `x = 1`."""

    def unlikeness(one):
        return one.added + BY_CHANCE * one.by_numbers, one.label == "overwrites", one.number

    return sorted(found, key=unlikeness)


def joined(candidate, said):
    """The list of Diagnosis with the edit first: of what the experiments say of the same kind, or,
    where the edit has no better name, of what they say first; else as a Diagnosis of its own.

    Confirmed is the kind of an edit that puts nothing in, which might make up for another slip.
    """
    fix = Fix(candidate.line, candidate.before, candidate.after)
    kinds = [candidate.kind, *["sign"] * (" -= " in candidate.after)]      # `= 1` for `-= 1`
    kinds += ["small_error"] * (candidate.added > FEW)                      # + eps
    same = [one for one in said if one.kind in kinds or candidate.kind == FORMULA]
    if same:
        return [replace(same[0], fix=fix), *(one for one in said if one is not same[0])]
    message = (
        f"{WORDS[candidate.label]} in {candidate.function}: with one edit there, every check passes"
    )
    sure = candidate.added <= FEW and candidate.kind != FORMULA and not candidate.by_numbers
    confidence = "confirmed" if sure else "likely"
    found = Diagnosis(candidate.kind, None, confidence, message, {"label": candidate.label}, fix)
    return [found, *said]
