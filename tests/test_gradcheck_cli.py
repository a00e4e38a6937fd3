"""`minigen gradcheck`: options, what is printed where, JSON, exit codes, interruption.

Idea: what the command makes of reports is tested with reports made by hand, for a checker that
fails or is stopped at a certain pair cannot be had from homework at will.
Read next: test_gradcheck_command.py, homework all the way.
"""

import os
import re
import sys
from pathlib import Path

import pytest
from test_gradcheck_json import strict, violations

from minigen.cli import gradcheck, gradcheck_options, main
from minigen.gradcheck import report_json
from minigen.gradcheck.report import ArgumentReport, FileReport, Finding, Report, points_of
from minigen.gradcheck.spec import SpecError


def made(name, verdict):
    """A report with this verdict."""
    if verdict == "error":
        report = Report(name, verdict, structure=[Finding("timeout", "error", "no end")])
    else:
        report = Report(name, verdict, [ArgumentReport("x", (3,), verdict, checked=3)])
    report.points = points_of(report)
    return report


class Checker:
    """Stands for check_file: file name -> verdicts by pair, or an exception to raise after them."""

    def __init__(self, files):
        self.files, self.settings = files, None

    def __call__(self, path, settings, spec=None, on_report=None, command=None):
        self.settings = settings
        content = self.files[os.path.basename(path)]
        file = FileReport(path)
        file.found = [name for name in content if isinstance(content[name], str)]
        for name, verdict in content.items():
            if not isinstance(verdict, str):
                raise verdict
            if not settings.only or name in settings.only:
                file.pairs.append(made(name, verdict))
                file.pairs[-1].reproduce = command(name)
                on_report(file.pairs[-1])
        order = ("error", "fail", "undecided", "pass")
        verdicts = [report.verdict for report in file.pairs]
        file.status = min(verdicts, key=order.index, default="empty")
        return file


@pytest.fixture
def command(tmp_path, monkeypatch):
    """command(files, *options) -> exit code, for a Checker and empty files of these names."""
    monkeypatch.chdir(tmp_path)

    def run(files, *options):
        for name in files:
            (tmp_path / name).write_text("")
        run.checker = Checker(files)
        monkeypatch.setattr(gradcheck, "check_file", run.checker)
        return main(["gradcheck", *(options or files)])

    return run


@pytest.mark.parametrize(("verdicts", "code"), [
    (["pass", "pass"], 0),
    (["pass", "undecided"], 3),
    (["undecided", "error", "pass"], 4),
    (["pass", "fail", "error", "undecided"], 1),
    ([], 2),
])  # fmt: skip
def test_exit_code_is_the_first_that_holds(command, verdicts, code):
    pairs = {f"pair{i}": verdict for i, verdict in enumerate(verdicts)}
    assert command({"a.py": pairs}) == code
    each = {f"{i}.py": {f"pair{i}": verdict} for i, verdict in enumerate(verdicts)}
    assert not each or command(each) == code


def test_an_error_of_our_own_is_5_and_the_next_file_is_checked(command, capsys):
    files = {"a.py": {"f": "fail", "g": ZeroDivisionError("ours")}, "b.py": {"h": "pass"}}
    assert command(files, *files, "--json", "out.json") == 5
    out, err = capsys.readouterr()
    assert "✗ f: dx is wrong" in out
    assert "✓ h: dx right" in out
    assert "ZeroDivisionError: ours" in err
    assert "not of the homework" in err
    first, second = strict(Path("out.json").read_text())["files"]
    assert first["status"] == "error"
    assert "minigen itself" in first["message"]
    assert [pair["name"] for pair in first["pairs"]] == ["f"]
    assert second["status"] == "pass"


def test_a_file_without_pairs_counts_if_it_was_named(command, capsys):
    files = {"a.py": {"f": "pass"}, "helper.py": {}}
    assert command(files, ".") == 0
    assert "? helper.py: no pair found: write" in capsys.readouterr().out
    assert command(files, "a.py", "helper.py") == 2
    assert command({**files, "b.py": {"g": "undecided"}}, "b.py", "helper.py") == 3


def test_only_names_what_is_not_there(command, capsys):
    files = {"a.py": {"linear": "pass"}, "b.py": {"conv": "pass"}}
    assert command(files, "a.py", "b.py", "--only", "conv") == 0
    assert command(files, "a.py", "b.py", "--only", "conv, linaer") == 2
    assert "--only linaer: no pair of that name; did you mean linear?" in capsys.readouterr().err
    assert command(files, "a.py", "--only", "zzz") == 2
    assert "there are: linear" in capsys.readouterr().err


def test_counts_and_points_at_the_end(command, capsys):
    assert command({"a.py": {"f": "pass", "g": "fail"}, "b.py": {"h": "error"}}) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[-2:] == ["2 files, 3 pairs: 1 right, 1 wrong, 1 stopped", "points: 1.3 of 3"]
    assert [line for line in out if line.endswith(".py")] == ["a.py", "b.py"]


