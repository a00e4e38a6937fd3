"""The gallery of mistakes: every kind has a page, and the checker names its example.

Idea: the pages are checked as homework is, but in this process; those whose example ends a process,
and the command as a whole, are slow tests.
"""

import re
from pathlib import Path

import pytest

from minigen.cli import gradcheck_explain, main
from minigen.gradcheck import explain, structure
from minigen.gradcheck.checker import Settings
from minigen.gradcheck.child.session import ENDS
from minigen.gradcheck.gallery import KINDS, PARTS
from minigen.gradcheck.report import Diagnosis, Report

HERE = Settings(isolate=False, seeds=1)
NEED_A_PROCESS = ("timeout", "memory", "crash", "wrong_formula")
CODE_LINES = 60
DOCUMENTED = Path(__file__).parents[1] / "docs" / "gradcheck-diagnosis.md"

PAGE = '''"""Too large

What it is

Twice as much as it should be.

How to find it by hand

Divide.

The formula

    dx = 2 * dout
"""

import numpy as np


def right_forward(x):
    """x -> 2 x."""
    return 2 * x


def right_backward(dout):
    """dout -> dx."""
    # the slope is 2
    return {right} * dout


def right_inputs(seed):
    """x (3, 2)."""
    return (np.random.default_rng(seed).normal(size=(3, 2)),)


wrong_forward = right_forward
wrong_inputs = right_inputs


def wrong_backward(dout):
    """Twice that."""
    # the slope is 2
    return {wrong} * dout
'''


@pytest.fixture
def gallery(tmp_path, monkeypatch):
    """gallery(kind, right=2, wrong=4) -> the page of a kind, with these slopes in its backwards."""

    def written(kind, right=2, wrong=4):
        text = PAGE.replace("{right}", str(right)).replace("{wrong}", str(wrong))
        (tmp_path / f"{kind}.py").write_text(text, encoding="utf-8")
        return kind

    monkeypatch.setattr(explain, "path_of", lambda kind: tmp_path / f"{kind}.py")
    return written


# ---- every page


def test_every_kind_that_can_be_said_has_a_page():
    of_values = re.findall(r"^\| `(\w+)` \|", DOCUMENTED.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(of_values) == 17
    assert sorted(KINDS) == sorted([*structure.KINDS, *ENDS, *of_values, "wrong_forward"])
    files = {path.stem for path in explain.path_of("sign").parent.glob("*.py")}
    assert files == {*KINDS, "__init__"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_has_its_parts_and_an_example_of_one_mistake(kind):
    page = explain.page(kind)
    assert 10 < len(page.title) < 70 and page.title[0].isupper() and page.title[-1] != "."
    pieces = re.split(rf"^({'|'.join(PARTS)})$", page.text, flags=re.MULTILINE)
    assert pieces[0] == "" and tuple(pieces[1::2]) == PARTS
    assert all(len(words.split()) > 15 for words in pieces[2::2])
    source = page.path.read_text(encoding="utf-8")
    code = source.split('"""', 2)[2].strip().splitlines()
    assert sum(bool(line.strip()) for line in code) <= CODE_LINES
    for name in ("forward", "backward", "inputs"):
        assert f"wrong_{name}" in source and f"def right_{name}" in source
    assert re.search("^> ", page.wrong + "\n" + page.right, re.MULTILINE)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in NEED_A_PROCESS])
def test_the_wrong_one_is_named_and_the_right_one_passes(kind):
    one = explain.outcome(kind, HERE)
    assert (one.right, one.named) == ("pass", kind) and one.wrong in ("fail", "error")
    assert one.passed


# ---- what is shown


def test_a_page_marks_what_differs(gallery):
    page = explain.page(gallery("factor"))
    assert page.title == "Too large" and page.text.startswith("What it is\n")
    assert page.wrong.splitlines() == [
        "  def wrong_backward(dout):",
        '      """Twice that."""',
        "      # the slope is 2",
        ">     return 4 * dout",
    ]
    assert page.right.splitlines()[-1] == ">     return 2 * dout"
    assert page.right.count(">") == 2       # with that of "dout -> dx"
    assert "def right_forward" in page.shared and "def right_inputs" in page.shared
    assert "wrong" not in page.shared and "backward" not in page.shared


