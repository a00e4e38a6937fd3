"""`minigen gradcheck` on homework: right, wrong, hanging, printing, interrupted; --list, --init.

Read next: test_gradcheck_cli.py, the command on reports made by hand.
"""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_gradcheck_json import strict, violations

from minigen.cli import gradcheck, main
from minigen.gradcheck import checker

LINEAR = '''
import os
import numpy as np

def make_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 2)), rng.normal(size=2)

def {name}_forward(x, w):
    print("printed by forward")
    os.write(1, b"written by forward")
    return x @ w, (x, w)

def {name}_backward(dout, cache):
    x, w = cache
    {line}
    return np.outer(dout, w), {dw}
'''


def homework(name, dw="dout @ x", line="pass"):
    """A file with one pair: right, unless dw or a line of its backward says otherwise."""
    return LINEAR.format(name=name, dw=dw, line=line)


# at ones, where floor jumps
JUMPS = (
    homework("jumps")
    .replace("@ w,", "@ np.floor(w),")
    .replace("rng.normal(size=", "np.ones(shape=")
)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """files(name=text, ...): writes name.py and goes to their folder."""
    monkeypatch.chdir(tmp_path)

    def write(**texts):
        for name, text in texts.items():
            Path(f"{name}.py").write_text(text)

    return write


@pytest.mark.parametrize(("text", "code", "shown"), [
    (homework("right"), 0, "✓ right: dx, dw right"),
    (homework("wrong", "2 * (dout @ x)"), 1, "✗ wrong: dw is wrong"),
    (homework("raises", line="cache[5]"), 4, "! raises: raised an error"),
    ("x = 1", 2, "? hw.py: no pair found"),
    ("def f(:", 4, "! hw.py: "),
    (JUMPS, 3, "? jumps: dw undecided"),
])  # fmt: skip
def test_a_file_all_the_way(files, capsys, text, code, shown):
    files(hw=text)
    assert main(["gradcheck", "hw.py", "--no-isolate"]) == code
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith(shown) for line in lines)


def test_a_folder_with_one_that_hangs_as_json(files):
    """The only start of a whole process: standard output holds the document and nothing else."""
    files(a=homework("right"), b=homework("hangs", line="while True: pass"),
          c=homework("wrong", "2 * (dout @ x)"), d="import os; os._exit(0)")  # fmt: skip
    command = [sys.executable, "-m", "minigen", "gradcheck", ".", "--timeout", "1s", "--json", "-"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment())
    document = strict(ran.stdout)
    assert ran.returncode == 1
    assert list(violations(document, "document")) == []
    assert {f["file"]: f["status"] for f in document["files"]} == {
        "a.py": "pass", "b.py": "error", "c.py": "fail", "d.py": "error",
    }  # fmt: skip
    hung = document["files"][1]["pairs"][0]
    assert [f["check"] for f in hung["structure"] if f["verdict"] == "error"] == ["timeout"]
    right = document["files"][0]["pairs"][0]
    assert "printed by forward" in right["output"]
    worst = document["files"][2]["pairs"][0]["arguments"][1]["worst"][0]
    assert worst["ratio"] == pytest.approx(2)


def environment():
    """Of a process that finds this minigen, wherever its folder is."""
    root = Path(gradcheck.__file__).resolve().parents[2]
    return {**os.environ, "PYTHONPATH": str(root)}


def test_no_word_of_a_homework_gets_into_the_document(files, capfd):
    files(hw=homework("right"))
    assert main(["gradcheck", "hw.py", "--no-isolate", "--json", "-"]) == 0
    out, err = capfd.readouterr()
    assert strict(out)["files"][0]["status"] == "pass"
    assert "printed by forward" in err
    assert "written by forward" in err


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C reaches a process group, not one process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_being_stopped_leaves_what_was_done(files, tmp_path, number):
    (tmp_path / "temporary").mkdir()
    files(a=homework("right"), b=homework("hangs", line="while True: pass"))
    command = [sys.executable, "-m", "minigen", "gradcheck", "a.py", "b.py", "--json", "out.json"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**environment(), "TMPDIR": str(tmp_path / "temporary")},
    )  # fmt: skip
    lines = iter(process.stdout.readline, "b.py\n")
    assert "✓ right: dx, dw right\n" in [*lines]
    time.sleep(0.5)     # into the child that hangs; what is tested holds before it, too
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "stopped: 1 of 2 files are done\n"
    document = strict(Path("out.json").read_text())
    assert [f["status"] for f in document["files"]] == ["pass", "error"]
    assert document["complete"] is False
    assert [*(tmp_path / "temporary").iterdir()] == []


