"""What a report looks like: golden texts, HTML, points.

Read next: test_gradcheck_json.py, test_gradcheck_cli.py.
"""

import io
import math
import re
from dataclasses import replace

import pytest

from minigen.gradcheck import report_text
from minigen.gradcheck.report import (
    ArgumentReport,
    Diagnosis,
    Entry,
    FileReport,
    Finding,
    Fix,
    Report,
    points_of,
)

AGAIN = "minigen gradcheck hw.py --only conv --seed 0"


def entry(index, yours, numeric, verdict="fail", **more):
    ratio = yours / numeric if numeric else math.nan
    return Entry(index, yours, numeric, 3e-10, ratio, verdict, **more)


def right(name, shape=(3,), **more):
    return ArgumentReport(name, shape, "pass", 2e-9, 1e-10, checked=math.prod(shape), **more)


def wrong_weights():
    worst = [
        entry([0, 1, 2, 2], 1.23456789, 2.46913578),
        entry([0, 1, 2, 1], math.nan, 2.5),
        entry([0, 0, 2, 1], 2.46913579, 2.46913578),
        entry([0, 0, 0, 1], 1.5, 0.5, low=0.0, high=1.0),
        entry([0, 0, 0, 2], 1.0, 1.0, "pass"),
    ]
    return ArgumentReport(
        "w", (4, 3, 3, 3), "fail", 0.33, 1e-10, worst=worst, checked=54, wrong=12, sampled=True
    )


def failed(**more):
    arguments = [right("x", (2, 3, 5, 5)), wrong_weights(), right("b", (4,))]
    return Report("conv", "fail", arguments, **{"reproduce": AGAIN, **more})


def relu(**more):
    kink = entry([0, 3], 0.0, 0.5, "pass", low=0.0, high=1.0)
    x = right("x", (2, 4), kinks=[[0, 3]], at_kinks=[kink])
    return Report("relu", "pass", [x], points_checked=["seed 0", "seed 1"], **more)


def stopped(check="wrong_shape", verdict="fail", **more):
    message = "db has shape (1, 3), b has (3,): sum without keepdims=True."
    return Report("linear", verdict, structure=[Finding(check, verdict, message, "b")], **more)


# ---- text