def test_how_to_see_the_same_again(command, capsys):
    file = {"my hw.py": {"f": "fail"}}
    command(file, "my hw.py")
    assert "  Again: minigen gradcheck 'my hw.py' --only f --seed 0\n" in capsys.readouterr().out
    options = (
        "--seed 7 --fast --nudge --seeds 2 --budget 1.5s --timeout 60s --mem 512M --strict off "
        "--no-isolate"
    )
    command(file, "my hw.py", *options.split())
    assert f"'my hw.py' --only f {options}\n" in capsys.readouterr().out


def test_options_reach_the_checker(command):
    file = {"a.py": {"f": "pass"}}
    command(file, "a.py", "--only", "f,g", "--budget", "2m", "--mem", "512M", "--full")
    settings = command.checker.settings
    assert settings.only == ("f", "g")
    assert (settings.budget, settings.timeout, settings.memory) == (120.0, 240.0, 512 << 20)
    assert (settings.mode, settings.strict, settings.isolate) == ("full", True, True)
    command(file, "a.py", "--strict", "off", "--no-isolate", "--timeout", "500ms", "--fast")
    settings = command.checker.settings
    assert (settings.mode, settings.strict, settings.isolate) == ("fast", False, False)
    assert (settings.budget, settings.timeout) == (20.0, 0.5)


@pytest.mark.parametrize(("options", "fix"), [
    (["--budget", "fast"], "'fast' is no time; write 20s, 2m or 500ms"),
    (["--timeout", "0s"], "'0s' is no time"),
    (["--mem", "lots"], "'lots' is no size; write 1G or 512M"),
    (["--mem", "1M"], "the least is 16M"),
    (["--seeds", "0"], "'0' is not a whole number of at least 1"),
    (["--seed", "-1"], "argument --seed"),
    (["--only", ","], "--only conv,linear checks these two pairs"),
    (["--strict", "maybe"], "invalid choice: 'maybe'"),
    (["--fast", "--full"], "not allowed with argument"),
    (["--list", "--init"], "not allowed with argument"),
    (["--list", "--json", "-"], "not allowed with argument"),
    (["--timeout", "9" * 400], "is no time"),
    (["loose.py"], "loose.py is no ordinary file, or leads to none"),
    (["--json", "b.py"], "b.py looks like homework, and would be overwritten"),
    (["--json", "nowhere/out.json"], "cannot write into nowhere"),
    (["--json", "."], ". is a folder"),
    (["--csv", "b.py"], "b.py looks like homework, and would be overwritten"),
    (["--csv", "x", "--json", "./x"], "two of them name the same file"),
    (["--spec", "x.toml", "--csv", "x.toml"], "two of them name the same file"),
    (["--gradescope", "x", "--list"], "--list and --init check nothing: leave out --csv"),
    (["--resume"], "--resume goes on with a run that wrote --json FILE: name that file"),
    (["--resume", "--json", "x", "--gradescope", "y"], "--gradescope is about one submission"),
    (["--json", os.devnull], "is no ordinary file"),
    (["linaer.py"], "no such file: linaer.py; did you mean linear.py?"),
    (["notes.txt"], "notes.txt is neither .py nor .ipynb"),
])  # fmt: skip
def test_wrong_values_are_one_line_with_the_fix(command, capsys, options, fix):
    Path("notes.txt").write_text("")
    if "loose.py" in options:
        Path("loose.py").symlink_to("nowhere.py")
    try:
        code = command({"linear.py": {"f": "pass"}}, "linear.py", *options)
    except SystemExit as stopped:
        code = stopped.code
    assert code == 2
    assert fix in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(("text", "seconds"), [
    ("20s", 20), ("2m", 120), ("500ms", 0.5), ("20", 20), ("1.5 h", 5400), (".5s", 0.5),
])  # fmt: skip
def test_durations(text, seconds):
    assert gradcheck_options.duration(text) == seconds


@pytest.mark.parametrize(("text", "size"), [
    ("1G", 1 << 30), ("512M", 512 << 20), ("1.5g", 3 << 29), ("65536KiB", 64 << 20),
])  # fmt: skip
def test_sizes(text, size):
    assert gradcheck_options.size(text) == size


def test_folders_are_their_files_in_order(tmp_path):
    for name in ("b.py", "a.py", "c.ipynb", "notes.txt", ".hidden.py"):
        (tmp_path / name).write_text("")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "d.py").write_text("")
    inside = [str(tmp_path / name) for name in ("a.py", "b.py", "c.ipynb")]
    assert gradcheck_options.homework([str(tmp_path)]) == inside
    assert gradcheck_options.homework([inside[2], str(tmp_path)]) == [inside[2], *inside[:2]]


