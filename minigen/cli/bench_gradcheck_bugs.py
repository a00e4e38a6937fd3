"""How often does the gradient checker name what is wrong in backwards that people would write?

Idea: mutants are made by edits that the checker's authors thought of, and so is a search that
repairs; its answers on them flatter it. tests/homework_bugs holds wrong backwards written by hand,
each labelled with the kind that a teacher would name (a dict KIND: pair -> kind). Half are open:
who improves the diagnosis may look at them. Half are held: they are only measured on, so that the
table shows their sums and nothing of single ones.
Read next: bench_gradcheck_diagnosis.py, tests/homework_bugs/README.md.
"""

import ast
from collections import Counter
from pathlib import Path

import minigen
from minigen.cli.bench_gradcheck_diagnosis import OUTCOMES, outcome
from minigen.gradcheck.checker import Settings, check_file
from minigen.gradcheck.report import FileReport

BUGS = Path(minigen.__file__).resolve().parents[1] / "tests" / "homework_bugs"
HALVES = ("open", "held")
WHOLE = "wrong_formula"     # a label that no diagnosis has: the whole formula is another one
HEAD = (
    "| written by hand | wrong | caught | named exactly | by structure, otherwise "
    "| another, confirmed | another, likely | nothing said |"
)


def files(half):
    """The homework of one of HALVES."""
    return sorted(BUGS.glob(f"{half}_*.py"))


def labels(path):
    """{pair: kind} of a file: its KIND, read without running it. ValueError if it has none."""
    for node in ast.parse(Path(path).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "KIND":
            return ast.literal_eval(node.value)
    raise ValueError(f"{path} has no KIND: write KIND = {{pair: kind}} at its top")


def judged(path, settings=None):
    """[{file, pair, label, verdict, outcome, named, seconds}] of the pairs of a file."""
    file = check_file(path, settings or Settings())
    reports = {report.name: report for report in file.pairs}
    rows = []
    for pair, label in labels(path).items():
        found = [reports[pair]] if pair in reports else []
        what, named, seconds = outcome(label, FileReport(file.file, pairs=found))
        verdict = found[0].verdict if found else "missing"
        row = {"file": Path(path).name, "pair": pair, "label": label, "verdict": verdict}
        rows.append(row | {"outcome": what, "named": named, "seconds": seconds})
    return rows


def measure(pool):
    """{half: rows of `judged`}; pool: has the built-in map's method."""
    return {half: [row for rows in pool.map(judged, files(half)) for row in rows]
            for half in HALVES}     # fmt: skip


def all_caught(found):
    """Whether every one of them failed its check."""
    return all(row["verdict"] == "fail" for rows in found.values() for row in rows)


def table(found):
    """The sums as lines of Markdown, and of the open half what was said of which kind."""
    lines = [HEAD, "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for half in HALVES:
        for name, whole in (("of a kind", False), ("a whole formula", True)):
            rows = [row for row in found[half] if (row["label"] == WHOLE) == whole]
            lines.append(_row(f"{half}, {name}", rows))
    others = Counter((row["label"], row["named"]) for row in found["open"]
                     if row["outcome"] in ("structure", "confirmed", "likely"))    # fmt: skip
    said = ", ".join(f"{label} as `{named}` {n}" for (label, named), n in sorted(others.items()))
    return [*lines, "", f"Of the open ones, under another name: {said or 'none'}.", ""]


def _row(name, rows):
    total = max(len(rows), 1)
    counts = Counter(row["outcome"] for row in rows)
    caught = sum(row["verdict"] == "fail" for row in rows)
    cells = [f"{counts[what]} ({counts[what] / total:.0%})" for what in OUTCOMES]
    return "| " + " | ".join([name, str(len(rows)), str(caught), *cells]) + " |"
