"""The gradient checker on homework with a known answer: right, tricky, misbehaving, and mutants.

Idea: the short form of `minigen bench gradcheck`, whose long form is in docs/gradcheck-measured.md.
Read next: minigen/cli/bench_gradcheck.py, tests/homework.
"""

import ast
from collections import Counter

import pytest

from minigen.cli import bench_gradcheck as bench
from minigen.cli import bench_gradcheck_diagnosis as diagnosis
from minigen.cli import main
from minigen.cli.bench_gradcheck_mutants import Mutant, mutants
from minigen.gradcheck.child.discover import load
from minigen.gradcheck.child.edits import edits
from minigen.gradcheck.child.edits_rules import LABELS
from minigen.gradcheck.child.session import ENDS


def ids(path):
    return path.stem


@pytest.mark.parametrize("path", bench.files("correct") + bench.files("tricky"), ids=ids)
def test_right_homework_passes(path):
    rows = bench.verdicts(path)
    assert rows
    assert [row for row in rows if row[2] != "pass"] == []


@pytest.mark.parametrize("path", bench.files("behaviour"), ids=ids)
def test_behaviour_is_reported_by_its_name(path):
    ends = path.stem.startswith(ENDS)       # which it may do in a process of its own
    seconds = 1.5 if path.stem.startswith("timeout") else 60
    _, kind, found, _ = bench.named(path, isolate=ends, timeout=seconds)
    assert found == kind


def test_there_is_homework_of_every_kind():
    kinds = [next(k for k in bench.KINDS if p.stem.startswith(k)) for p in bench.files("behaviour")]
    assert set(kinds) == set(bench.KINDS)
    pairs = [row for path in bench.files("correct") for row in load(path).describe()]
    assert len(pairs) >= 40 and all(pair["makes_inputs"] for pair in pairs)


@pytest.fixture(scope="module")
def all_mutants():
    return mutants(bench.files("correct")[::2], seed=1)


@pytest.mark.parametrize("label", LABELS)
def test_mutants_are_caught(all_mutants, label):
    """The first one that is wrong in value; `minigen bench gradcheck --short` tries a hundred."""
    for mutant in reversed(all_mutants[label]):
        kind, verdict, _ = bench.try_mutant(mutant, repair=False)
        if kind == "value":
            break
    assert (kind, verdict) == ("value", "fail"), mutant.name


@pytest.mark.parametrize(
    ("after", "kind"),
    [
        ("return 3 * dout * out", "value"),
        ("return dout * out * (1 + 1e-9)", "equal"),
        ("return dout * out.sum()", "other"),
        ("return (dout * out).astype('f')", "other"),
        ("return dout / 0", "other"),
        ("return None", "other"),
        ("return dot * out", "crash"),
    ],
)
def test_the_oracle_sorts_mutants(tmp_path, after, kind):
    source = (
        "import numpy as np\ndef exp_inputs(seed):\n    return np.full((1, 2), 1.0 + seed)\n"
        "def exp_forward(x):\n    out = np.exp(x)\n    return out, out\n"
        "def exp_backward(dout, out):\n    return dout * out\n"
    )
    if kind == "other" and "sum()" in after:
        after = "return (dout * out).sum(axis=1)"
    right, wrong = tmp_path / "right.py", tmp_path / "wrong.py"
    right.write_text(source)
    wrong.write_text(source.replace("return dout * out", after))
    mutant = Mutant(str(right), "exp_backward", None)
    assert bench.Oracle().judge(mutant, wrong) == (kind, "exp")


# The command --------------------------------------------------------------------------------------


def test_the_command_measures_and_writes_a_page(tmp_path, monkeypatch, capsys):
    chosen = {"correct": ["relus"], "tricky": ["abs_at_zero"], "behaviour": ["error_name"]}
    paths = {folder: [bench.HOMEWORK / folder / f"{n}.py" for n in chosen[folder]]
             for folder in chosen}      # fmt: skip
    monkeypatch.setattr(bench, "files", paths.get)
    page = tmp_path / "page.md"
    words = ["bench", "gradcheck", "--short", "--mutants", "5", "--table", str(page)]
    assert main(words) == 0
    text = page.read_text()
    assert "minigen bench gradcheck --mutants 5 --short" in text
    assert "| correct | 3 | 3 | 3 | 0 | 0 |" in text
    assert "| `error` | 1 | 1 |" in text
    assert "| correct | 3 | 3 | 3 | 0 | 0 |" in capsys.readouterr().out


