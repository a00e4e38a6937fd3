"""`minigen gradcheck` for a class: the table, Gradescope's file, going on after an interruption.

Idea: each format is compared with one written by hand; a resumed run with one that nobody
interrupted: no file may be checked twice, and the documents must be equal.
Read next: docs/gradcheck-grading.md.
"""

import csv
import io
import json
import os
from pathlib import Path

import pytest
from test_gradcheck_command import homework
from test_gradcheck_json import strict

from minigen.cli import gradcheck, main
from minigen.gradcheck import report_csv, report_gradescope, resume
from minigen.gradcheck.checker import Settings, conclude
from minigen.gradcheck.report import ArgumentReport, FileReport, Finding, Report

SPEC = """
[defaults]
points = 10
[linear.inputs]
x = {shape = [3, 2]}
w = {shape = [2]}
[conv.inputs]
x = {shape = [3, 2]}
w = {shape = [2]}
"""


def made(name, verdict, points=4.0):
    """A report with this verdict on its second argument."""
    both = [ArgumentReport("x", (2,), "pass"), ArgumentReport("w", (2,), verdict)]
    report = Report(name, arguments=both, max_points=points, seconds=0.25)
    conclude(report)
    return report


def stopped(name, points=4.0):
    report = Report(name, structure=[Finding("timeout", "error", "no end")], max_points=points)
    conclude(report)
    return report


def a_class():
    return [
        FileReport("zoë/hw.py", pairs=[made("linear", "pass"), made("conv", "fail")],
                   status="fail"),
        FileReport("-1+1.py", pairs=[stopped("conv")], status="error"),
        FileReport("c.py", message='=HYPERLINK("x")\nline 2', status="error"),
    ]  # fmt: skip


# ---- formats


def test_table_by_hand():
    assert report_csv.table(a_class()) == (
        '"file","status","points","max_points","message",'
        '"linear","linear points","linear diagnosis","conv","conv points","conv diagnosis"\r\n'
        '"zoë/hw.py","fail",6.6,8.0,"","pass",4.0,"","fail",2.6,""\r\n'
        '''"'-1+1.py","error",0.0,4.0,"","","","","error",0.0,"timeout"\r\n'''
        '''"c.py","error",0,0,"'=HYPERLINK(""x"")\\nline 2","","","","","",""\r\n'''
    )


def test_table_of_a_spec_has_its_pairs_and_no_others():
    rows = [*csv.reader(io.StringIO(report_csv.table(a_class(), ("conv", "absent"))))]
    assert rows[0][5:] == [
        "conv", "conv points", "conv diagnosis", "absent", "absent points", "absent diagnosis",
    ]  # fmt: skip
    assert rows[1][5:] == ["fail", "2.6", "", "", "", ""]


@pytest.mark.parametrize("words", [
    "=1+1", "+1", "-1", "@SUM(A1)", "＝1", " =1", "\t=1",
])  # fmt: skip
def test_no_cell_is_a_formula(words):
    assert report_csv.cell(words) == "'" + words.replace("\t", "    ")
    assert report_csv.cell("a" + words).startswith("a")


def test_results_for_gradescope_by_hand():
    files = [FileReport("hw.py", pairs=[made("linear", "pass"), stopped("conv")],
                        message="half of it <b>", status="error")]  # fmt: skip
    results = report_gradescope.results(files)
    assert results["tests"][0].pop("output").startswith("✓ linear: dx, dw right\n")
    assert results["tests"][1].pop("output").startswith("! conv: ran out of time\n  no end\n")
    assert strict(json.dumps(results)) == {
        "score": 4.0,
        "execution_time": 0.25,
        "output": "! hw.py: half of it <b>",
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "tests": [
            {
                "name": "linear", "score": 4.0, "max_score": 4.0, "status": "passed",
                "output_format": "text", "visibility": "visible",
            },
            {
                "name": "conv", "score": 0.0, "max_score": 4.0, "status": "failed",
                "output_format": "text", "visibility": "visible",
            },
        ],
    }  # fmt: skip
    assert "not finished" in report_gradescope.results(files, complete=False)["output"]
    several = report_gradescope.results([*files, FileReport("b.py", pairs=[made("f", "fail")])])
    assert [test["name"] for test in several["tests"]] == ["hw.py: linear", "hw.py: conv",
                                                           "b.py: f"]  # fmt: skip
    assert (several["tests"][2]["score"], several["score"]) == (2.6, 6.6)


# ---- a class on the command line


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("spec.toml").write_text(SPEC)
    return tmp_path