def test_explain_shows_the_page_and_what_the_checker_says(gallery, capsys):
    gallery("ignores_upstream")
    assert main(["gradcheck", "--explain", "Ignores-Upstream"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Too large (ignores_upstream)\n\nWhat it is\n\nTwice as much")
    said = shown.split("What the checker says of the wrong one\n\n")[1]
    assert "dx is exactly 2 times too large" in said and "✗ wrong: dx is wrong" in said
    assert "✓ right" not in said and "--explain" not in said


@pytest.mark.parametrize(("name", "hint"), [
    ("sgin", "did you mean sign?"),
    ("qqq", "those above are the kinds"),
])  # fmt: skip
def test_an_unknown_kind_shows_all_of_them(capsys, name, hint):
    assert main(["gradcheck", "--explain", name]) == 2
    captured = capsys.readouterr()
    assert captured.err.endswith(f"--explain {name}: no kind of mistake has that name; {hint}\n")
    assert captured.out.splitlines() == gradcheck_explain.listing().splitlines()
    assert len(captured.out.splitlines()) == len(KINDS) + 3


def test_explain_alone_lists_the_kinds_with_their_titles(capsys):
    assert main(["gradcheck", "--explain"]) == 0
    shown = capsys.readouterr().out
    for kind in KINDS:
        assert re.search(rf"^  {kind} +{re.escape(explain.title(kind))}$", shown, re.MULTILINE)


@pytest.mark.parametrize("option", [["--self-test"], ["--explain", "sign"]])
def test_pages_take_no_homework(capsys, tmp_path, option):
    path = tmp_path / "a.py"
    path.write_text("")
    assert main(["gradcheck", str(path), *option]) == 2
    assert "are about examples of minigen: leave out FILE" in capsys.readouterr().err


def test_a_report_names_the_page():
    report = Report("f", "fail", diagnosis=[Diagnosis("sign", "x", "confirmed", "dx is -dx")])
    assert str(report).endswith("\n  More: minigen gradcheck --explain sign")
    report.diagnosis[0].kind = "second_order"       # of minigen's functions: no page
    assert "--explain" not in str(report)
    assert "--explain" not in str(Report("f"))


# ---- the self-test


def self_tested(monkeypatch, kinds):
    """(the rows that the self-test prints, whether it passed)"""
    monkeypatch.setattr(gradcheck_explain, "KINDS", kinds)
    monkeypatch.setattr(explain, "outcome", lambda kind, run=explain.outcome: run(kind, HERE))
    rows = []
    return rows, gradcheck_explain.self_test(rows.append)


def test_self_test_passes_where_the_kind_is_named(gallery, monkeypatch):
    rows, passed = self_tested(monkeypatch, (gallery("factor"),))
    assert passed
    assert rows[1].split()[:5] == ["✓", "factor", "right", "wrong", "factor"]
    assert rows[-1].startswith("1 of 1 kinds come out as they should, in ")


@pytest.mark.parametrize(("right", "wrong", "row"), [
    (2, -2, ["✗", "factor", "right", "wrong", "sign"]),
    (3, 4, ["✗", "factor", "wrong", "wrong", "factor"]),
    (2, 2, ["✗", "factor", "right", "right", "nothing"]),
    (2, "(", ["✗", "factor", "absent", "absent", "nothing"]),
])  # fmt: skip
def test_self_test_fails_where_anything_else_comes_out(gallery, monkeypatch, right, wrong, row):
    rows, passed = self_tested(monkeypatch, (gallery("factor", right, wrong),))
    assert not passed
    assert rows[1].split()[:5] == row
    assert rows[-1].endswith("; not: factor")


def test_self_test_does_not_fill_a_memory_that_nothing_limits(monkeypatch):
    monkeypatch.setattr(explain, "LIMITED", False)
    rows, passed = self_tested(monkeypatch, ("memory",))
    assert passed and "not run: this platform does not limit memory" in rows[1]


@pytest.mark.parametrize(("passed", "code"), [(True, 0), (False, 1)])
def test_self_test_says_by_its_exit_code_how_it_went(monkeypatch, passed, code):
    monkeypatch.setattr(gradcheck_explain, "self_test", lambda say: passed)
    assert main(["gradcheck", "--self-test"]) == code


@pytest.mark.slow
def test_self_test_of_the_command(capsys):
    assert main(["gradcheck", "--self-test"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("\n✓ ") == len(KINDS) and "✗" not in shown
