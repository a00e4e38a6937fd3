"""The repair search: which edit it finds in a wrong backward, and what it leaves alone."""

import textwrap

import pytest

from minigen.gradcheck import repair
from minigen.gradcheck.checker import Settings, check_file
from minigen.gradcheck.child.discover import load
from minigen.gradcheck.child.repair import Repair
from minigen.gradcheck.process import Process
from minigen.gradcheck.repair import Candidate, joined, ranked, understood
from minigen.gradcheck.report import Diagnosis

HEAD = """
import numpy as np

def f_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 3)), rng.normal(size=(3, 3))
"""
LINEAR = """
def f_forward(x, w):
    return np.tanh(x @ w), (x, w)

def f_backward(dout, cache):
    x, w = cache
    d = dout * (1 - np.tanh(x @ w) ** 2)
    {}
    return dx, dw
"""
HELPED = """
def slope(y):
    return {}

class F:
    def forward(self, x, w):
        self.x, self.w, self.y = x, w, np.tanh(x @ w)
        return self.y

    def backward(self, dout):
        d = dout * slope(self.y)
        return d @ self.w.T, self.x.T @ d
"""


@pytest.fixture
def checked(tmp_path, monkeypatch):
    """checked(text, **settings): the Report of the only pair of a homework."""
    monkeypatch.setattr(repair, "SECONDS", 60.0)    # a busy machine changes nothing

    def check(text, **settings):
        path = tmp_path / "homework.py"
        path.write_text(textwrap.dedent(HEAD + text), encoding="utf-8")
        before = path.read_bytes()
        file = check_file(path, Settings(**{"seeds": 2, **settings}))
        assert not file.internal and path.read_bytes() == before
        (report,) = file.pairs
        return report

    return check


def test_the_line_and_the_edit_are_named(checked):
    report = checked(LINEAR.format("dx, dw = d @ w, x.T @ d"))
    first = report.diagnosis[0]
    assert (first.kind, first.confidence) == ("transpose", "confirmed")
    line = (HEAD + LINEAR).splitlines().index("    {}") + 1
    fix = first.fix
    assert (fix.line, fix.before) == (line, "dx, dw = (d @ w, x.T @ d)")
    assert fix.after == "dx, dw = (d @ w.T, x.T @ d)"
    assert fix.after not in first.message       # that is hint level 3


def test_the_edit_may_be_in_a_helper_of_a_layer(checked):
    report = checked(HELPED.format("1 + y ** 2"))
    first = report.diagnosis[0]
    assert first.kind == "sign" and first.fix.after == "return 1 - y ** 2"
    assert "slope" in first.message


def test_what_forward_runs_too_is_left_alone(checked):
    text = HELPED.replace("np.tanh(x @ w)", "0.5 * slope(x @ w)").format("y ** 2")
    report = checked(text)
    assert report.verdict == "fail"
    assert all(one.fix is None or "slope" not in one.message for one in report.diagnosis)


def test_what_hides_the_upstream_gradient_is_named_before_it(checked):
    """A sum that begins with ones does not follow dout, and that is not what is wrong."""
    text = """
def f_forward(x, w):
    return x @ w, (x, w)

def f_backward(dout, cache):
    x, w = cache
    dx = np.ones_like(x)
    for j in range(w.shape[1]):
        dx += dout[:, j : j + 1] * w[:, j]
    return dx, {}
"""
    report = checked(text.format("x.T @ dout"))
    kinds = [one.kind for one in report.diagnosis]
    assert kinds == ["double_count", "ignores_upstream"]
    assert report.diagnosis[0].fix.after == "dx = np.zeros_like(x)"
    report = checked(text.replace("ones", "zeros").format("x.T @ x[:, :3]"))
    assert report.diagnosis[0].kind == "ignores_upstream"


def test_one_edit_does_not_repair_two_mistakes(checked):
    report = checked(LINEAR.format("dx, dw = d @ w, -x.T @ d * np.sin(x[0, 0])"))
    assert report.verdict == "fail" and all(one.fix is None for one in report.diagnosis)


def test_an_edit_that_fits_at_one_seed_alone_is_not_believed(checked):
    """Where x is 1, 4 * x or 3 * x + x is as good as 4 * x ** 3."""
    text = """
def g_inputs(seed):
    return np.full(3, 1 + 0.5 * seed),

def g_forward(x):
    return x ** 4, x

def g_backward(dout, x):
    return 3 * x * dout
"""
    alone = checked(text, seeds=1).diagnosis
    both = checked(text).diagnosis
    assert any(one.fix for one in alone)
    assert both and all(one.fix is None for one in both)


def test_loops_and_crashes_of_an_edit_cost_the_search_alone(checked):
    text = """
def f_forward(x, w):
    return x * w[0], (x, w)

def f_backward(dout, cache):
    x, w = cache
    i, dw = 3, np.zeros_like(w)
    while i > 0:
        i -= 1
    np.add.at(dw, 0, (x * dout).sum(0))
    return -dout * w[0], dw
"""
    report = checked(text)
    assert report.diagnosis[0].fix.after == "return (dout * w[0], dw)"
    text = text.replace("    return -dout", "    if i < 0:\n        import os\n        os.abort()\n"
                        "    return -dout").replace("i > 0", "i - 0 > 0")
    report = checked(text)
    assert report.verdict == "fail" and report.diagnosis[0].kind == "sign"


