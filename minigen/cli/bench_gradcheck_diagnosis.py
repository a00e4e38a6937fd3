"""How often does the gradient checker name what is wrong, and how often something else?

Idea: a mutant's label says what edit made it, the report's first diagnosis what is wrong with the
numbers. Where both have the same name, that is "exact". Another name is counted as such even where
its sentence is true (a term that is counted twice is also "2 times too large"): by the check of
structure that found it, as confirmed by an experiment on the values, or as a likely one.
Labels that no diagnosis has (another power, function or variable) can only be silent or another.
Read next: bench_gradcheck.py, ../gradcheck/diagnosis.py.
"""

import statistics
from collections import Counter

from minigen.gradcheck import structure

NAMELESS = ("wrong_variable", "power", "function")      # labels that are no kind of diagnosis
OUTCOMES = ("exact", "structure", "confirmed", "likely", "silent")
HEAD = (
    "| mutants by label | tried | named exactly | by structure, otherwise | another, confirmed "
    "| another, likely | nothing said |"
)


def outcome(label, file):
    """(one of OUTCOMES, what was named, seconds of the experiments) of a mutant's FileReport."""
    reports = [report for report in file.pairs if report.verdict != "pass"]
    first = next((d for report in reports for d in report.diagnosis), None)
    seconds = sum(report.diagnosis_seconds for report in reports)
    if first is None:
        return "silent", "", seconds
    if first.kind == label:
        return "exact", first.kind, seconds
    of_structure = first.kind in structure.KINDS or first.kind == "error"
    return ("structure" if of_structure else first.confidence), first.kind, seconds


def tally(rows):
    """What `table` shows, from [(label, outcome, kind named, seconds)]."""
    by_label = {}
    for label, what, *_ in rows:
        by_label.setdefault(label, Counter())[what] += 1
    seconds = sorted(s for *_, s in rows)
    others = Counter((label, kind) for label, what, kind, _ in rows if what == "confirmed")
    return {
        "labels": {label: dict(by_label[label]) for label in sorted(by_label)},
        "others": [[label, kind, n] for (label, kind), n in sorted(others.items())],
        "seconds": {"median": statistics.median(seconds), "most": seconds[-1]} if rows else {},
    }


def table(found):
    """The tally as lines of Markdown."""
    if not found["labels"]:
        return []
    lines = [HEAD, "| --- | --- | --- | --- | --- | --- | --- |"]
    kinds, nameless = Counter(), Counter()
    for label, counts in found["labels"].items():
        (nameless if label in NAMELESS else kinds).update(counts)
        lines.append(_row(label, counts))
    lines += [_row("all that have a kind", kinds), _row("the others", nameless)]
    seconds = found["seconds"]
    lines += [
        "",
        f"Time of the experiments on a pair that failed: median {seconds['median']:.3f} s, at most "
        f"{seconds['most']:.2f} s.",
    ]
    said = ", ".join(f"{label} as `{kind}` {n}" for label, kind, n in found["others"])
    return [*lines, "", f"Confirmed under another name: {said or 'none'}.", ""]


def _row(name, counts):
    total = sum(counts.values())
    cells = [f"{counts.get(what, 0)} ({counts.get(what, 0) / max(total, 1):.0%})"
             for what in OUTCOMES]      # fmt: skip
    return "| " + " | ".join([name, str(total), *cells]) + " |"
