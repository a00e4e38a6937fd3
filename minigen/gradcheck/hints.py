"""How much of a report is shown: the four hint levels, decided here and nowhere else.

    0   verdict and points: an exam
    1   which argument, which entries: index, yours, numeric
    2   what is wrong, in a sentence; students have this by default
    3   the line, and the edit that makes it right

Idea: `limited` makes of a report the one that may be seen at a level, and `check_file` and
`gradcheck` hand out no other. Text, JSON, HTML, tables and pictures show all that they are given,
so none of them can say too much. The level is the smallest of what is asked for (`--hints`), of the
teacher's spec (`hints = 1`) and of the file (`HINTS = 1`).

Invariants: verdict, points and exit code are the same at every level. What did not run (an error, a
timeout, inputs that nobody wrote) is said at each: nobody could find it out otherwise.
Read next: report.py, what there is to be shown; docs/gradcheck-grading.md, for teachers.
"""

from dataclasses import replace

from minigen.gradcheck.report import UNNAMED, Finding

VERDICT, ENTRIES, KIND, EDIT = range(4)
LEVELS = "verdict and points", "which argument and entries", "what is wrong", "line and edit"
USUAL = KIND

NOT_A_VALUE = (
    "something else than a value is wrong: shape, dtype, order, what is overwritten or kept, the "
    "use of dout, or forward itself"
)
NOT_COMPARED = "no entry can be compared, and hint level 2 says why"
REPAIRED = "one edit of backward makes the gradient right"
MORE = f"{REPAIRED}: hint level 3 shows it"


class Note(str):
    """A sentence of a report's notes that is said from another level than 1 on."""

    def __new__(cls, words, level=ENTRIES):     # a copy is made of the words alone
        note = super().__new__(cls, words)
        note.level = level
        return note


def limited(report, level, ceiling=EDIT):
    """The Report as it may be seen at a level, or at the ceiling if that is lower.

    What may not be seen is gone from it.
    """
    level = min(level, ceiling)
    if level >= EDIT:
        return replace(report, hints=EDIT)
    more = level == KIND and ceiling == EDIT and any(d.fix for d in report.diagnosis)
    seen = replace(
        report,
        hints=level,
        structure=_findings(report, level),
        diagnosis=[_diagnosis(d, level) for d in report.diagnosis if _kind(d) <= level],
        notes=_notes(report.notes, level) + [MORE] * more,
        arguments=[replace(a, notes=_notes(a.notes, level)) for a in report.arguments],
    )
    if level > VERDICT:
        return seen
    # inputs and values are what a homework may print, the last point the one that is wrong
    nothing = {"arguments": [], "output": "", "reproduce": "", "points_checked": []}
    return replace(seen, **nothing, forward_calls=0, pictures=[])


def _findings(report, level):
    """What is above the level is left out; at level 1 a fault is there without its name, unless
    there are wrong entries to show."""
    if level >= KIND:
        return report.structure
    findings = [f for f in report.structure if f.hint_level <= level]
    shown = {argument.verdict for argument in report.arguments}
    if level == ENTRIES and report.verdict not in shown:
        hidden = [f for f in report.structure if f.hint_level > level]
        findings += [_unnamed(f) for f in hidden if f.verdict == report.verdict]
    return findings


def _unnamed(finding):
    said = NOT_A_VALUE if finding.verdict == "fail" else NOT_COMPARED
    return Finding(UNNAMED, finding.verdict, said, finding.argument)


def _kind(diagnosis):
    """The level from which on there is a diagnosis at all."""
    return min(diagnosis.hint_level, KIND)


def _diagnosis(diagnosis, level):
    """Without the edit, if that is above the level, and without words that give it away."""
    if diagnosis.hint_level <= level:
        return diagnosis
    fix, said = diagnosis.fix, diagnosis.message
    if any(words in said for words in (fix.before, fix.after, f"line {fix.line}")):
        said = REPAIRED
    return replace(diagnosis, message=said, fix=None)


def _notes(notes, level):
    return [note for note in notes if getattr(note, "level", ENTRIES) <= level]
