"""Exercises of the gradient checker: each can be solved; what is unsolved or changed is named.

Idea: minigen's autograd is the solution of every exercise (exercise_functions.py). The checker must
take it, and must not take the same with one gradient a little off.
"""

import functools
import importlib
import os
import re
from pathlib import Path

import numpy as np
import pytest
from exercise_functions import FUNCTIONS

import minigen
from minigen.cli import main
from minigen.gradcheck.checker import Settings, check_file, check_pair
from minigen.gradcheck.child.pairs import Pair
from minigen.gradcheck.child.session import Session
from minigen.gradcheck.exercise import Exercise
from minigen.gradcheck.exercises import NAMES

HERE = Settings(isolate=False, seeds=1)


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def module(name):
    return importlib.import_module(f"minigen.gradcheck.exercises.{name}")


def tensors(name, inputs):
    """The inputs as tensors, those of WRT as leaves; and these alone."""
    names = Exercise(name).plans[name].arguments
    made = [minigen.from_numpy(np.array(x)) for x in inputs]
    leaves = [x for x, label in zip(made, names, strict=True) if label in module(name).WRT]
    for leaf in leaves:
        leaf.requires_grad_()
    return made, leaves


def flat(outputs):
    return list(outputs) if isinstance(outputs, tuple) else [outputs]


def solved(name, factor=1.0):
    """The exercise with minigen's gradients as its backward; the last one times factor."""
    given = getattr(module(name), f"{name}_forward")

    @functools.wraps(given)
    def forward(*inputs):
        return given(*inputs)[0], inputs

    def backward(dout, cache):
        made, leaves = tensors(name, cache)
        upstream = [minigen.from_numpy(np.array(v)) for v in flat(dout)]
        found = minigen.grad(flat(FUNCTIONS[name](*made)), leaves, upstream)
        gradients = [g.numpy() for g in found]
        gradients[-1] = gradients[-1] * factor
        return [gradients.pop(0) if x.requires_grad else None for x in made]

    return Pair(name, forward, backward)


def checked(name, pair):
    session = Session({name: pair})
    return check_pair(session, session.describe()[0], HERE, Exercise(name))


def test_every_exercise_is_listed_and_has_a_function_of_minigen():
    folder = os.path.dirname(importlib.import_module("minigen.gradcheck.exercises").__file__)
    files = {f.removesuffix(".py") for f in os.listdir(folder) if f.endswith(".py")} - {"__init__"}
    assert set(NAMES) == files == set(FUNCTIONS)
    assert len(NAMES) == len(files) >= 25


@pytest.mark.parametrize("name", NAMES)
def test_reference_is_minigens_function(name):
    for seed in range(2):
        inputs = Exercise(name).plans[name].make(seed)
        expected = flat(FUNCTIONS[name](*tensors(name, inputs)[0]))
        found = flat(Exercise(name).forward(*inputs)[0])
        for y, right in zip(found, expected, strict=True):
            np.testing.assert_allclose(y, right.detach().numpy(), rtol=1e-10, atol=1e-12)
            assert np.shape(y) == right.shape


@pytest.mark.parametrize("name", NAMES)
def test_minigens_gradient_solves_it(name):
    report = checked(name, solved(name))
    assert report.passed, str(report)
    assert [a.name for a in report.arguments] == list(module(name).WRT)
    assert report.points == report.max_points == module(name).POINTS


@pytest.mark.parametrize("name", ["linear", "max_pool2d", "lstm_cell", "volume_rendering"])
def test_a_gradient_off_by_a_part_in_a_thousand_does_not_solve_it(name):
    report = checked(name, solved(name, 1.001))
    assert report.verdict == "fail"
    assert report.arguments[-1].verdict == "fail"


def test_documentation_lists_all_with_their_points():
    page = (Path(minigen.__file__).parents[1] / "docs" / "gradcheck.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", page, re.MULTILINE)
    assert rows == [(name, str(module(name).POINTS)) for name in NAMES]


def test_mathematics_course_item_and_source_are_there():
    for name in NAMES:
        text = module(name).__doc__
        for part in ("Shapes: ", "Derive: ", "Think of: ", "Course item: ", "Source: "):
            assert part in text, (name, part)
        assert f"minigen gradcheck --exercise {name}" in text
        assert Exercise(name).text().count("raise NotImplementedError") == 1


