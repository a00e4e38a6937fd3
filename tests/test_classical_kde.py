"""Kernel densities against the course's exact values, integrals, and sums written out."""

import json

import numpy as np
import pytest

from minigen.cli import main
from minigen.data import toy2d
from minigen.models.classical.kde import KERNELS, KernelDensity, factor

SHAPES = {  # K(u) of one number, by its definition
    "gaussian": lambda u: np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi),
    "epanechnikov": lambda u: 0.75 * np.maximum(1 - u**2, 0),
    "box": lambda u: 0.5 * (abs(u) <= 1),
}


def test_the_rules_factors():
    assert factor("scott", 100, 1) == pytest.approx(0.3981072, abs=5e-8)
    assert factor("silverman", 100, 1) == pytest.approx(0.4216846, abs=1e-6)
    X = np.random.default_rng(0).standard_normal((100, 1)) * 3
    sigma = X.std(ddof=1)
    assert KernelDensity().fit(X).bandwidth_ == pytest.approx(100**-0.2 * sigma)
    silverman = KernelDensity("silverman").fit(X).bandwidth_
    assert silverman == pytest.approx((4 / 3) ** 0.2 * 100**-0.2 * sigma)


def test_one_point():
    model = KernelDensity(1.0).fit([[0.0]])
    assert np.exp(model.score_samples([[0.0]])) == pytest.approx(0.3989423, abs=5e-8)


@pytest.mark.parametrize("kernel", KERNELS)
def test_it_is_the_mean_of_kernels_and_integrates_to_one(kernel):
    X = toy2d.two_gauss_1d(50, 1).points
    model = KernelDensity(0.4, kernel).fit(X)
    x = np.linspace(-6, 6, 12_001)
    expected = SHAPES[kernel]((x[:, None] - X[:, 0]) / 0.4).mean(1) / 0.4
    found = np.exp(model.score_samples(x[:, None]))
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert np.trapezoid(found, x) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("kernel", KERNELS)
def test_in_the_plane_it_integrates_to_one_and_samples_have_its_spread(kernel):
    axis = np.linspace(-3, 3, 301)
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    model = KernelDensity(0.5, kernel).fit([[0.0, 0.0]])
    p = np.exp(model.score_samples(grid)) * 0.02**2
    assert p.sum() == pytest.approx(1, abs=5e-3)
    drawn = model.sample(40_000)
    # E r² / d, by the integral and by samples
    assert (drawn**2).mean() == pytest.approx((p[:, None] * grid**2).sum() / 2, rel=0.03)
    np.testing.assert_allclose(drawn.mean(0), 0, atol=0.01)
    assert np.isfinite(model.score_samples(drawn)).all()        # none outside of the kernel


def test_the_variance_grows_by_h_squared():
    X = np.random.default_rng(0).standard_normal((4000, 1))
    drawn = KernelDensity(0.7).fit(X).sample(200_000, seed=1)
    assert drawn.var() == pytest.approx(X.var() + 0.49, rel=0.02)
    x = np.linspace(-7, 7, 281)
    p = np.exp(KernelDensity(0.7).fit(X).score_samples(x[:, None]))
    assert np.trapezoid(p * x**2, x) - np.trapezoid(p * x, x) ** 2 == pytest.approx(
        X.var() + 0.49, rel=1e-6)


@pytest.mark.parametrize("kernel", KERNELS)
def test_cross_validation_leaves_each_sample_out(kernel):
    X = toy2d.two_gauss_1d(60, 2).points
    model = KernelDensity("cv", kernel).fit(X)
    for h, score in list(zip(model.bandwidths_, model.scores_, strict=True))[::7]:
        K = SHAPES[kernel]((X - X.T) / h)
        np.fill_diagonal(K, 0)
        with np.errstate(divide="ignore"):
            expected = np.log(K.sum(1) / 59 / h).mean()
        assert score == pytest.approx(expected, rel=1e-10)
    assert model.bandwidth_ == model.bandwidths_[model.scores_.argmax()]


def test_the_cross_validated_density_is_near_the_truth():
    truth = toy2d.two_gauss_1d(2000, 0)
    model = KernelDensity("cv").fit(truth.points)
    x = np.linspace(-8, 8, 801)[:, None]
    p, q = truth.density(x), np.exp(model.score_samples(x))
    assert np.trapezoid((p - q) ** 2, x[:, 0]) < 0.005
    assert 0.1 < model.bandwidth_ < 0.3


def test_far_away_the_logarithm_is_finite_and_outside_a_box_minus_infinity():
    assert KernelDensity(1.0).fit([[0.0], [1.0]]).score_samples([[1e4]]) == pytest.approx(
        -0.5 * 9999**2 - np.log(2) - 0.5 * np.log(2 * np.pi))
    assert KernelDensity(1.0, "box").fit([[0.0]]).score_samples([[2.0]]) == -np.inf


@pytest.mark.parametrize(("call", "message"), [
    (lambda: KernelDensity(0), "bandwidth=0; it must be positive"),
    (lambda: KernelDensity("wide"), "bandwidth='wide'; it must be positive, or one of scott"),
    (lambda: KernelDensity(1.0, "cosine"), "kernel='cosine'; it must be one of gaussian"),
    (lambda: KernelDensity().fit([[1.0]]), "at least 2 samples"),
    (lambda: KernelDensity().fit([[1.0], [1.0]]), "all samples are the same"),
    (lambda: KernelDensity().fit([[1.0], [np.nan]]), "NaN or infinite"),
    (lambda: KernelDensity().fit([1.0, 2.0]), r"X\[:, None\]"),
    (lambda: KernelDensity("cv", "box").fit([[0.0], [0.1], [0.2], [0.3], *[[0.05 * i] for i in
     range(200)], [1e6]]), 'take kernel="gaussian"'),
])
def test_mistakes_are_explained(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_demo_runs(tmp_path):
    changes = ["--set", "samples=300"]
    assert main(["demo", "kde", *changes, "--out", str(tmp_path)]) == 0
    (folder,) = tmp_path.iterdir()
    assert list(folder.glob("*.png"))
    assert json.loads((folder / "report.json").read_text())["metrics"]["squared_error"] < 0.02