def test_the_command_needs_a_clone(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench, "HOMEWORK", tmp_path / "not there")
    assert main(["bench", "gradcheck"]) == 2
    assert "needs a clone" in capsys.readouterr().out


def test_what_the_command_demands():
    part = {"files": 1, "pairs": 1, "verdicts": Counter({"pass": 9}), "not passed": []}
    wrong = {"made": 9, "kinds": Counter(value=100), "labels": Counter(sign=100), "missed": []}
    wrong["diagnosis"] = diagnosis.tally([])
    report = {"right": {"correct": part}, "behaviour": [("a.py", "crash", "crash", True)]}
    report["mutants"] = wrong | {"verdicts": Counter(fail=99, undecided=1)}
    assert bench.reached(report)
    assert not bench.reached(report | {"behaviour": [("a.py", "crash", "error", False)]})
    assert not bench.reached(report | {"times": {f"a pass{bench.MISTAKEN}": 0.1}})
    missed = wrong | {"verdicts": Counter(fail=98, undecided=2)}
    assert not bench.reached(report | {"mutants": missed})
    for verdict, good in (("undecided", True), ("fail", False)):
        odd = part | {"not passed": [("a.f", 0, verdict, "dx is wrong")]}
        assert bench.reached(report | {"right": {"tricky": odd}}) == good
        assert f"- a.f, seed 0: {verdict}: dx is wrong" in bench.table(
            report | {"right": {"tricky": odd}}
        )


# Edits ------------------------------------------------------------------------------------------

EXAMPLES = [    # label, a line of a backward, what it becomes
    ("sign", "dx = a + b", "dx = a - b"),
    ("sign", "dx = a - b", "dx = b - a"),
    ("sign", "return -a", "return a"),
    ("sign", "dx += a", "dx -= a"),
    ("sign", "dx = a * b", "dx = -(a * b)"),
    ("factor", "dx = a * b", "dx = a"),
    ("factor", "dx = a / b", "dx = a * b"),
    ("factor", "dx = 2 * a", "dx = 4 * a"),
    ("factor", "return (a, b)", "return (a, b * 0.5)"),
    ("factor", "dx = a.sum(axis=0)", "dx = a.mean(axis=0)"),
    ("transpose", "dx = a @ b.T", "dx = a @ b"),
    ("transpose", "dx = a @ b", "dx = a.T @ b"),
    ("transpose", "dx = a @ b", "dx = b @ a"),
    ("transpose", "dx = a.transpose(0, 2, 1)", "dx = a.transpose(2, 0, 1)"),
    ("transpose", "dx = np.einsum('ij,jk->ik', a, b)", "dx = np.einsum('ji,jk->ik', a, b)"),
    ("flip", "dx = a[:, ::-1]", "dx = a[:, :]"),
    ("missing_broadcast_sum", "dx = a.sum(axis=(0, 2))", "dx = a.sum(axis=(0,))"),
    ("missing_broadcast_sum", "dx = a.sum(axis=0)", "dx = a"),
    ("missing_term", "dx = a + b", "dx = a"),
    ("missing_term", "dx = a - b", "dx = -b"),
    ("missing_term", "dx += a", "pass"),
    ("input_vs_output", "dx = dout * (1 - out)", "dx = dout * (1 - x)"),
    ("wrong_variable", "dx = dout * a", "dx = dout * b"),
    ("wrong_axis", "dx = a.sum(axis=0)", "dx = a.sum(axis=1)"),
    ("wrong_axis", "dx = a.sum(0)", "dx = a.sum(-1)"),
    ("wrong_axis", "dx = a.sum(axis=1, keepdims=True)", "dx = a.sum(axis=1, keepdims=False)"),
    ("wrong_mask", "dx = dout * (x > 0)", "dx = dout * (x < 0)"),
    ("wrong_mask", "dx = np.where(x > 0, a, b)", "dx = np.where(x > 0, b, a)"),
    ("wrong_order", "return (a, b, x)", "return (b, a, x)"),
    ("off_by_one", "dx = a[1:]", "dx = a[2:]"),
    ("off_by_one", "for i in range(3):\n        dx += a", "range(4)"),
    ("boundary", "dx = a[1:]", "dx = a[:]"),
    ("boundary", "dx = dout * (x > 0)", "dx = dout * (x >= 0)"),
    ("overwrites", "dx += a", "dx = a"),
    ("overwrites", "np.add.at(dx, a, b)", "dx[a] += b"),
    ("double_count", "dx[0] = a", "dx[0] += a"),
    ("double_count", "dx += a", "dx += a\ndx += a"),
    ("power", "dx = a ** 2", "dx = a"),
    ("power", "dx = a ** 2", "dx = a ** 3"),
    ("power", "dx = np.sqrt(a)", "dx = a"),
    ("function", "dx = np.sin(a)", "dx = np.cos(a)"),
    ("function", "dx = np.sign(a)", "dx = a"),
    ("small_error", "dx = 0.5 * a", "dx = 0.5005 * a"),
    ("wrong_precision", "dx = a * b", "dx = np.float64(np.float16(a * b))"),
]


