"""How often does the gradient checker name what is wrong, and how often something else?

Idea: a mutant's label says what edit made it, the report's first diagnosis what is wrong with the
numbers. Where both have the same name, that is "exact". Another name is counted as such even where
its sentence is true (a term that is counted twice is also "2 times too large"): by the check of
structure that found it, as confirmed by an experiment on the values, or as a likely one. Another
power, function or variable is a wrong formula. Three answers are compared: that of the experiments
alone, of the repair search alone, and what the report says from both.
Read next: bench_gradcheck.py, ../gradcheck/diagnosis.py.
"""

import statistics
from collections import Counter

from minigen.gradcheck import structure
from minigen.gradcheck.repair import FORMULA, NO_KIND

WAYS = ("experiments", "repair", "together")
OUTCOMES = ("exact", "structure", "confirmed", "likely", "silent")
HEAD = (
    "| mutants by label | tried | named exactly | by structure, otherwise | another, confirmed "
    "| another, likely | nothing said |"
)


def outcomes(label, alone, both):
    """{way: outcome} of a mutant: from its FileReport without and with the repair search."""
    return {
        "experiments": outcome(label, alone),
        "repair": outcome(label, both, repairs=True),
        "together": outcome(label, both),
    }


def outcome(label, file, repairs=False):
    """(one of OUTCOMES, what was named, seconds that it took) of a mutant's FileReport.

    repairs: look at the repair search alone.
    """
    reports = [report for report in file.pairs if report.verdict != "pass"]
    said = [d for report in reports for d in report.diagnosis if d.fix or not repairs]
    seconds = sum(report.repair_seconds for report in reports)
    seconds += 0 if repairs else sum(report.diagnosis_seconds for report in reports)
    if not said:
        return "silent", "", seconds
    first = said[0]
    if first.kind == (FORMULA if label in NO_KIND else label):
        return "exact", first.kind, seconds
    of_structure = first.kind in structure.KINDS or first.kind == "error"
    return ("structure" if of_structure else first.confidence), first.kind, seconds


def tally(rows):
    """What `table` shows, from [(label, outcomes)]."""
    by_label = {}
    for label, by_way in rows:
        by_label.setdefault(label, Counter())[by_way["together"][0]] += 1
    together = [(label, *by_way["together"]) for label, by_way in rows]
    others = Counter((label, kind) for label, what, kind, _ in together if what == "confirmed")
    return {
        "labels": {label: dict(by_label[label]) for label in sorted(by_label)},
        "others": [[label, kind, n] for (label, kind), n in sorted(others.items())],
        "ways": {way: _way(rows, way) for way in WAYS} if rows else {},
    }


def _way(rows, way):
    """Of the labels that are a kind, how often each outcome; seconds of all."""
    seconds = sorted(by_way[way][2] for _, by_way in rows)
    counts = Counter(by_way[way][0] for label, by_way in rows if label not in NO_KIND)
    return {"outcomes": counts, "median": statistics.median(seconds), "most": seconds[-1]}


def table(found):
    """The tally as lines of Markdown."""
    if not found["labels"]:
        return []
    rule = "| --- | --- | --- | --- | --- | --- | --- |"
    lines = [HEAD, rule]
    kinds, others = Counter(), Counter()
    for label, counts in found["labels"].items():
        (others if label in NO_KIND else kinds).update(counts)
        lines.append(_row(label, counts))
    lines += [_row("all that have a kind", kinds), _row(f"the others, as `{FORMULA}`", others)]
    lines += ["", HEAD.replace("by label", "with a kind, by way") + " seconds: median, most |"]
    lines += [rule + " --- |"]
    for way, one in found["ways"].items():
        lines.append(f"{_row(way, one['outcomes'])} {one['median']:.2f}, {one['most']:.2f} |")
    said = ", ".join(f"{label} as `{kind}` {n}" for label, kind, n in found["others"])
    return [*lines, "", f"Confirmed under another name: {said or 'none'}.", ""]


def _row(name, counts):
    total = sum(counts.values())
    cells = [f"{counts.get(what, 0)} ({counts.get(what, 0) / max(total, 1):.0%})"
             for what in OUTCOMES]      # fmt: skip
    return "| " + " | ".join([name, str(total), *cells]) + " |"
