"""The JSON of reports: strict, and as docs/gradcheck-json.md says, field by field.

Idea: the documentation's tables are read, and a document that has everything in it is walked with
them: a field that is not documented, or not there, or of another type, is found.
Read next: test_gradcheck_cli.py.
"""

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_gradcheck_report import entry, failed, right, stopped, wrong_weights

from minigen.gradcheck import report_json, report_text
from minigen.gradcheck.report import Diagnosis, FileReport, Finding, Fix

DOC = Path(__file__).resolve().parents[1] / "docs" / "gradcheck-json.md"


def strict(text):
    return json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


def documented():
    """What the documentation says: section -> field -> type."""
    sections = {}
    for part in DOC.read_text(encoding="utf-8").split("\n## ")[1:]:
        rows = re.findall(r"^\| `(\w+)` \| (.+?) \| ", part, re.MULTILINE)
        if rows:
            sections[part.split("\n")[0]] = dict(rows)
    return sections


SECTIONS = documented()
SIMPLE = {
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "integer": lambda v: type(v) is int,
    "number": lambda v: type(v) in (int, float) or v in ("NaN", "Infinity", "-Infinity"),
    "null": lambda v: v is None,
    "object": lambda v: isinstance(v, dict),
}


def violations(value, kind, where=""):
    """How value differs from what the documentation says of `kind`."""
    if kind in SECTIONS:
        fields = value.keys() if isinstance(value, dict) else set()
        if fields != SECTIONS[kind].keys():
            yield f"{where}: fields differ: {sorted(fields ^ SECTIONS[kind].keys())}"
            return
        for name, type_ in SECTIONS[kind].items():
            yield from violations(value[name], type_, f"{where}.{name}")
    elif re.search(r",? or ", kind):
        if all(list(violations(value, one)) for one in re.split(r",? or ", kind)):
            yield f"{where}: {value!r} is not {kind}"
    elif " of " in kind:
        container, inner = kind.split(" of ")
        if not isinstance(value, {"list": list, "object": dict}[container]):
            yield f"{where}: {value!r} is not {kind}"
            return
        for i, one in enumerate(value.values() if container == "object" else value):
            yield from violations(one, inner, f"{where}[{i}]")
    elif not SIMPLE[kind](value):
        yield f"{where}: {value!r} is not {kind}"


def full_document():
    """A document that has every kind of object in it, and NumPy's numbers wherever they may come.
    """
    dx = right("x", (np.int64(2), 4), kinks=[[np.int64(0), 3]], at_kinks=[
        entry([np.int64(0), np.int64(3)], np.float32(0), np.float64(1), "pass", low=0.0, high=1.0)
    ])
    dw = replace(wrong_weights(), tolerance=np.longdouble(1e-9), sampled=np.bool_(True))
    dw.worst += [entry("9 at random", math.inf, -math.inf)]
    evidence = {
        "shape": (1, 3), "factor": np.float32(0.5), 3: {np.int64(1)}, "nan": np.array([np.nan, 1]),
        "large": np.zeros((30, 40)), "what": object, "z": 1j, "none": None,
    }  # fmt: skip
    report = failed(
        structure=[Finding("wrong_shape", "pass"), Finding("nan_at_edge", "fail", "m", "x",
                                                           evidence)],
        diagnosis=[Diagnosis("factor", "w", "confirmed", "twice", evidence),
                   Diagnosis("sign", "w", "likely", "m", fix=Fix(np.int64(7), "-dw", "dw"))],
        output="lone \udc80 and \x00", notes=["n"], points_checked=["seed 0"],
        forward_calls=np.int64(7), seconds=np.float64(0.5), points=np.float64(0.5),
    )  # fmt: skip
    report.arguments = [dx, dw]
    file = FileReport("hw.py", ["conv"], [report], status="fail", limits=["60 s."])
    return report_json.document([file, FileReport(Path("b.py"), status="error")], seed=0)


def test_document_is_strict_json_and_as_documented():
    text = report_json.dumps(full_document())
    document = strict(text)
    assert text.isascii()
    assert list(violations(document, "document")) == []
    assert set(SECTIONS) == {
        "document", "file", "pair", "argument", "entry", "finding", "diagnosis", "fix",
    }  # fmt: skip


def test_every_documented_object_is_in_that_document():
    pair = full_document()["files"][0]["pairs"][0]
    assert pair["arguments"][0]["at_kinks"]
    assert pair["arguments"][1]["worst"]
    assert pair["structure"]
    assert pair["diagnosis"][1]["fix"]


def test_every_kind_of_fault_is_documented():
    kinds = re.search(r"^\| `check` .*$", DOC.read_text(encoding="utf-8"), re.MULTILINE)[0]
    assert set(re.findall(r"`(\w+)`", kinds)) - {"check"} == set(report_text.FAULTS)


@pytest.mark.parametrize("check", report_text.FAULTS)
def test_every_kind_of_fault_has_a_headline(check):
    head = str(stopped(check, "error")).splitlines()[0]
    assert re.fullmatch(r"! linear: [a-z ]+", head)


@pytest.mark.parametrize(("change", "where"), [
    (lambda d: d.pop("seed"), ": fields differ"),
    (lambda d: d["files"][0].update(extra=1), ".files[0]: fields differ"),
    (lambda d: d["files"][0]["pairs"][0].update(seconds="fast"), ".seconds"),
    (lambda d: d["files"][0]["pairs"][0]["arguments"][0].update(kinks=[1]), ".kinks"),
    (lambda d: d["files"][0]["pairs"][0]["arguments"][1]["worst"][0].update(index=[0.5]), ".index"),
])  # fmt: skip
def test_the_walk_sees_what_is_not_documented(change, where):
    document = full_document()
    change(document)
    found = list(violations(document, "document"))
    assert len(found) == 1
    assert where in found[0]


def test_values_that_json_has_no_word_for():
    plain = report_json.plain
    assert plain([math.nan, math.inf, -np.inf]) == ["NaN", "Infinity", "-Infinity"]
    assert plain({1: np.arange(3), "b": np.bool_(True)}) == {"1": [0, 1, 2], "b": True}
    assert plain(np.zeros((30, 40))) == "array (30, 40) float64"
    assert type(plain(np.float32(0.5))) is float


def test_to_json_is_the_pair():
    report = failed()
    assert strict(report.to_json()) == json.loads(json.dumps(report.to_dict()))
    assert list(violations(report.to_dict(), "pair")) == []


def test_file_is_replaced_whole(tmp_path, monkeypatch):
    path = tmp_path / "out.json"
    report_json.write(path, {"a": 1})
    monkeypatch.setattr(report_json, "dumps", lambda value: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        report_json.write(path, {"a": 2})
    assert json.loads(path.read_text()) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["out.json"]


def test_what_a_link_leads_to_is_replaced_not_the_link(tmp_path):
    link = tmp_path / "link.json"
    try:
        link.symlink_to("out.json")
    except OSError:
        pytest.skip("this system lets nobody make links")
    report_json.write(link, [1])
    assert link.is_symlink()
    assert json.loads((tmp_path / "out.json").read_text()) == [1]