def edited(line):
    source = f"def other(a):\n    return -a\n\n\ndef f_backward(dout, x, out, a, b):\n    {line}\n"
    return source, list(edits(source, "f_backward"))


@pytest.mark.parametrize(("label", "line", "after"), EXAMPLES)
def test_an_edit_of_each_label(label, line, after):
    source, found = edited(line)
    (edit,) = [e for e in found if e.after == after]
    assert edit.label == label
    assert edit.line == 6
    assert edit.before == (line if "range" not in line else "range(3)")
    assert edit.source != source


def test_every_label_has_an_example_and_no_other():
    found = {label for _, line, _ in EXAMPLES for label in (e.label for e in edited(line)[1])}
    assert {label for label, *_ in EXAMPLES} == set(LABELS) == found


def test_edits_change_one_place_and_keep_the_lines():
    source = bench.files("correct")[0].read_text()
    before = source.splitlines()
    function = next(f for f in ast.parse(source).body if "_backward" in getattr(f, "name", ""))
    found = list(edits(source, function.name))
    assert len(found) > 20
    assert len({e.source for e in found}) == len(found)
    for edit in found:
        ast.parse(edit.source)
        after = edit.source.splitlines()
        inside = range(function.lineno, function.end_lineno + 1)
        changed = [i for i, (a, b) in enumerate(zip(before, after, strict=False), 1) if a != b]
        assert len(after) >= len(before) and edit.line in inside
        assert len(after) > len(before) or (changed and set(changed) <= set(inside))


def test_a_statement_of_several_lines_keeps_the_ones_after_it():
    source = "def f_backward(é, b):\n    é = [\n        é + b,  # sum\n    ]; b = 1\n    return é\n"
    (edit,) = [e for e in edits(source, "f_backward") if e.after == "é = [é - b]"]
    assert edit.source == "def f_backward(é, b):\n    é = [é - b]; b = 1\n\n\n    return é\n"


def test_methods_are_edited_and_missing_functions_named():
    source = "class Layer:\n    def backward(self, dout):\n        return dout * self.w\n"
    assert "return dout" in [e.after for e in edits(source, "Layer.backward")]
    with pytest.raises(ValueError, match="no function f_backward"):
        next(edits(source, "f_backward"))


def test_the_diagnosis_of_mutants_is_counted():
    """A true sentence under another name than the label's is counted as another."""

    def by_way(experiments, repair, together):
        return dict(zip(diagnosis.WAYS, (experiments, repair, together), strict=True))

    silent, sign = ("silent", "", 0.2), ("exact", "sign", 0.1)
    factor, formula = ("confirmed", "factor", 0.3), ("exact", "wrong_formula", 2.5)
    rows = [("sign", by_way(silent, sign, sign)), ("sign", by_way(sign, factor, factor)),
            ("power", by_way(silent, formula, formula))]       # fmt: skip
    text = "\n".join(diagnosis.table(diagnosis.tally(rows)))
    assert "| sign | 2 | 1 (50%) | 0 (0%) | 1 (50%) | 0 (0%) | 0 (0%) |" in text
    assert "| all that have a kind | 2 | 1 (50%)" in text
    assert "| the others, as `wrong_formula` | 1 | 1 (100%)" in text
    assert "sign as `factor` 1" in text
    assert "| experiments | 2 | 1 (50%) | 0 (0%) | 0 (0%) | 0 (0%) | 1 (50%) | 0.20, 0.20 |" in text


def test_the_outcomes_of_a_mutant():
    path = bench.HOMEWORK / "correct" / "softmax.py"
    found = edits(path.read_text(encoding="utf-8"), "softmax_backward")
    edit = next(edit for edit in found if edit.after == "return p * (dout + inner)")
    kind, verdict, outcomes = bench.try_mutant(Mutant(str(path), "softmax_backward", edit))
    assert (kind, verdict) == ("value", "fail") and set(outcomes) == set(diagnosis.WAYS)
    assert all(found[:2] == ("exact", "sign") for found in outcomes.values())
    assert outcomes["repair"][2] > 0