def test_a_class_with_a_hostile_submission(folder, capsys):
    texts = {
        "ann": homework("linear") + homework("conv", "2 * (dout @ x)"),
        "bob": "import os; os._exit(0)",
        "zoë": homework("linear"),
    }
    for name, text in texts.items():
        (folder / "class" / name).mkdir(parents=True)
        (folder / "class" / name / "hw.py").write_text(text)
    command = "gradcheck class --spec spec.toml --seeds 1 --csv out.csv --json out.json"
    assert main(command.split()) == 1
    rows = [*csv.reader(io.StringIO(Path("out.csv").read_text(encoding="utf-8-sig")))]
    assert [[Path(row[0]).parent.name, *row[1:4], *row[5:]] for row in rows[1:]] == [
        ["ann", "fail", "16.5", "20.0", "pass", "10.0", "", "fail", "6.5", "factor"],
        ["bob", "error", "0.0", "20.0", "error", "0.0", "crash", "error", "0.0", "crash"],
        ["zoë", "error", "10.0", "20.0", "pass", "10.0", "", "error", "0.0", "error"],
    ]
    assert "points: 26.5 of 60\n" in capsys.readouterr().out
    crashed = strict(Path("out.json").read_text())["files"][1]["pairs"][0]
    assert crashed["reproduce"].startswith("minigen gradcheck class")


def test_a_submission_that_does_not_load_gets_its_results_file(folder):
    Path("hw.py").write_text("def f(:")
    assert main(["gradcheck", "hw.py", "--no-isolate", "--gradescope", "results.json"]) == 4
    results = strict(Path("results.json").read_text())
    assert (results["score"], results["tests"]) == (0, [])
    assert "SyntaxError" in results["output"]
    again = ["--spec", "spec.toml", "--gradescope", "r.json"]
    assert main(["gradcheck", "hw.py", "--no-isolate", *again]) == 4
    results = strict(Path("r.json").read_text())
    assert [(t["name"], t["score"], t["max_score"]) for t in results["tests"]] == [
        ("linear", 0, 10), ("conv", 0, 10),
    ]  # fmt: skip


def test_so_does_one_without_homework(folder, capsys):
    (folder / "empty").mkdir()
    assert main(["gradcheck", "empty", "--gradescope", "results.json"]) == 2
    results = strict(Path("results.json").read_text())
    assert (results["score"], results["tests"]) == (0, [])
    assert results["output"] == "? empty: no .py or .ipynb file in empty"


@pytest.mark.parametrize(("share", "points"), [("0", 5), ("0.3", 6.5), ("1", 10)])
def test_a_teacher_sets_the_share_of_the_structure(folder, capsys, share, points):
    Path("hw.py").write_text(homework("linear", "2 * (dout @ x)") + homework("conv"))
    Path("s.toml").write_text(SPEC.replace("= 10", f"= 10\nstructure_share = {share}"))
    assert main(["gradcheck", "hw.py", "--no-isolate", "--seeds", "1", "--spec", "s.toml"]) == 1
    assert f"points: {points + 10:g} of 20\n" in capsys.readouterr().out


def test_a_share_is_a_number_up_to_one(folder, capsys):
    Path("hw.py").write_text(homework("linear"))
    Path("s.toml").write_text("[linear]\nstructure_share = 30")
    assert main(["gradcheck", "hw.py", "--spec", "s.toml"]) == 2
    assert "structure_share: 30 is not a number from 0 to 1" in capsys.readouterr().err


# ---- --resume


class Checker:
    """Stands for check_file: checks files by their text, and counts; stops at `stop`, and fails
    at the file `broken`."""

    def __init__(self, stop=None, broken=None):
        self.checked, self.stop, self.broken = [], stop, broken

    def __call__(self, path, settings, spec=None, on_report=None, command=None):
        self.checked.append(path)
        file = FileReport(path, found=["f", "g"])
        for name, verdict in zip(file.found, Path(path).read_text().split(), strict=True):
            file.pairs.append(made(name, verdict))
            on_report(file.pairs[-1])
            if (path, name) == self.stop:
                raise KeyboardInterrupt
        if path == self.broken:
            raise ZeroDivisionError
        file.status = "fail" if any(not r.passed for r in file.pairs) else "pass"
        return file


@pytest.fixture
def check(folder, monkeypatch):
    """check(options, ...) -> (exit code, files checked, document, table)."""
    for name, text in {"a": "pass pass", "b": "pass fail", "c": "fail pass"}.items():
        Path(f"{name}.py").write_text(text)

    def run(options="", **faults):
        checker = Checker(**faults)
        monkeypatch.setattr(gradcheck, "check_file", checker)
        words = f"gradcheck . --json out.json --csv out.csv {options}"
        code = main(words.split())
        return (code, checker.checked, strict(Path("out.json").read_text()),
                Path("out.csv").read_bytes())  # fmt: skip

    return run


@pytest.mark.parametrize("stop", [(f, p) for f in ("a.py", "b.py", "c.py") for p in "fg"])
def test_a_resumed_run_ends_as_one_that_was_not_interrupted(check, capsys, stop):
    code, everything, whole, table = check()
    assert (code, everything) == (1, ["a.py", "b.py", "c.py"])
    summary = capsys.readouterr().out.splitlines()[-2:]
    code, before, part, _ = check(stop=stop)
    assert (code, part["complete"]) == (130, False)
    code, after, resumed, again = check("--resume")
    assert before[:-1] + after == everything        # the one at hand is checked anew
    assert (code, resumed, again) == (1, whole, table)
    out = capsys.readouterr().out.splitlines()
    assert out[-2:] == summary
    assert out.count("a.py: unchanged since it was checked, 8 of 8 points") == (stop[0] > "a.py")