@pytest.mark.parametrize(("line", "says"), [
    ("POINTS = 'ten'", "POINTS is a str: write a number from 0"),
    ("POINTS = float('nan')", "POINTS is a float: write a number from 0"),
    ("POINTS = 10**400", "POINTS is an int: write a number from 0"),
    ("WRT = {'right': 3}", "WRT is an int: write the arguments' names in a tuple"),
    ("WRT = ('x', None)", "WRT is a tuple of 2: write the arguments' names in a tuple"),
])  # fmt: skip
def test_options_of_a_file_that_make_no_sense(files, capsys, line, says):
    files(hw=homework("right") + line)
    assert main(["gradcheck", "hw.py", "--no-isolate"]) == 4
    out = capsys.readouterr().out
    assert says in out and "minigen itself" not in out
    assert main(["gradcheck", "hw.py", "--no-isolate", "--list"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split()[-1] == "?"


def test_a_file_does_not_choose_what_a_spec_counts(files, capsys):
    files(hw=homework("lazy", dw="None") + "WRT = 'x'\nPOINTS = 1000")
    Path("s.toml").write_text("[lazy.inputs]\nx = {shape = [3, 2]}\nw = {shape = [2]}")
    assert main(["gradcheck", "hw.py", "--no-isolate"]) == 0
    capsys.readouterr()
    assert main(["gradcheck", "hw.py", "--no-isolate", "--spec", "s.toml", "--list"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split()[-1] == "1"
    assert main(["gradcheck", "hw.py", "--no-isolate", "--spec", "s.toml"]) == 3
    assert "dw is None, but the output depends on w" in capsys.readouterr().out


def test_what_a_guess_raised_is_said(files, capsys):
    files(hw="""
class Layer:
    def __init__(self):
        raise ValueError("unfinished")
    def forward(self, x):
        return x
    def backward(self, dout):
        return dout
""")
    assert main(["gradcheck", "hw.py", "--no-isolate"]) == 4
    out = " ".join(capsys.readouterr().out.split())
    assert "no inputs: write Layer_inputs(seed)" in out
    assert 'line 4: raise ValueError("unfinished"): ValueError: unfinished' in out


def test_inputs_without_return(files, capsys):
    own = homework("right").replace("make_inputs", "right_inputs")
    files(hw=own.replace("return rng", "rng"))
    assert main(["gradcheck", "hw.py", "--no-isolate"]) == 4
    assert "right_inputs returns None, not the arguments of right_forward" in (
        " ".join(capsys.readouterr().out.split()))


def test_no_entries_are_said_to_be_none(files, capsys):
    files(hw=homework("none").replace("(3, 2)", "(0, 2)"))
    assert main(["gradcheck", "hw.py", "--no-isolate"]) == 0
    assert "x has no entries: nothing to compare" in capsys.readouterr().out


def test_a_name_that_is_no_text(files):
    files(hw="""
globals()["\\ud800_forward"] = lambda x: (2 * x, None)
globals()["\\ud800_backward"] = lambda dout, cache: 2 * dout
""")
    assert main(["gradcheck", "hw.py", "--no-isolate", "--json", "out.json"]) == 0
    assert strict(Path("out.json").read_text())["files"][0]["found"] == ["\ud800"]


def test_an_error_of_our_own_costs_one_pair(files, capsys, monkeypatch):
    def compare(subject, examination, **options):
        if subject.name == "b":
            raise ZeroDivisionError("ours")
        return values(subject, examination, **options)

    values = checker.values.compare
    monkeypatch.setattr(checker.values, "compare", compare)
    files(hw=homework("a") + homework("b") + homework("c") + "POINTS = {'b': 7}\n")
    assert main(["gradcheck", "hw.py", "--no-isolate"]) == 5
    out, err = capsys.readouterr()
    assert re.findall(r"^([✓!] \w): ", out, re.MULTILINE) == ["✓ a", "! b", "✓ c"]
    assert "an error of minigen itself, not of the homework: this pair is not checked" in out
    assert out.endswith("points: 2 of 9\n")
    assert "ZeroDivisionError: ours" in err


def test_list_checks_nothing(files, capsys):
    files(a=homework("linear", line="raise SystemExit"), b=homework("conv", "1 / 0"))
    assert main(["gradcheck", ".", "--list", "--no-isolate"]) == 0
    assert capsys.readouterr().out == (
        "a.py\n"
        "  pair    arguments  inputs    points\n"
        "  linear  x, w       the file  1\n"
        "b.py\n"
        "  pair  arguments  inputs    points\n"
        "  conv  x, w       the file  1\n"
    )


def test_list_of_what_cannot_be_loaded(files, capsys):
    files(a="def f(:", b="x = 1")
    assert main(["gradcheck", "a.py", "--list", "--no-isolate"]) == 4
    assert main(["gradcheck", "b.py", "--list", "--no-isolate"]) == 2
    assert "b.py: no pair found" in capsys.readouterr().err
    files(c="raise ValueError('\\x1b[2J' + '\\n\u2713 f: dx right')")      # paints on no terminal
    assert main(["gradcheck", "c.py", "--list", "--no-isolate"]) == 4
    err = capsys.readouterr().err
    assert "\\x1b[2J\\n\u2713 f" in err and "\x1b" not in err and err.count("\n") == 1


def test_init_writes_a_spec_that_can_be_used(files, capsys):
    files(hw=homework("linear").replace("make_inputs", "unused"))
    assert main(["gradcheck", "hw.py", "--init", "--no-isolate"]) == 0
    assert "minigen gradcheck hw.py --spec hw.toml" in capsys.readouterr().out
    text = Path("hw.toml").read_text()
    Path("hw.toml").write_text(text.replace("points = 1", "points = 7"))
    assert main(["gradcheck", "hw.py", "--spec", "hw.toml", "--list", "--no-isolate"]) == 0
    assert re.search(r"linear +x, w +the spec +7\n", capsys.readouterr().out)
    assert main(["gradcheck", "hw.py", "--spec", "hw.toml", "--no-isolate"]) == 0
    assert main(["gradcheck", "hw.py", "--init", "--no-isolate"]) == 2
    assert "hw.toml exists and is left as it is" in capsys.readouterr().err
    assert "points = 7" in Path("hw.toml").read_text()