GOLDEN = {
    "pass": (
        lambda: Report("linear", "pass", [right("x"), right("w", (2, 3)), right("b", ())]),
        """\
✓ linear: dx, dw, db right
  dx  (3,)    right  max rel error 2e-09  3 of 3 entries
  dw  (2, 3)  right  max rel error 2e-09  6 of 6 entries
  db  ()      right  max rel error 2e-09  1 of 1 entries
  0 calls of forward, 0.00 s""",
    ),
    "fail": (
        lambda: failed(forward_calls=1234, seconds=0.214, points_checked=["seed 0"]),
        """\
✗ conv: dw is wrong
  dw is wrong in 12 of 54 entries looked at; largest relative error 3e-01.
  dx  (2, 3, 5, 5)  right  max rel error 2e-09  150 of 150 entries
  dw  (4, 3, 3, 3)  wrong  max rel error 3e-01  12 wrong in 54 of 108 entries, the others along \
random directions
  db  (4,)          right  max rel error 2e-09  4 of 4 entries
             entry       yours     numeric ± error  yours/numeric
    dw[0, 1, 2, 2]     1.23457     2.46914 ± 3e-10            0.5
    dw[0, 1, 2, 1]         nan         2.5 ± 3e-10
    dw[0, 0, 2, 1]  2.46913579  2.46913578 ± 3e-10     1 +4.1e-09
    dw[0, 0, 0, 1]         1.5       0 to 1 (kink)
  Checked at seed 0: 1,234 calls of forward, 0.21 s
  Again: minigen gradcheck hw.py --only conv --seed 0""",
    ),
    "kink": (
        lambda: relu(notes=["the inputs were guessed"]),
        """\
✓ relu: dx right
  dx  (2, 4)  right  max rel error 2e-09  8 of 8 entries
  - the inputs were guessed
  - x[0, 3] sits on a kink (slopes 0 and 1); your 0 is a valid choice.
  Checked at seed 0; seed 1: 0 calls of forward, 0.00 s""",
    ),
    "undecided": (
        lambda: Report("spiky", "undecided", [
            ArgumentReport("x", (2,), "undecided", 0.1, 0.3, checked=2, worst=[
                Entry([1], 1.0, 1.2, 0.3, 1 / 1.2, "undecided")
            ])
        ]),
        """\
? spiky: dx undecided
  dx cannot be judged: forward is too noisy or too steep, its slopes may be off by 3e-01.
  dx  (2,)  undecided  max rel error 1e-01  2 of 2 entries
    entry  yours  numeric ± error  yours/numeric
    dx[1]      1      1.2 ± 3e-01       0.833333
  0 calls of forward, 0.00 s""",
    ),
    "structure": (
        stopped,
        """\
✗ linear: db has the wrong shape
  db has shape (1, 3), b has (3,): sum without keepdims=True.
  0 calls of forward, 0.00 s""",
    ),
    "crash": (
        lambda: Report("linear", "error", output="one\ntwo\n", structure=[
            Finding("crash", "error", "backward: the process died: Segmentation fault")
        ]),
        """\
! linear: crashed
  backward: the process died: Segmentation fault
  The homework printed:
  | one
  | two
  0 calls of forward, 0.00 s""",
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(name):
    make, expected = GOLDEN[name]
    assert str(make()) == expected
    assert repr(make()) == expected


def test_diagnosis_comes_before_the_fault_and_the_numbers():
    half = Diagnosis("factor", "w", "confirmed", "Your dw is exactly 2 times too small.")
    assert str(failed(diagnosis=[half])).splitlines()[1] == "  " + half.message


def test_points_that_do_not_fit_are_counted_and_the_work_is_kept():
    def last_line(points):
        report = Report("f", forward_calls=1234, seconds=0.214, points_checked=points)
        return str(report).splitlines()[-1]

    work = "1,234 calls of forward, 0.21 s"
    points = [f"seed {i}, bn_param['mode']={m!r}" for i in range(3) for m in ("train", "test")]
    assert last_line(points) == f"  Checked at 3 seeds, 2 modes: {work}"
    assert last_line(points[::5]) == f"  Checked at 2 seeds, 2 modes: {work}"
    line = last_line(["seed 0, " + "long " * 99])
    assert line.startswith("  Checked at seed 0, long long") and line.endswith(f"…: {work}")
    assert len(line) == 96


@pytest.mark.parametrize(("check", "argument", "words"), [
    ("mutates_input", "dout", "dout is overwritten"),
    ("mutates_input", None, "an input is overwritten"),
    ("wrong_dtype", "params['W']", "dparams['W'] has the wrong dtype"),
])
def test_the_first_line_says_where(check, argument, words):
    report = Report("f", "fail", structure=[Finding(check, "fail", "m", argument)])
    assert str(report).splitlines()[0] == f"✗ f: {words}"


def test_no_relative_error_is_said_where_there_is_none():
    dw = replace(wrong_weights(), max_rel_error=0.0)
    assert "  dw is wrong in 12 of 54 entries looked at.\n" in str(Report("conv", "fail", [dw]))


def test_a_kink_outside_its_slopes_is_in_the_table_only():
    outside = entry([0], 2.0, 0.5, low=0.0, high=1.0)
    x = ArgumentReport("x", (1,), "fail", worst=[outside], kinks=[[0]], at_kinks=[outside])
    shown = str(Report("relu", "fail", [x]))
    assert "0 to 1 (kink)" in shown
    assert "valid choice" not in shown


def test_at_a_jump_there_is_no_number():
    jump = Entry([0], 1.0, 178.3, 2e2, 1 / 178.3, "undecided", jump=True)
    x = ArgumentReport("x", (3,), "undecided", worst=[jump], checked=3)
    lines = str(Report("floor", "undecided", [x])).splitlines()
    assert lines[1] == "  dx cannot be judged: forward jumps at the inputs, or is vertical there."
    assert lines[4] == "    dx[0]      1  none: forward jumps"


def test_undecided_fault_is_not_stated_as_one():
    shown = str(stopped("nondeterministic", "undecided"))
    assert shown.splitlines()[0] == "? linear: undecided"


def test_where_there_is_no_slope_nothing_is_said_of_slopes():
    jump = Entry([0], 1.0, 178.3, 2e2, 1 / 178.3, "pass", jump=True)
    x = right("x", kinks=[[0], [1]], at_kinks=[jump])
    shown = str(Report("relu", "pass", [x]))
    assert "x[0] and 1 more sit on kinks: there is no slope to compare with." in shown


def test_several_wrong_arguments_share_the_table():
    names = "abcdefg"
    arguments = [
        ArgumentReport(n, (9,), "fail", worst=[entry([i], 1.0, 2.0) for i in range(5)])
        for n in names[:3]
    ]
    shown = re.findall(r"^    d(\w)\[", str(Report("f", "fail", arguments)), re.MULTILINE)
    assert "".join(shown) == "abcab"


@pytest.mark.parametrize(("hints", "fix"), [(3, None), (3, Fix(9, "x " * 300, "y")), (1, None)])
def test_never_more_than_25_lines(hints, fix):
    long = "word " * 300
    many = [replace(wrong_weights(), name=f"w{i}", notes=[long, f"{i}"]) for i in range(40)]
    report = Report(
        "f" * 300, "fail", many, notes=[long] * 3, hints=hints,
        diagnosis=[Diagnosis("k", None, "likely", long, fix=fix)],
        output="\n".join(map(str, range(999))), reproduce=AGAIN, points_checked=["seed 1"] * 99,
    )  # fmt: skip
    lines = str(report).splitlines()
    assert len(lines) == report_text.LINES
    assert any(line == "  and 35 more wrong" for line in lines)
    assert any(re.fullmatch(r"  - and \d+ more remarks", line) for line in lines)
    assert any("more lines" in line for line in lines)


def test_the_wrong_argument_is_shown_however_many_there_are():
    arguments = [right(f"p{i}") for i in range(30)] + [wrong_weights()]
    assert re.search(r"^  dw +\(4, 3, 3, 3\)  wrong", str(Report("net", "fail", arguments)), re.M)


def test_a_homework_cannot_paint_a_verdict():
    fake = "\x1b[2J\x1b[32m✓ conv: dx, dw, db right\x1b[0m\r\n✓ conv: dx right"
    report = failed(output=fake, notes=[fake], structure=[Finding("error", "remark", fake)])
    shown = str(report)
    assert "\x1b" not in shown
    assert "\r" not in shown
    assert [line for line in shown.splitlines() if line.startswith("✓")] == []


def test_what_is_printed_again_and_again_is_shown_once():
    shown = str(failed(output="step\n" * 741 + "a\nb\nc\nc"))
    assert "  | step   (741 times)\n  | a\n  | … and 3 more lines\n" in shown


def test_ascii_where_there_is_nothing_better():
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    report = failed(notes=["größer"])
    shown = report_text.printable(report_text.text(report), narrow)
    narrow.write(shown)
    assert shown.startswith("x conv: dw is wrong")
    assert "numeric +- error" in shown
    assert report_text.printable(str(report), io.StringIO()) == str(report)


def test_colours_only_on_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    plain = report_text.text(failed())
    paint = report_text.painter(Terminal())
    painted = report_text.text(failed(), paint)
    assert "\033[31mwrong\033[0m" in painted
    assert re.sub(r"\033\[\d+m", "", painted) == plain
    assert report_text.painter(io.StringIO()) is None
    monkeypatch.setenv("NO_COLOR", "1")
    assert report_text.painter(Terminal()) is None


def test_a_file_that_did_not_load():
    file = FileReport("hw.py", message="import, line 3: SyntaxError", status="error", output="hi")
    assert report_text.file_text(file).splitlines() == [
        "! hw.py: import, line 3: SyntaxError", "  The homework printed:", "  | hi",
    ]  # fmt: skip
    passed = FileReport("hw.py", status="pass")
    assert report_text.file_text(passed) == ""
    passed.notes = ["conv_forward has no conv_backward"]
    assert report_text.file_text(passed) == "  - conv_forward has no conv_backward"


# ---- HTML


def test_html_escapes_everything():
    bad = "<script>alert('&')</script>"
    report = failed(notes=[bad])
    report.name = report.reproduce = report.arguments[1].name = bad
    report.arguments[1].worst[0].index = bad
    report.diagnosis = [Diagnosis(bad, bad, bad, bad)]
    html = report._repr_html_()
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 6
    assert sorted(set(re.findall(r"<(\w+)", html))) == ["code", "div", "table", "td", "th", "tr"]


def test_html_shows_verdict_and_entries():
    html = failed()._repr_html_()
    for words in ("✗ conv: dw is wrong", "dw[0, 1, 2, 2]", "1.23457", AGAIN):
        assert words in html


# ---- points


@pytest.mark.parametrize(("report", "points"), [
    (relu(max_points=10.0), 10.0),
    (failed(max_points=10.0), 3 + 7 * 2 / 3),
    (failed(max_points=10.0, structure=[Finding("mutates_input", "fail", "m")]), 7 * 2 / 3),
    (failed(max_points=10.0, structure=[Finding("nondeterministic", "remark")]), 3 + 7 * 2 / 3),
    (stopped(max_points=10.0), 0.0),
    (Report("f", "undecided", [right("x")], max_points=10.0, structure=[
        Finding("wrong_shape", "undecided", "m", evidence={"missing": ["w", "b"]})]), 3 + 7 / 3),
    (stopped("timeout", "error", max_points=10.0), 0.0),
    (Report("f", "undecided", [right("x"), replace(right("w"), verdict="undecided")]), 0.65),
])  # fmt: skip
def test_points(report, points):
    assert points_of(report) == pytest.approx(points, abs=0.005)


def test_a_report_is_true_if_it_passed():
    assert relu()
    assert not failed()
    assert relu().passed
    assert not stopped("nondeterministic", "undecided").passed