def test_a_folder_without_files_is_those_of_its_folders(tmp_path):
    for name in ("zoë/hw.py", "ann/b.py", "ann/a.ipynb", "ann/deeper/c.py", ".git/d.py",
                 "__MACOSX/e.py", "notes.txt/f.txt"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    inside = [str(tmp_path / name) for name in ("ann/a.ipynb", "ann/b.py", "zoë/hw.py")]
    assert gradcheck_options.homework([str(tmp_path)]) == inside


def test_an_empty_folder_is_nothing_found(tmp_path, capsys):
    assert main(["gradcheck", str(tmp_path)]) == 2
    assert "no .py or .ipynb file in" in capsys.readouterr().err


def test_a_spec_that_cannot_be_used(command, capsys):
    Path("spec.toml").write_text("[f\n")
    assert command({"a.py": {"f": "pass"}}, "a.py", "--spec", "spec.toml") == 2
    assert "spec.toml, line 1" in capsys.readouterr().err
    unfit = SpecError("spec.toml, [f]: f has no argument z")
    assert command({"a.py": {"f": unfit}}, "a.py", "--json", "-") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "minigen gradcheck: spec.toml, [f]: f has no argument z\n"


def test_json_is_written_after_each_pair(command, monkeypatch):
    written = []
    write = report_json.write
    monkeypatch.setattr(report_json, "write", lambda path, v: (written.append(v), write(path, v)))
    assert command({"a.py": {"f": "pass", "g": "pass"}}, "a.py", "--json", "out.json") == 0
    states = [
        (d["complete"], [(f["status"], len(f["pairs"])) for f in d["files"]]) for d in written
    ]
    assert states == [
        (False, []),
        (False, [("error", 1)]),
        (False, [("error", 2)]),
        (False, [("pass", 2)]),
        (True, [("pass", 2)]),
    ]
    assert strict(Path("out.json").read_text()) == written[-1]


def test_json_that_cannot_be_written_is_said_once(command, monkeypatch, capsys):
    def full(path, value):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(report_json, "write", full)
    assert command({"a.py": {"f": "pass", "g": "pass"}}, "a.py", "--json", "out.json") == 2
    out, err = capsys.readouterr()
    assert "✓ g: dx right" in out
    assert err == "out.json cannot be written: No space left on device\n"


def unread():
    """A stream whose reader is gone."""
    reader, writer = os.pipe()
    os.close(reader)
    return open(writer, "w")


def test_a_reader_that_had_enough_ends_a_run_unless_it_writes_a_file(
    command, monkeypatch, capfd
):
    files = {"a.py": {"f": "fail"}, "b.py": {"g": "pass"}}
    with unread() as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert command(files) == 141
    with unread() as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert command(files, "a.py", "b.py", "--json", "out.json") == 1
    document = strict(Path("out.json").read_text())
    assert document["complete"] and [f["status"] for f in document["files"]] == ["fail", "pass"]
    assert capfd.readouterr().err == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("options", [["a.py"], ["a.py", "--json", "-"]])
def test_a_full_disk_is_no_wrong_gradient(command, monkeypatch, capfd, options):
    with open("/dev/full", "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert command({"a.py": {"f": "fail"}}, *options) == 2
    assert "standard output: No space left on device" in capfd.readouterr().err


def test_without_standard_streams(command, monkeypatch):
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    assert command({"a.py": {"f": "fail"}}) == 1
    for name in ("stdin", "stdout", "stderr"):
        getattr(sys, name).close()


def test_json_alone_on_standard_output(command, capfd):
    assert command({"a.py": {"f": "fail"}, "b.py": {}}, "a.py", "b.py", "--json", "-") == 1
    out, err = capfd.readouterr()
    document = strict(out)
    assert list(violations(document, "document")) == []
    assert [file["status"] for file in document["files"]] == ["fail", "empty"]
    assert document["complete"] is True
    assert err == ""


def test_interrupted(command, capsys):
    files = {"a.py": {"f": "pass"}, "b.py": {"g": "fail", "h": KeyboardInterrupt()}, "c.py": {}}
    assert command(files, *files, "--json", "out.json") == 130
    out, err = capsys.readouterr()
    assert "✓ f" in out
    assert "✗ g" in out
    assert err == "stopped: 1 of 3 files are done\n"
    document = strict(Path("out.json").read_text())
    assert document["complete"] is False
    assert [(f["file"], f["status"]) for f in document["files"]] == [
        ("a.py", "pass"), ("b.py", "error")
    ]  # fmt: skip
    assert document["files"][1]["message"] == "not checked to its end"
    assert document["files"][1]["pairs"][0]["verdict"] == "fail"


def test_interrupted_with_json_on_standard_output(command, capsys):
    assert command({"a.py": {"f": "pass", "g": KeyboardInterrupt()}}, "a.py", "--json", "-") == 130
    document = strict(capsys.readouterr().out)
    assert document["complete"] is False
    assert len(document["files"][0]["pairs"]) == 1


def test_help_is_complete(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["gradcheck", "--help"])
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    flags = set(re.findall(r"^  (--[a-z-]+)", shown, re.MULTILINE))
    assert flags == {
        "--only", "--seed", "--seeds", "--fast", "--full", "--budget", "--strict", "--nudge",
        "--json", "--spec", "--init", "--no-isolate", "--mem", "--timeout", "--list", "--exercise",
        "--csv", "--gradescope", "--resume", "--pictures", "--hints",
        "--explain", "--self-test",
        "--repair",
    }  # fmt: skip
    assert shown.count("  minigen gradcheck ") == 4
    assert "  5  an error of minigen itself" in shown