def test_being_stopped_again_loses_nothing(check):
    *_, whole, _ = check()
    Path("a.py").write_text("pass fail")
    code, checked, document, _ = check("--resume", stop=("a.py", "f"))
    assert (code, checked) == (130, ["a.py"])
    assert document["files"][1:] == whole["files"][1:]
    assert check("--resume")[1] == ["a.py"]


def test_what_is_new_or_changed_is_checked_and_what_is_gone_is_dropped(check):
    check()
    Path("b.py").write_text("pass pass")
    Path("d.py").write_text("pass pass")
    Path("a.py").unlink()
    code, checked, document, _ = check("--resume")
    assert (code, checked) == (1, ["b.py", "d.py"])
    assert [(f["file"], f["status"]) for f in document["files"]] == [
        ("b.py", "pass"), ("c.py", "fail"), ("d.py", "pass"),
    ]  # fmt: skip


@pytest.mark.parametrize("change", [
    "--seed 1", "--seeds 2", "--fast", "--strict off", "--timeout 5s", "--only f",
    "--spec spec.toml", "--hints 1",
])  # fmt: skip
def test_results_under_other_conditions_do_not_count(check, capsys, change):
    check("--resume")       # there is nothing yet
    assert capsys.readouterr().err == ""
    assert len(check(f"--resume {change}")[1]) == 3
    assert "out.json is of another seed, spec, version" in capsys.readouterr().err
    assert check(f"--resume {change}")[1] == []
    assert capsys.readouterr().err == ""


def test_neither_do_those_of_another_spec_or_version(check, monkeypatch):
    check("--spec spec.toml")
    Path("spec.toml").write_text(SPEC.replace("10", "11"))
    assert len(check("--spec spec.toml --resume")[1]) == 3
    monkeypatch.setattr("minigen.__version__", "0.0.1")
    assert len(check("--spec spec.toml --resume")[1]) == 3
    monkeypatch.setattr(resume, "__file__", str(Path("elsewhere", "resume.py").resolve()))
    assert len(check("--spec spec.toml --resume")[1]) == 3      # another source


def test_what_an_error_of_our_own_cost_is_checked_again(check):
    assert check(broken="b.py")[0] == 5
    code, checked, *whole = check("--resume")
    assert (code, checked) == (1, ["b.py"])
    assert whole == [*check()[2:]]


def test_a_file_that_could_not_be_read_is_checked_again(check, monkeypatch):
    monkeypatch.setattr(resume, "LARGEST", len("pass fail"))
    Path("b.py").write_text("pass  fail")
    check()
    assert check("--resume")[1] == ["b.py"]


@pytest.mark.parametrize("text", ["[1]", "{}", "not JSON", '{"schema": 2}', "[" * 100_000])
def test_another_file_is_not_overwritten_by_resuming(folder, capsys, text):
    Path("hw.py").write_text(homework("linear"))
    Path("notes.json").write_text(text)
    assert main(["gradcheck", "hw.py", "--no-isolate", "--json", "notes.json", "--resume"]) == 2
    assert "notes.json is no document of minigen gradcheck" in capsys.readouterr().err
    assert Path("notes.json").read_text() == text


def test_digest_follows_what_a_file_names(folder):
    Path("hw.py").write_text("import utils\nfrom layers import conv")
    Path("layers").mkdir()
    for name in ("utils", "constants", "other", "layers/conv"):
        Path(f"{name}.py").write_text("import constants")
    last = resume.digest("hw.py")
    for name, counts in {"utils": 1, "constants": 1, "other": 0, "layers/conv": 1}.items():
        Path(f"{name}.py").write_text("import constants; changed = 1")
        assert (resume.digest("hw.py") != last) == counts
        last = resume.digest("hw.py")
    assert resume.digest("absent.py") is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_digest_waits_for_no_pipe(folder):
    Path("hw.py").write_text("import utils")
    os.mkfifo("utils.py")
    assert resume.digest("hw.py")


@pytest.mark.skipif(os.name == "nt", reason="there not everybody may make links")
def test_digest_goes_round_in_no_circle_and_not_everywhere(folder, monkeypatch):
    Path("hw.py").write_text("import a, b, c")
    first = resume.digest("hw.py")
    for name in "ab":
        Path(name).symlink_to(".")
    assert resume.digest("hw.py") == first
    Path("c").mkdir()
    for i in range(9):
        Path(f"c/m{i}.py").write_text("")
    Path("hw.py").write_text("import a, b, c" + ", m".join(map(str, range(-1, 9))))
    assert resume.digest("hw.py")
    monkeypatch.setattr(resume, "MOST", 9)
    assert resume.digest("hw.py") is None


def test_conditions_are_the_same_for_the_same(folder):
    first = resume.conditions(Settings(), "spec.toml", ["--seed", "0"])
    assert first == resume.conditions(Settings(), "spec.toml", ["--seed", "0"])
    assert first != resume.conditions(Settings(), None, ["--seed", "0"])
