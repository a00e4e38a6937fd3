"""Wrong backwards written by hand: all of them are caught, and how they are counted.

`minigen bench gradcheck` demands the first of all files, too.
Read next: minigen/cli/bench_gradcheck_bugs.py, tests/homework_bugs/README.md.
"""

from collections import Counter

import pytest

from minigen.cli import bench_gradcheck_bugs as bugs
from minigen.gradcheck import structure
from minigen.gradcheck.checker import Settings

VALUES = {
    "sign", "factor", "transpose", "flip", "missing_broadcast_sum", "missing_term",
    "input_vs_output", "wrong_axis", "wrong_mask", "off_by_one", "boundary", "overwrites",
    "double_count", "kink_outside_subgradient", "small_error", "wrong_precision",
}   # fmt: skip
QUICK = ("open_activations", "open_dense", "held_activations")     # the others: pytest -m slow
FILES = [pytest.param(path, marks=() if path.stem in QUICK else pytest.mark.slow, id=path.stem)
         for half in bugs.HALVES for path in bugs.files(half)]      # fmt: skip
FAST = Settings(isolate=False, seeds=1)


@pytest.mark.parametrize("path", FILES)
def test_every_one_is_caught(path):
    assert [row for row in bugs.judged(path, FAST) if row["verdict"] != "fail"] == []


def test_there_are_enough_of_every_kind():
    found = {half: Counter(kind for path in bugs.files(half) for kind in bugs.labels(path).values())
             for half in bugs.HALVES}       # fmt: skip
    assert min(counts.total() for counts in found.values()) >= 60
    assert set(found["open"]) == {*VALUES, *structure.KINDS, bugs.WHOLE}
    assert set(found["open"]) >= set(found["held"]) >= {*VALUES, bugs.WHOLE}


SOURCE = """
import numpy as np
KIND = {"sine": "factor", "tanh": "sign", "exp": "wrong_formula"}
def make_inputs(seed):
    return np.random.default_rng(seed).normal(size=3)
def sine_forward(x):
    return np.sin(x), x
def sine_backward(dout, x):
    return 3 * dout * np.cos(x)
def tanh_forward(x):
    return np.tanh(x), x
def tanh_backward(dout, x):
    return dout * (1 - np.tanh(x) ** 2)
"""


def test_what_was_said_is_compared_with_the_label(tmp_path):
    path = tmp_path / "open_few.py"
    path.write_text(SOURCE)
    rows = {row["pair"]: row for row in bugs.judged(path, FAST)}
    assert (rows["sine"]["outcome"], rows["sine"]["named"]) == ("exact", "factor")
    assert (rows["tanh"]["outcome"], rows["tanh"]["verdict"]) == ("silent", "pass")
    assert (rows["exp"]["outcome"], rows["exp"]["verdict"]) == ("silent", "missing")


def test_labels_are_demanded(tmp_path):
    path = tmp_path / "open_few.py"
    path.write_text("x = 1\n")
    with pytest.raises(ValueError, match="KIND = "):
        bugs.labels(path)


def row(label, outcome, named, verdict="fail"):
    return {"file": "a.py", "pair": "f", "label": label, "verdict": verdict} | {
        "outcome": outcome, "named": named}     # fmt: skip


def test_the_halves_are_measured_apart(monkeypatch):
    """Of the held half nothing is told but sums, and what was not caught."""
    rows = {
        "open": [row("sign", "exact", "sign"), row("flip", "likely", "sign"),
                 row("wrong_formula", "silent", "", "pass")],
        "held": [row("flip", "confirmed", "transpose")],
    }   # fmt: skip
    monkeypatch.setattr(bugs, "files", lambda half: [half])
    monkeypatch.setattr(bugs, "judged", rows.get)

    class Pool:
        map = staticmethod(map)

    found = bugs.measure(Pool)
    text = "\n".join(bugs.table(found))
    assert "| open, of a kind | 2 | 2 | 1 (50%) | 0 (0%) | 0 (0%) | 1 (50%) | 0 (0%) |" in text
    assert "| open, a whole formula | 1 | 0 | 0 (0%) |" in text
    assert "| held, of a kind | 1 | 1 | 0 (0%) | 0 (0%) | 1 (100%) | 0 (0%) | 0 (0%) |" in text
    assert "name: flip as `sign` 1." in text and "- a.py, f: pass" in text
    assert "transpose" not in str(found["held"])
    assert not bugs.all_caught(found)
    rows["open"].pop()
    assert bugs.all_caught(bugs.measure(Pool))
