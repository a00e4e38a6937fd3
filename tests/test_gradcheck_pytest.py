"""The pytest plugin: fixture, marker with points, homework files as tests.

Idea: each test runs a small pytest of its own in this process, with the plugin and nothing else.
tests/test_install.py looks at the plugin of an installed minigen.
"""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parents[1]
PLUGIN = "minigen.gradcheck.minigen_pytest"

CHECKS = '''
import numpy as np
import pytest

x = np.arange(3.0) + 1


@pytest.mark.gradcheck(points=5)
def test_right(gradcheck):
    assert gradcheck(lambda x: (x**2, x), lambda dout, x: 2 * x * dout, inputs=x).passed


@pytest.mark.gradcheck(points=3)
def test_wrong(gradcheck):
    gradcheck(lambda x: (x**2, x), lambda dout, x: x * dout, inputs=x, name="square")


@pytest.mark.gradcheck
def test_undecided(gradcheck):
    forward = lambda x: (x + np.random.default_rng().normal(size=3), x)
    gradcheck(forward, lambda dout, x: dout, inputs=x, name="noise")
'''

HOMEWORK = '''
import os
import sys
import numpy as np

POINTS = {"double": 2, "mean": 4}


def double_forward(x):
    return 2 * x, None


def double_backward(dout, cache):
    return 2 * dout


def mean_forward(x):
    print("pytest" in sys.modules, os.getppid())
    return x.mean(axis=0), x.shape


def mean_backward(dout, shape):
    return np.broadcast_to(dout, shape).copy()


def make_inputs(seed):
    return np.random.default_rng(seed).normal(size=(4, 3))
'''

SPEC = '''
[double]
points = 10
[absent]
points = 5
'''


@pytest.fixture
def run(pytester, monkeypatch):
    """run(*words, file=text): write the files, run pytest with these words; its RunResult."""
    # what is loaded by now, pytester lets the next run and the other tests have, too
    importlib.import_module("minigen.gradcheck.spec")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # an installed plugin is the same
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run_pytest(*words, **files):
        if files:
            pytester.makepyfile(**files)
        return pytester.runpytest_inprocess("-p", PLUGIN, "--strict-markers", *words)

    return run_pytest


def lines_of(result):
    return [line.rstrip() for line in result.outlines]


def test_fixture_fails_with_the_whole_report(run):
    result = run(test_it=CHECKS)
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines([
        ">*gradcheck(lambda x: (x[*][*]2, x), lambda dout, x: x [*] dout*",
        "E *AssertionError: ? square: dx is wrong",
        "E *dx is exactly 2 times too small; does a square bring a 2?*",
        "E *dx[[]*0.5",
        "E *Checked at seed 0*",
        "E *UndecidedGradient: ? noise: undecided",
    ])
    assert "in assert_passed" not in result.stdout.str()    # our own lines are hidden


def test_hints_have_a_ceiling(run):
    words = "--minigen-gradcheck=hw.py", "--minigen-gradcheck-hints=0", "-k", "wrong or mean"
    result = run(*words, hw=HOMEWORK, test_it=CHECKS.replace('"square"', '"square", hints=2'))
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines([
        "E *AssertionError: ? square: wrong",
        "? mean: wrong",
        "*1.2 of 4 points (hint level 0: no more is shown)",
        "gradcheck points: 1.2 of 7",       # as at any level
    ])
    assert "numeric" not in result.stdout.str()


def test_points_are_summed_and_written_to_the_xml(run, pytester):
    result = run("--junitxml=out.xml", test_it=CHECKS)
    assert "gradcheck points: 5 of 9" in lines_of(result)
    xml = (pytester.path / "out.xml").read_text()
    assert '<property name="gradcheck_points" value="5" />' in xml
    assert '<property name="gradcheck_max_points" value="3" />' in xml


def test_points_of_tests_that_do_not_come_to_run_count_as_missed(run):
    skipped = "\n\n@pytest.mark.gradcheck(points=2)\n@pytest.mark.skip\ndef test_s(): pass\n"
    broken = "\n\n@pytest.mark.gradcheck(points=2)\ndef test_b(absent): pass\n"
    assert "gradcheck points: 5 of 13" in lines_of(run(test_it=CHECKS + skipped + broken))
    assert "gradcheck points: 5 of 13" in lines_of(run("-x"))
    assert "gradcheck points: 5 of 5" in lines_of(run("-k", "right"))