@pytest.mark.parametrize(("before", "ends"), [
    ("\ufeff", "\n"),                   # a byte order mark, as Windows' editors write it
    ("", "\r\n"),
    ("# \f\v\u2028 end no line\n", "\n"),
])  # fmt: skip
def test_lines_are_counted_as_python_counts_them(tmp_path, before, ends):
    text = before + HEAD + LINEAR.format("dx, dw = d @ w, x.T @ d")
    path = tmp_path / "homework.py"
    path.write_bytes(text.replace("\n", ends).encode())
    (report,) = check_file(path, Settings(seeds=1)).pairs
    assert report.diagnosis[0].fix.line == text.count("\n", 0, text.index("dx, dw")) + 1


def test_the_search_is_for_files_in_a_process_and_can_be_left_out(checked):
    text = LINEAR.format("dx, dw = d @ w, x.T @ d")
    for settings in ({"isolate": False}, {"repair": False}):
        report = checked(text, **settings)
        assert report.repair_seconds == 0 and all(d.fix is None for d in report.diagnosis)


def test_the_functions_are_as_before_between_edits(tmp_path):
    path = tmp_path / "homework.py"
    path.write_text(HEAD + LINEAR.format("dx, dw = d @ w, x.T @ d"), encoding="utf-8")
    session = load(path)
    inputs = session.inputs("f", 0)
    run = session.forward("f", inputs, keep=True)
    gradients = session.backward(run["run"], run["outputs"])["gradients"]
    target = {
        "place": [0], "shape": [4, 3], "index": range(12), "value": gradients[0].ravel() * 0,
        "tolerance": 1e-9,
    }  # fmt: skip
    search = Repair(session, run["run"], run["outputs"], [target])
    done = False
    while not done:
        answer = search.search(0.1)
        done = answer["done"]
    assert answer["tried"] > 20
    again = session.backward(run["run"], run["outputs"])["gradients"]
    assert (again[0] == gradients[0]).all() and (again[1] == gradients[1]).all()


def candidate(label, before, after, number=0):
    return Candidate(number, "f_backward", label, 3, before, after, [0])


def test_the_edit_that_adds_the_least_is_the_most_telling():
    makes_up = candidate("factor", "dx = 2 * d * x", "dx = 2 * d * x * 0.5", 0)
    undoes = candidate("factor", "dx = 2 * d * x", "dx = d * x", 1)
    leaves_out = candidate("double_count", "dx += d * x * w", "pass", 2)
    assert ranked([makes_up, undoes, leaves_out]) == [leaves_out, undoes, makes_up]


def test_a_number_that_is_a_size_by_chance_gives_way_to_the_size():
    """At N = 4, 2 / N is 1 / 2; and the number alone is never confirmed."""
    by_chance = candidate("factor", "dx = a + dvar * 2 * c", "dx = a + dvar / 2 * c", 0)
    size = candidate("factor", "dx = a + dvar * 2 * c", "dx = a + dvar * 2 * c / x.shape[0]", 1)
    assert ranked([by_chance, size]) == [size, by_chance]
    assert [joined(one, [])[0].confidence for one in (by_chance, size)] == ["likely", "likely"]


@pytest.mark.parametrize(
    ("edit", "said", "first"),
    [
        (candidate("sign", "dx = d", "dx = -d"), "factor", ("sign", "confirmed")),
        (candidate("factor", "dx = d", "dx = d * gamma"), "sign", ("factor", "likely")),
        (candidate("power", "y = d ** 2", "y = d"), "factor", ("factor", "said")),
        (candidate("power", "y = d ** 2", "y = d"), None, ("wrong_formula", "likely")),
        (candidate("overwrites", "d[i] = 1", "d[i] -= 1"), "sign", ("sign", "said")),
    ],
)
def test_what_is_said_of_an_edit(edit, said, first):
    """Its kind, but for one without a name, which stands with what the experiments say first."""
    others = [Diagnosis(said, "x", "said", "")] if said else []
    found = joined(edit, others)
    assert (found[0].kind, found[0].confidence) == first
    assert found[0].fix.after == edit.after
    assert len(found) == (1 if first[1] == "said" or not said else 2)


def test_an_answer_without_sense_ends_the_search():
    good = {"number": 0, "function": "f", "label": "sign", "line": 3, "before": "a", "after": "b",
            "fits": [0]}    # fmt: skip

    def answer(*found):
        return {"found": [*found], "tried": 5, "done": False}

    assert len(understood(answer(good), 1)[0]) == 1
    assert understood(answer(good | {"label": "gossip"}), 1) == ([], 5, False)
    for odd in (None, [], answer(good | {"before": 7}), answer(3), answer({"label": "sign"})):
        assert understood(odd, 1) == ([], 0, True)
    # what a homework may have put there, to have it said
    for words in ({"function": "f: 10 points"}, {"after": "a" * 100_000}, {"line": -1}):
        assert understood(answer(good | words), 1) == ([], 0, True)


def test_the_process_asks_the_child(tmp_path):
    path = tmp_path / "homework.py"
    path.write_text(HEAD + LINEAR.format("dx, dw = d @ w, x.T @ d"), encoding="utf-8")
    with Process(path) as process:
        run = process.forward("f", process.inputs("f", 0), keep=True)
        process.repair(run["run"], run["outputs"], [])
        assert process.search(1.0) == {"found": [], "tried": 0, "done": True}