@pytest.mark.parametrize("name", NAMES)
def test_what_is_handed_out_is_a_pair_that_is_yet_to_be_written(name, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(Exercise(name).text(), encoding="utf-8")
    file = check_file(path, HERE, Exercise(name))
    assert (file.found, file.status) == ([name], "error")
    (report,) = file.pairs
    assert report.structure[0].message.endswith("this is yet to be written")
    assert "Traceback" not in str(report)


LINEAR = """
def linear_forward(x, w, b):
    return {out}, (x, w)
def linear_backward(dout, cache):
    x, w = cache
    return {gradients}
def linear_inputs(seed):
    return "nobody asks for these"
POINTS = 100
"""
RIGHT = "dout @ w.T, x.T @ dout, dout.sum(axis=0)"


def homework(out="x @ w + b", gradients=RIGHT, arguments="x, w, b"):
    text = LINEAR.format(out=out, gradients=gradients).replace("(x, w, b)", f"({arguments})")
    with open("linear.py", "w", encoding="utf-8") as file:
        file.write(text)


def test_inputs_and_points_are_the_exercises(capsys):
    homework()
    assert main(["gradcheck", "--exercise", "linear", "--no-isolate", "--list"]) == 0
    assert capsys.readouterr().out.split()[-3:] == ["the", "exercise", "1"]
    assert main(["gradcheck", "--exercise", "linear", "--no-isolate"]) == 0
    (report,) = check_file("linear.py", HERE, Exercise("linear")).pairs
    assert (report.points, report.max_points) == (1, 1)
    homework(gradients=RIGHT.replace("x.T", "2 * x.T"))
    assert main(["gradcheck", "linear.py", "--exercise", "linear", "--no-isolate"]) == 1
    assert "--exercise linear" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("out", "gradients", "says"),
    [
        ("x @ w - b", "dout @ w.T, x.T @ dout, -dout.sum(axis=0)", "where the exercise's forward"),
        ("x @ w", "dout @ w.T, x.T @ dout, 0 * w[0]", "where the exercise's forward"),
        ("(x @ w + b).T", "dout.T @ w.T, x.T @ dout.T, dout.sum(axis=1)", "has shape (3, 4), in"),
        ("(x @ w + b, b)", RIGHT, "returns 2 outputs, the exercise 1"),
        ("x @ w + b + float('nan')", RIGHT, "forward returns nan at [0, 0]"),
        ("x @ w + b + 0j", RIGHT, "has dtype complex128, in the exercise float64"),
        ("[['a'] * 3] * 4", RIGHT, "returns 12 outputs"),
    ],
)
def test_wrong_forward_is_said_before_any_gradient(out, gradients, says):
    homework(out, gradients)
    file = check_file("linear.py", HERE, Exercise("linear"))
    (report,) = file.pairs
    assert (report.verdict, report.points) == ("fail", 0)
    assert report.diagnosis[0].kind == "wrong_forward"
    assert says in report.diagnosis[0].message
    assert not report.arguments


@pytest.mark.parametrize("out", ["b + (w.T @ x.T).T", "(x.astype('f4') @ w.astype('f4')) + b"])
def test_forward_may_be_written_in_another_way(out):
    homework(out)
    file = check_file("linear.py", HERE, Exercise("linear"))
    assert all(finding.check != "wrong_forward" for finding in file.pairs[0].structure)
    assert file.status in ("pass", "undecided")


def test_other_arguments_or_no_such_pair_are_said(capsys):
    homework(arguments="w, x, b", out="w @ x + b")
    assert main(["gradcheck", "--exercise", "linear", "--no-isolate"]) == 4
    assert "takes (w, x, b), that of the exercise (x, w, b)" in capsys.readouterr().out
    assert main(["gradcheck", "linear.py", "--exercise", "relu", "--no-isolate"]) == 4
    assert "the exercise asks for relu" in " ".join(capsys.readouterr().out.split())


def test_file_is_written_once(tmp_path, capsys):
    assert main(["gradcheck", "--exercise", "nt_xent", "--init"]) == 0
    assert "nt_xent.py is written" in capsys.readouterr().out
    assert (tmp_path / "nt_xent.py").read_text(encoding="utf-8") == Exercise("nt_xent").text()
    (tmp_path / "nt_xent.py").write_text("my evening", encoding="utf-8")
    assert main(["gradcheck", "--exercise", "nt_xent", "--init"]) == 2
    assert "exists and is left as it is" in capsys.readouterr().err
    assert (tmp_path / "nt_xent.py").read_text(encoding="utf-8") == "my evening"
    (tmp_path / "work").mkdir()
    assert main(["gradcheck", "work", "--exercise", "nt_xent", "--init"]) == 0
    assert (tmp_path / "work" / "nt_xent.py").exists()


@pytest.mark.parametrize("words", [["--exercise"], ["--exercise", "list"]])
def test_list(words, capsys):
    assert main(["gradcheck", *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1 : 1 + len(NAMES)]] == list(NAMES)
    assert max(map(len, lines)) <= 100, max(lines, key=len)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--exercise", "linaer"], "did you mean linear?"),
        (["--exercise", "Batch_Norm.py"], "did you mean batch_norm?"),
        (["--exercise", "qqq"], f"--exercise list shows all {len(NAMES)}"),
        (["--exercise", "linear"], "no linear.py here"),
        (["--exercise", "linear", "--spec", "x.toml"], "leave out --spec"),
        ([], "no FILE"),
    ],
)
def test_what_cannot_be_done_is_said_with_what_can(words, says, capsys):
    assert main(["gradcheck", *words]) == 2
    assert says in capsys.readouterr().err
