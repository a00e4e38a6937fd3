"""Hint levels: what is shown at a level, and that nothing above it comes out anywhere.

Idea: a report has words planted in it that name the level from which on they may be seen, and each
form of the report is searched for them. Then the same with real homework, through the command.
Read next: minigen/gradcheck/hints.py.
"""

import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest
from test_gradcheck_command import homework
from test_gradcheck_json import strict, violations

import minigen
from minigen.cli import main
from minigen.gradcheck import gradcheck, report_csv, report_gradescope, report_text
from minigen.gradcheck.hints import LEVELS, REPAIRED, Note, limited
from minigen.gradcheck.inputs import SpecError
from minigen.gradcheck.report import (
    ArgumentReport,
    Diagnosis,
    Entry,
    FileReport,
    Finding,
    Fix,
    Report,
)
from minigen.gradcheck.spec import load_spec

WORD = re.compile(r"level[0-3]\w*")


def planted():
    """A report whose every word begins with the level from which on it may be seen."""
    worst = [Entry("level1_index", 123.25, 321.5, 0.0, 0.38, "fail")]
    w = ArgumentReport("level1_w", (777,), "fail", 0.625, worst=worst, checked=5, wrong=5,
                       notes=["level1_looked", Note("level2_slightly", 2)])  # fmt: skip
    fix = Fix(14, "level3_before", "level3_after")
    evidence = {"level2_evidence": 0.875}
    return Report(
        "conv", "fail", [ArgumentReport("level1_x", (3,), "pass"), w],
        structure=[
            Finding("level2_check", "pass", "level2_right"),
            Finding("level2_remark", "remark", "level2_worth", "level2_x"),
            Finding("level2_order", "fail", "level2_swapped", "level1_w", evidence),
        ],
        diagnosis=[
            Diagnosis("timeout", None, "confirmed", "level0_no_end"),
            Diagnosis("level2_sign", "level1_w", "likely", "write level3_after", evidence, fix),
            Diagnosis("level2_factor", "level1_w", "likely", "level2_twice", evidence),
        ],
        notes=[Note("level0_guessed", 0), "level1_note"], points=0.65, points_checked=["level1_at"],
        forward_calls=4321, output="level1_printed", reproduce="level1_again",
    )  # fmt: skip


def forms(report):
    """Every form in which a report leaves the program."""
    files = [FileReport("hw.py", pairs=[report], status="fail")]
    return {
        "text": str(report),
        "json": report.to_json(),
        "html": report._repr_html_(),
        "csv": report_csv.table(files),
        "gradescope": json.dumps(report_gradescope.results(files)),
    }


@pytest.mark.parametrize("level", range(4))
def test_nothing_above_the_level_is_in_any_form(level):
    seen = forms(limited(planted(), level))
    for form, text in seen.items():
        levels = [int(word[5]) for word in WORD.findall(text)]
        assert max(levels, default=0) <= level, form
        if form in ("text", "json", "html"):
            assert level in levels, form
    numbers = ("123.25", "321.5", "777", "0.625", "4321")
    for form, number in itertools.product(seen, numbers):
        assert level or number not in seen[form], (form, number)


@pytest.mark.parametrize("level", range(4))
def test_all_up_to_the_level_is_in_the_document(level):
    whole = set(WORD.findall(planted().to_json()))
    shown = set(WORD.findall(limited(planted(), level).to_json()))
    expected = {word for word in whole if int(word[5]) <= level}
    assert shown == expected
    assert list(violations(limited(planted(), level).to_dict(), "pair")) == []


def test_verdict_and_points_depend_on_no_level():
    for level in range(4):
        seen = limited(planted(), level)
        assert (seen.verdict, seen.points, seen.max_points) == ("fail", 0.65, 1.0)
        assert seen.hints == level
    assert len(LEVELS) == 4


@pytest.mark.parametrize(("level", "words"), [
    (0, "✗ conv: wrong\n  - level0_guessed\n"
        "  0.65 of 1 points (hint level 0: no more is shown)"),
    (1, "(hint level 1: which argument and entries, not what is wrong)"),
    (3, "\n  line 14: write `level3_after`, not `level3_before`\n"),
])  # fmt: skip
def test_text_of_a_level(level, words):
    report = planted()
    del report.diagnosis[0], report.structure[2]
    assert words in str(limited(report, level))


def test_of_a_long_edit_what_differs_is_shown():
    long = "dx = inv * (d - d.mean(axis=1, keepdims=True) - xhat * (d * xhat).mean({})) / scale"
    edit = Fix(14, long.format("axis=1"), long.format("axis=1, keepdims=True"))
    report = Report("f", "fail", diagnosis=[Diagnosis("wrong_axis", "x", "likely", "", fix=edit)])
    shown = "`… xhat).mean(axis=1, keepdims=True)) / scale`, not `… xhat).mean(axis=1)) / scale`"
    assert report_text.edit(report) == f"line 14: write {shown}"


def test_a_sentence_that_gives_the_edit_away_is_replaced_and_others_are_kept():
    fix = Fix(14, "dout @ w", "dout @ w.T")
    for words in ("line 14 is it", "`dout @ w` is it", "take dout @ w.T"):
        said = Diagnosis("transpose", "x", "likely", words, fix=fix)
        report = Report("f", "fail", diagnosis=[said])
        (one,) = limited(report, 2).diagnosis
        assert one == Diagnosis("transpose", "x", "likely", REPAIRED)
    assert f"- {REPAIRED}: hint level 3 shows it" in str(limited(report, 2))
    assert "hint level 3" not in str(limited(report, 2, ceiling=2))
    report.diagnosis[0].message = "dx is right when transposed"
    (one,) = limited(report, 2).diagnosis
    assert (one.message, one.fix, one.hint_level) == ("dx is right when transposed", None, 2)


