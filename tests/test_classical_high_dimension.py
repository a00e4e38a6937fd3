"""High dimension: exact volumes and moments, and what the demos measure."""

import json
import math

import numpy as np
import pytest

from minigen.cli import main
from minigen.models.classical.high_dimension import (
    ball_share,
    contrast,
    expected_distance,
    nearest_distance,
    sample_distances,
    squared_distances,
)


def test_the_ball_in_the_cube():
    np.testing.assert_allclose(ball_share([2, 3]), [math.pi / 4, math.pi / 6], atol=1e-12)
    assert ball_share(10) == pytest.approx(0.00249039, abs=1e-8)
    assert ball_share(1) == pytest.approx(1)
    assert 0 < ball_share(200) < 1e-100 and ball_share(10_000) == 0
    inside = (np.random.default_rng(0).uniform(-1, 1, (200_000, 4)) ** 2).sum(1) < 1
    assert inside.mean() == pytest.approx(ball_share(4), abs=0.005)


def test_moments_of_the_distance():
    assert expected_distance(10**6) == (0.5, 0.0005)
    assert expected_distance(100) == (0.5, 0.05)
    assert expected_distance(8, "gaussian") == (2, 1)
    assert expected_distance(200, "gaussian") == (2, pytest.approx(0.2))


def test_binary_moments_by_counting():
    bits = np.indices((2,) * 6).reshape(6, -1).T                        # all samples of 3 + 3 bits
    D = ((bits[:, :3] - bits[:, 3:]) ** 2).mean(1)
    assert (D.mean(), D.std()) == pytest.approx(expected_distance(3), abs=1e-12)


@pytest.mark.parametrize("kind", ["binary", "gaussian"])
@pytest.mark.parametrize("d", [10, 100, 1000])
def test_simulated_distances_have_the_moments(kind, d):
    D = sample_distances(d, 6000, np.random.default_rng(0), kind)
    mean, sd = expected_distance(d, kind)
    assert D.mean() == pytest.approx(mean, abs=4 * sd / 6000**0.5)
    assert D.std() == pytest.approx(sd, rel=0.05)


def test_contrast_falls_with_the_dimension():
    rng = np.random.default_rng(0)
    found = [contrast(rng.standard_normal((100, d))) for d in (2, 10, 100, 1000)]
    assert found == sorted(found, reverse=True)
    assert contrast([[0.0], [1], [3]]) == pytest.approx(2)


def test_distances_are_exact_far_from_the_origin():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 3)) + 1e6, rng.normal(size=(7, 3)) + 1e6
    direct = ((x[:, None] - y) ** 2).sum(2)
    np.testing.assert_allclose(squared_distances(x, y), direct, rtol=1e-8)
    np.testing.assert_allclose(nearest_distance(x, y), direct.min(1) ** 0.5, rtol=1e-8)
    assert (squared_distances(x, x).diagonal() >= 0).all()


@pytest.mark.parametrize(("call", "message"), [
    (lambda: ball_share(0), "d=0.0; it must be at least 1"),
    (lambda: expected_distance(3, "uniform"), "it must be binary or gaussian"),
    (lambda: contrast(np.ones((3, 2))), "two samples are the same"),
    (lambda: nearest_distance(np.ones((3, 2)), np.ones((3, 4))), "4 features; fitted to 2"),
])
def test_mistakes_are_explained(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(("name", "changes", "figures"), [
    ("emptiness", ["queries=20", "gallery=100"], {"noise", "ball", "neighbours", "distances"}),
    ("curse", ["pairs=500", "dimensions=10,100", "samples=50", "features=2,302", "repeats=1"],
     {"distances", "contrast", "clusters"}),
])
def test_demos_draw_their_figures(name, changes, figures, tmp_path, capsys):
    settings = [part for change in changes for part in ("--set", change)]
    assert main(["demo", name, *settings, "--out", str(tmp_path)]) == 0
    folder = tmp_path / f"{name}-1"
    assert {path.stem for path in folder.glob("*.png")} == figures
    found = json.loads((folder / "report.json").read_text())["metrics"]
    if name == "emptiness":
        assert found["distance_ratio"] > 2
    else:
        assert found["rises"] == 0 and found["sd_error"] < 0.2
        assert found["ari_in_the_plane"] > 0.9 > found["ari_at_last"] + 0.2
