"""Pictures: the arrays they are drawn from, what is painted, files, the command, notebooks.

Idea: what a picture says is tested on arrays, before they become ink: which cell is dark, which
line is drawn. That ink comes out at all is tested for every kind of report.
Read next: test_gradcheck_report.py.
"""

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from test_gradcheck_json import strict, violations

from minigen.cli import main
from minigen.gradcheck import gradcheck, picture, picture_panels, report_json
from minigen.gradcheck.picture_data import STEPS, Map

PNG = b"\x89PNG\r\n\x1a\n"

HOMEWORK = """
import numpy as np


def cube_forward(x, s):
    return x**3 * s, (x, s)


def cube_backward(dout, cache):
    x, s = cache
    return dout * {factor} * x**2 * s, (dout * x**3).sum()


def cube_inputs(seed):
    return np.random.default_rng(seed).normal(size=(3, 4)), 1.5
"""


def rng(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def cubed(spoil, x):
    """The report on x³ with a gradient that `spoil` has changed."""
    return gradcheck(lambda x: (x**3, x), lambda d, x: spoil(3 * d * x**2), inputs=(x,))


def relu(x):
    return gradcheck(lambda x: (np.maximum(x, 0), x), lambda d, x: d * (x >= -0.5), inputs=(x,))


def changed(where, factor=-5.0):
    def spoil(g):
        g[where] *= factor
        return g

    return spoil


def order(steps, remainder):
    """The slope in logarithms over the middle steps."""
    middle = slice(2, 7)
    return np.polyfit(np.log(steps[middle]), np.log(remainder[middle]), 1)[0]


# The arrays --------------------------------------------------------------------------------------


def test_the_map_has_every_entry_that_was_looked_at():
    x = rng((3, 4))
    found = cubed(changed((1, 2)), x).arguments[0].map
    assert found.index.tolist() == list(range(12))
    assert np.flatnonzero(found.ratio > 1).tolist() == [6]
    assert found.verdict.tolist().count("fail") == 1
    assert found.yours[6] == pytest.approx(-5 * found.numeric[6])
    right = np.delete(np.arange(12), 6)
    np.testing.assert_allclose(found.yours[right], found.numeric[right], rtol=1e-6)


def test_kinks_are_known_to_the_map():
    x = np.array([[1.0, 0.0, -2.0], [0.0, -0.2, 3.0]])
    found = relu(x).arguments[0].map
    assert np.flatnonzero(found.kink).tolist() == [1, 3]
    assert np.flatnonzero(found.ratio > 1).tolist() == [4]
    assert (found.low[found.kink] < found.high[found.kink]).all()


def test_remainders_fall_like_h_squared_only_for_a_gradient():
    right = cubed(lambda g: g, rng((3, 4))).arguments[0].map.taylor
    wrong = cubed(lambda g: 1.1 * g, rng((3, 4))).arguments[0].map.taylor
    orders = [order(STEPS, r) for r in (right.yours, right.numeric, wrong.yours, wrong.numeric)]
    np.testing.assert_allclose(orders, [2, 2, 1, 2], atol=0.05)


def test_remainders_go_around_kinks():
    x = np.array([[1.0, 0.0, -2.0], [0.0, 0.2, 3.0]])
    taylor = relu(x).arguments[0].map.taylor        # at a kink 0.5 is right, and is no slope
    assert (taylor.numeric < 10 * taylor.rounding).all()


def test_pictures_cost_twelve_calls_an_argument_and_none_if_not_asked_for():
    def report(pictures):
        x, w = rng((2, 3)), rng((3, 2))
        return gradcheck(
            lambda x, w: (x @ w, (x, w)), lambda d, c: (d @ c[1].T, c[0].T @ d),
            inputs=(x, w), pictures=pictures,
        )  # fmt: skip

    bare, drawn = report(False), report(True)
    assert drawn.forward_calls - bare.forward_calls == 12 * 2
    assert all(a.map is None for a in bare.arguments) and picture.png(bare) is None


# What is painted ---------------------------------------------------------------------------------


def test_a_wrong_row_of_every_kernel_is_a_dark_row_in_every_tile():
    tiles = picture_panels.tiles_of(
        cubed(changed(np.s_[..., 2, :]), rng((2, 3, 3, 3))).arguments[0]
    )
    assert [t.label for t in tiles] == ["[0, 0]", "[0, 1]", "[0, 2]", "[1, 0]", "[1, 1]", "[1, 2]"]
    assert all(((t.values > 0) == [[False], [False], [True]]).all() for t in tiles)


def argument_of(shape, index, ratio):
    """An argument whose map has these entries."""
    n = len(index)
    verdict = np.where(np.array(ratio) > 1, "fail", "pass")
    report = cubed(changed(0), rng(3))
    argument = report.arguments[0]
    argument.shape = shape
    numbers = [np.ones(n) for _ in range(4)]
    argument.map = Map(np.array(index), *numbers, np.array(ratio), verdict, np.zeros(n, bool))
    return report, argument


def test_a_cell_of_many_entries_shows_its_worst():
    _, argument = argument_of((1000, 1000), [0, 1, 999_999], [0.1, 100.0, 0.01])
    (tile,) = picture_panels.tiles_of(argument)
    assert tile.values.shape == (63, 63) and tile.step == (16, 16)
    assert tile.values[0, 0] == pytest.approx(2) and tile.values[-1, -1] == pytest.approx(-2)
    assert np.isnan(tile.values).sum() == 63 * 63 - 2


def test_of_too_many_tiles_the_worst_are_shown():
    _, argument = argument_of((9, 9, 2, 2), [4 * 77 + 1, 0], [50.0, 0.5])
    tiles = picture_panels.tiles_of(argument)
    assert len(tiles) == picture_panels.TILES
    assert {"[8, 5]", "[0, 0]"} <= {t.label for t in tiles}


def test_a_long_vector_is_wrapped_and_its_end_is_empty():
    (tile,) = picture_panels.tiles_of(cubed(changed(99), rng(100)).arguments[0])
    assert tile.values.shape == (7, 16) and tile.there.sum() == 100
    assert np.argwhere(tile.values > 0).tolist() == [[6, 3]]


def test_colours_tell_right_wrong_unseen_and_kinks():
    values = np.log10(np.array([[0.01, 50.0, np.nan, 0.01]]))
    no, kink = np.zeros((1, 4), bool), np.array([[False, False, False, True]])
    tile = picture_panels.Tile("", values, kink, no, ~no, (1, 1))
    cells = picture_panels._painted(tile, 3.0, 24).reshape(24, 4, 24, 3)[:-1, :, :-1]
    right, wrong, unseen, hatched = cells.transpose(1, 0, 2, 3)
    assert right[0, 0, 2] > right[0, 0, 0]              # blue
    assert wrong[0, 0, 0] > wrong[0, 0, 2]              # red
    assert np.ptp(unseen[0, 0]) < 0.05                  # grey
    dark = hatched.max(-1) < 0.2
    assert 0.1 < dark.mean() < 0.5 and (right.max(-1) > 0.2).all()


@pytest.mark.parametrize("factor", [-1.0, 3.0, 0.25])
def test_a_factor_is_a_line_with_its_name(factor):
    found = cubed(lambda g: factor * g, rng((3, 4))).arguments[0].map
    assert picture_panels.factor_of(found) == pytest.approx(factor, rel=1e-6)


def test_no_line_where_there_is_no_factor():
    x = rng((3, 4))
    rising = np.arange(1.0, 13).reshape(3, 4)
    for spoil in (lambda g: g, lambda g: g * rising, changed((0, 0))):
        assert picture_panels.factor_of(cubed(spoil, x).arguments[0].map) is None


# Files -------------------------------------------------------------------------------------------


def jumps():
    x = rng((2, 3))
    x[0, 1] = 0
    return gradcheck(
        lambda x: (np.sqrt(np.abs(x)), x),
        lambda d, x: d * np.sign(x) / (2 * np.sqrt(np.abs(x)) + 1e-300), inputs=(x,),
    )  # fmt: skip


def number():
    return gradcheck(
        lambda x, s: (x * s, (x, s)), lambda d, c: (d * c[1], -(d * c[0]).sum()),
        inputs=(rng(5), np.array(1.3)),
    )  # fmt: skip


@pytest.mark.parametrize("made", [
    number, jumps, lambda: relu(np.array([[1.0, 0.0, -0.2]])),
    lambda: cubed(changed((0, 0, 0)), rng((2, 3, 4))),
    lambda: argument_of((1000, 1000), [7, 70_000], [0.1, math.inf])[0],
])  # fmt: skip
def test_every_kind_of_report_can_be_drawn(made):
    image = picture.png(made(), dense=30)
    assert image.startswith(PNG) and len(image) > 5000


def test_a_name_is_text_and_no_mathematics():
    report = cubed(changed(0), rng(3))
    report.name, report.arguments[0].name = "$\\frac{", "params['$x_{']"
    assert picture.png(report, dense=30).startswith(PNG)


def test_names_of_files(tmp_path):
    taken = set()
    names = [picture.file_name(*pair, taken) for pair in [
        ("a/hw.py", "conv"), ("b/HW.py", "conv"), ("hw.py", "../../x y"), ("hw.ipynb", "conv")
    ]]  # fmt: skip
    assert names == ["hw-conv.png", "HW-conv-2.png", "hw-.._.._x_y.png", "hw-conv-3.png"]


def test_a_file_is_there_whole_and_nothing_beside_it(tmp_path, monkeypatch):
    report, folder = cubed(changed(0), rng(3)), tmp_path / "new" / "folder"
    assert picture.write(report, folder, "x.png") == str(folder / "x.png")
    assert (folder / "x.png").read_bytes().startswith(PNG)

    def full(*_):
        raise OSError(28, "full")

    monkeypatch.setattr(report_json.os, "replace", full)
    with pytest.raises(OSError, match="full"):
        picture.write(report, folder, "y.png")
    assert [p.name for p in folder.iterdir()] == ["x.png"]


# The command, notebooks --------------------------------------------------------------------------


@pytest.fixture
def homework(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hw.py").write_text(HOMEWORK.format(factor=-3))
    return ["gradcheck", "hw.py", "--no-isolate", "--seeds", "1", "--json", "out.json"]


def test_the_command_draws_says_so_and_lists_it(homework, tmp_path, capsys):
    assert main([*homework, "--pictures", "pics"]) == 1
    path = os.path.join("pics", "hw-cube.png")
    assert f"picture: {path}" in capsys.readouterr().out
    assert (tmp_path / path).read_bytes().startswith(PNG)
    document = strict((tmp_path / "out.json").read_text())
    assert document["files"][0]["pairs"][0]["pictures"] == [path]
    assert list(violations(document, "document")) == []


def test_what_is_taken_over_keeps_its_picture(homework, tmp_path, capsys):
    other = tmp_path / "other"
    other.mkdir()
    (other / "hw.py").write_text(HOMEWORK.format(factor=3))
    command = [*homework[:2], str(other / "hw.py"), *homework[2:], "--pictures", "pics"]
    assert main(command) == 1
    first = (tmp_path / "pics" / "hw-cube.png").read_bytes()
    (other / "hw.py").write_text(HOMEWORK.format(factor=2))
    assert main([*command, "--resume"]) == 1
    assert "unchanged since" in capsys.readouterr().out
    assert (tmp_path / "pics" / "hw-cube.png").read_bytes() == first
    files = json.loads((tmp_path / "out.json").read_text())["files"]
    assert [file["pairs"][0]["pictures"] for file in files] == [
        [os.path.join("pics", name)] for name in ("hw-cube.png", "hw-cube-2.png")
    ]  # fmt: skip


def test_without_the_option_nothing_is_drawn(homework, tmp_path, capsys):
    assert main(homework) == 1
    assert "picture" not in capsys.readouterr().out
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["hw.py", "out.json"]
    assert json.loads((tmp_path / "out.json").read_text())["files"][0]["pairs"][0]["pictures"] == []


def test_a_folder_that_is_a_file_is_refused(homework, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([*homework, "--pictures", "hw.py"])
    assert stopped.value.code == 2
    assert "hw.py is a file; name a folder" in capsys.readouterr().err


@pytest.mark.parametrize(("error", "code", "said"), [
    (OSError(28, "No space left"), 1, "no picture in pics: No space left"),
    (ZeroDivisionError("ours"), 5, "ZeroDivisionError: ours"),
])  # fmt: skip
def test_a_picture_that_fails_costs_only_itself(homework, error, code, said, monkeypatch, capsys):
    def fail(*_):
        raise error

    monkeypatch.setattr(picture, "png", fail)
    assert main([*homework, "--pictures", "pics"]) == code
    out, err = capsys.readouterr()
    assert "dx is wrong" in out and said in err


def test_a_notebook_shows_what_is_wrong_and_only_that():
    wrong, right = cubed(changed(0), rng(3)), cubed(lambda g: g, rng(3))
    html = wrong._repr_html_()
    assert html.count('src="data:image/png;base64,') == 1
    assert len(html) < 2 * picture.LARGEST
    assert "<img" not in right._repr_html_()


def test_json_leaves_out_the_arrays():
    report = cubed(changed(0), rng(3))
    assert list(violations(report.to_dict(), "pair")) == []
    assert "map" not in report_json.dumps(report.to_dict())


def test_nothing_is_imported_before_it_is_drawn():
    code = "import sys, minigen.cli.gradcheck; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