def test_no_points_without_the_marker(run):
    result = run(test_it="def test_plain(): pass")
    result.assert_outcomes(passed=1)
    assert "gradcheck points" not in result.stdout.str()


@pytest.mark.parametrize("arguments", ["5", "point=5", "points=-1", "points='5'", "points=1e999"])
def test_a_marker_not_understood_is_an_error_of_usage(run, arguments):
    text = f"import pytest\n@pytest.mark.gradcheck({arguments})\ndef test_it(): pass"
    result = run(test_it=text)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*test_it.py::test_it: the marker gradcheck takes points*"])


def test_a_homework_file_is_one_test_for_each_pair(run, pytester):
    result = run("--minigen-gradcheck=hw.py", "-v", hw=HOMEWORK, test_it="def test_plain(): pass")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines([
        "collect* 3 items",
        "hw.py::double PASSED*",
        "hw.py::mean FAILED*",
        "*hw.py: mean*",
        "? mean: dx is wrong",
        "*dx is exactly 4 times too large; 4 is the length of axis 0 of x*",
        f"*Again: minigen gradcheck {pytester.path / 'hw.py'} --only mean",
        "gradcheck points: 3.2 of 6",     # 30 % of mean's for a structure without fault
    ])


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["-k", "mean"], ["hw.py::mean"]),
        (["-m", "gradcheck"], ["hw.py::double", "hw.py::mean"]),
        (["--minigen-gradcheck=./hw.py", "-k", "double"], ["hw.py::double"]),
        (["-k", "plain or mean"], ["test_it.py::test_plain", "hw.py::mean"]),
    ],
)
def test_homework_is_selected_as_any_test(run, words, names):
    files = {"hw": HOMEWORK, "test_it": "def test_plain(): pass"}
    result = run("--minigen-gradcheck=hw.py", "--collect-only", "-q", *words, **files)
    assert [line for line in lines_of(result) if "::" in line] == names
    assert "gradcheck points" not in result.stdout.str()


def test_homework_runs_in_a_process_of_its_own(run, pytester):
    folder = pytester.mkdir("handed_in")
    (folder / "hw.py").write_text(HOMEWORK)
    (folder / "conftest.py").write_text("raise SystemExit('a student is in our process')")
    files = {"test_it": "def test_plain(): pass"}
    result = run("--minigen-gradcheck=handed_in/hw.py", "test_it.py", **files)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines([f"*False {os.getpid()}*"])


def test_a_file_that_does_not_load_stops_nothing(run):
    names = ("dead", "empty", "hw")
    dead = "import os\nprint('last words')\nos.abort()"
    result = run(
        *(f"--minigen-gradcheck={name}.py" for name in names),
        dead=dead, empty="def conv_forward(x): return x", hw=HOMEWORK,
    )  # fmt: skip
    result.assert_outcomes(passed=1, failed=3)
    result.stdout.fnmatch_lines([
        "! dead.py: *SIGABRT*",
        "*last words*",
        "[?] empty.py: no pair of a forward and a backward found*",
        "*conv_forward*",
        "gradcheck points: 3.2 of 8",
    ])


def test_a_spec_says_what_is_checked(run, pytester):
    pytester.path.joinpath("hw.toml").write_text(SPEC)
    options = "--minigen-gradcheck=hw.py", "--minigen-gradcheck-spec=hw.toml"
    result = run(*options, hw=HOMEWORK)
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines([
        "*the spec asks for absent*",
        f"*--only absent --spec {pytester.path / 'hw.toml'}",
        "gradcheck points: 10 of 15",
    ])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--minigen-gradcheck=absent.py"], "*absent.py is no .py or .ipynb file*"),
        (["--minigen-gradcheck=."], "*is no .py or .ipynb file*"),
        (["--minigen-gradcheck=hw.py", "--minigen-gradcheck-spec=no.toml"], "*no.toml: No such*"),
    ],
)
def test_files_that_are_not_there_are_errors_of_usage(run, words, said):
    result = run(*words, hw=HOMEWORK)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --minigen-gradcheck{said}"])


def test_the_plugin_imports_nothing_but_pytest():
    code = f"""
import sys, math, pytest
sys.path.insert(0, {str(ROOT / "minigen/gradcheck")!r})
before = set(sys.modules)
import minigen_pytest
print(*set(sys.modules) - before)
"""
    command = [sys.executable, "-P", "-c", code]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.split() == ["minigen_pytest"]
