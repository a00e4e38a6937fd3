"""How often does the gradient checker name what is wrong in backwards that people would write?

Idea: mutants are made by edits that the checker's authors thought of, and so is a search that
repairs; its answers on them flatter it. tests/homework_bugs holds wrong backwards written by hand,
each labelled with the kind that a teacher would name (a dict KIND: pair -> kind). Half are open:
who improves the diagnosis may look at them. Half are held: they are only measured on, so that no
more than their sums comes out of here.
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
WHOLE = "wrong_formula"     # the label of a whole formula that is another one
GROUPS = ("of a kind", "a whole formula")
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
    """[{file, pair, label, verdict, outcome, named}] of the pairs of a file."""
    file = check_file(path, settings or Settings())
    reports = {report.name: report for report in file.pairs}
    rows = []
    for pair, label in labels(path).items():
        found = [reports[pair]] if pair in reports else []
        what, named, _ = outcome(label, FileReport(file.file, pairs=found))
        verdict = found[0].verdict if found else "missing"
        row = {"file": Path(path).name, "pair": pair, "label": label, "verdict": verdict}
        rows.append(row | {"outcome": what, "named": named})
    return rows


def measure(pool):
    """{half: its `tally`}; pool: has the built-in map as a method."""
    return {half: tally([row for rows in pool.map(judged, files(half)) for row in rows],
                        single=half == "open") for half in HALVES}      # fmt: skip


def tally(rows, single):
    """Sums of the rows of `judged`: {groups, missed, others}.

    single: whether it is told which kinds went under which other name, too.
    """
    parts = {GROUPS[0]: [], GROUPS[1]: []}
    for row in rows:
        parts[GROUPS[row["label"] == WHOLE]].append(row)
    others = Counter((row["label"], row["named"]) for row in rows
                     if row["outcome"] not in ("exact", "silent"))      # fmt: skip
    return {
        "groups": {name: _sums(part) for name, part in parts.items()},
        "missed": [[row["file"], row["pair"], row["verdict"]]
                   for row in rows if row["verdict"] != "fail"],
        "others": [[*names, n] for names, n in sorted(others.items())] if single else [],
    }   # fmt: skip


def _sums(rows):
    caught = sum(row["verdict"] == "fail" for row in rows)
    counts = Counter(row["outcome"] for row in rows)
    return {"wrong": len(rows), "caught": caught} | {what: counts[what] for what in OUTCOMES}


def all_caught(found):
    """Whether every one of them failed its check."""
    return not any(half["missed"] for half in found.values())


def table(found):
    """The sums as lines of Markdown, of the open half what was said otherwise, and the missed."""
    lines = [HEAD, "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for half, part in found.items():
        lines += [_row(f"{half}, {name}", sums) for name, sums in part["groups"].items()]
    others = found["open"]["others"]
    said = ", ".join(f"{label} as `{named}` {n}" for label, named, n in others)
    lines += ["", f"Of the open ones, under another name: {said or 'none'}.", ""]
    missed = [row for part in found.values() for row in part["missed"]]
    return lines + [f"- {file}, {pair}: {verdict}" for file, pair, verdict in missed]


def _row(name, sums):
    total = max(sums["wrong"], 1)
    cells = [f"{sums[what]} ({sums[what] / total:.0%})" for what in OUTCOMES]
    return "| " + " | ".join([name, str(sums["wrong"]), str(sums["caught"]), *cells]) + " |"
