"""The demo of made-up data: its figures, and that it sees a set that is not the same twice.

Read next: test_demos.py, the other demos.
"""

import inspect
import json
from dataclasses import dataclass

import pytest
from minigen.demos.data import generators
from PIL import Image

from minigen import data
from minigen.cli import main
from minigen.data import toy2d


def test_it_draws_every_set_and_finds_the_bytes_again(tmp_path, capsys, monkeypatch):
    # a new process takes as long as all else here: it gets the points only
    few = {name: generators.MADE[name] for name in (*generators.CLOUDS, "two_gauss_1d")}
    monkeypatch.setattr(generators, "MADE", few)
    arguments = ["demo", "generators", "--set", "size=24", "--set", "columns=4"]
    assert main([*arguments, "--out", str(tmp_path)]) == 0
    folder = tmp_path / "generators-1"
    assert json.loads((folder / "report.json").read_text())["metrics"] == {"same_bytes": 1}
    for name in ("points", "pictures", "defects", "words", "sprites", "scene", "captions",
                 "speech"):
        with Image.open(folder / f"{name}.png") as picture:
            assert len(picture.convert("RGB").getcolors(1 << 24)) > 10          # not blank
    assert "write a happy sentence about a spoon -> the happy" in capsys.readouterr().out


def test_every_generator_is_among_those_compared():
    def generates(value):
        """Whether it is a function of (n, seed=0, ...)."""
        if not inspect.isfunction(value) or value.__name__.startswith("_"):
            return False
        arguments = inspect.signature(value).parameters
        return list(arguments)[:2] == ["n", "seed"] and arguments["seed"].default == 0

    public = {name: getattr(data, name) for name in data.__all__} | vars(toy2d)
    assert {name for name, value in public.items() if generates(value)} == set(generators.MADE)


def test_a_fingerprint_tells_seeds_and_factors_apart(monkeypatch):
    prints = {generators.digest(name, seed) for name in ("faces", "sentiment") for seed in (0, 1)}
    assert len(prints) == 4 and generators.digest("faces", 0) in prints

    @dataclass
    class Made:
        factor: int

    monkeypatch.setitem(generators.MADE, "odd", lambda n, seed: Made(next(counter)))
    counter = iter(range(2))
    assert generators.digest("odd", 0) != generators.digest("odd", 0)


def test_own_data_are_refused(tmp_path, capsys):
    assert main(["demo", "generators", "--data", str(tmp_path), "--out", str(tmp_path)]) == 2
    assert "has no use for --data" in capsys.readouterr().err


@pytest.mark.parametrize("name", generators.PICTURES)
def test_every_picture_of_the_figure_is_one_that_load_knows(name):
    assert data.load(name, size=24, train=1, test=1).size == 24