@pytest.mark.parametrize(("verdict", "words"), [
    ("fail", "something about b is wrong\n  something else than a value is wrong: shape, dtype"),
    ("undecided", "undecided\n  no entry can be compared, and hint level 2 says why"),
])  # fmt: skip
def test_a_fault_of_the_structure_has_its_argument_at_1_and_its_name_at_2(verdict, words):
    fault = Finding("wrong_shape", verdict, "db has shape (1, 3)", "b", {"shape": [1, 3]})
    passed = Finding("mutates_input", "pass")       # what was asked before says what was not
    report = Report("f", verdict, structure=[passed, fault])
    assert words in str(limited(report, 1))
    (seen,) = limited(report, 1).structure
    assert (seen.check, seen.argument, seen.evidence) == ("structure", "b", {})
    assert limited(report, 0).structure == []
    assert limited(report, 2).structure == report.structure


@pytest.mark.parametrize("level", range(4))
def test_what_did_not_run_is_said_at_every_level(level):
    fault = Finding("error", "error", "backward, line 3: IndexError")
    report = Report("f", "error", structure=[fault])
    report.diagnosis = [Diagnosis("error", None, "confirmed", fault.message)]
    for form, text in forms(limited(report, level)).items():
        assert form == "csv" or "IndexError" in text
        assert form != "csv" or '"error"' in text


# ---- who sets the level

WRONG = homework("linear", "-(dout @ x)")
KIND, VALUES, VERDICT = "wrong sign", "yours/numeric", "linear: wrong"


@pytest.fixture
def shown(tmp_path, monkeypatch, capsys):
    """shown(words, before=, spec=) -> what the command prints of a homework whose dw is wrong."""
    monkeypatch.chdir(tmp_path)

    def run(words="--no-isolate", before="", spec=None, code=1):
        Path("hw.py").write_text(before + WRONG)
        if spec:
            Path("spec.toml").write_text(spec)
            words += " --spec spec.toml"
        assert main(["gradcheck", "hw.py", "--seeds", "1", *words.split()]) == code
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize(("hints", "before", "spec", "level"), [
    (2, "", None, 2),
    (1, "", None, 1),
    (0, "", None, 0),
    (3, "HINTS = 1\n", None, 1),
    (3, "HINTS = {'linear': 0, 'other': 2}\n", None, 0),
    (1, "HINTS = 2\n", None, 1),
    (2, "", "[defaults]\nhints = 0\n[linear]\n", 0),
    (2, "", "[defaults]\nhints = 0\n[linear]\nhints = 1\n", 1),
    (2, "HINTS = 3\n", "[linear]\nhints = 1\n", 1),
    (2, "", "[defaults]\nhints = 1\n[other]\n", 1),              # linear is not in the spec:
    (2, "", "[other]\nhints = 0\n[more]\n", 0),                  # a copy of one that is?
])  # fmt: skip
def test_the_smallest_level_counts(shown, hints, before, spec, level):
    out = shown(f"--no-isolate --hints {hints}", before, spec)
    assert (KIND in out) == (level == 2)
    assert (VALUES in out) == (level > 0)
    assert (VERDICT in out) == (level == 0)


def test_a_level_that_is_none_is_refused(shown, tmp_path):
    assert "HINTS is 4: write 0, 1, 2 or 3" in shown(before="HINTS = 4\n", code=4)
    with pytest.raises(SystemExit):
        shown("--no-isolate --hints 4")
    for hints in ("4", "true", '"1"'):
        (tmp_path / "bad.toml").write_text(f"[linear]\nhints = {hints}\n")
        with pytest.raises(SpecError, match="is not a whole number from 0 to 3"):
            load_spec(tmp_path / "bad.toml")


def test_an_exam_writes_nothing_but_the_verdict(shown):
    """All files of results, from a homework that prints."""
    files = "--json out.json --csv out.csv --gradescope out.gs --pictures pics"
    out = shown(f"--hints 0 {files}")
    document = strict(Path("out.json").read_text())
    assert list(violations(document, "document")) == []
    (pair,) = document["files"][0]["pairs"]
    assert (pair["verdict"], pair["points"], pair["hints"]) == ("fail", 0.65, 0)
    assert pair["arguments"] == pair["structure"] == pair["diagnosis"] == pair["notes"] == []
    for text in (out, *(Path(f"out.{end}").read_text("utf-8") for end in ("json", "csv", "gs"))):
        assert not re.search(r"sign|\bdw\b|printed|seed 0|--only", text)
    assert not Path("pics").exists()


@pytest.mark.parametrize("level", range(4))
def test_points_and_exit_code_are_the_same_at_every_level(shown, level):
    shown(f"--no-isolate --hints {level} --csv out.csv")        # exit code 1
    row = Path("out.csv").read_text().splitlines()[-1]
    kind = '"sign"' if level > 1 else '""'
    assert row == f'"hw.py","fail",0.65,1.0,"","fail",0.65,{kind}'


def test_how_to_see_the_same_again_says_the_level(shown):
    assert "--seeds 1 --hints 1" in shown("--no-isolate --hints 1")
    assert "--hints" not in shown()


def test_from_python():
    def check(**options):
        backward = lambda dout, x: -2 * x * dout  # noqa: E731
        return gradcheck(lambda x: (x * x, x), backward, inputs=np.arange(1.0, 4.0), **options)

    reports = [check(hints=level) for level in range(3)]
    assert [bool(report.arguments) for report in reports] == [False, True, True]
    assert [len(report.diagnosis) for report in reports] == [0, 0, 1]
    assert check().hints == 2
    assert gradcheck(minigen.ops.tanh, inputs=np.ones(2), hints=0).arguments == []
