"""PCA and whitening: exact values, three ways to the same axes, bounded memory."""

import json

import numpy as np
import pytest

from minigen import tensor
from minigen.cli import main
from minigen.models.classical import pca
from minigen.models.classical.pca import PCA, Whitening

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5)) @ RNG.normal(size=(5, 5)) + [1, 20, -3, 0, 7]


@pytest.mark.parametrize("rho", [0.6, -0.3])
@pytest.mark.parametrize("solver", ["eigen", "svd"])
def test_two_correlated_features(rho, solver):
    z = RNG.normal(size=(50, 2))
    a, b = np.linalg.qr(z - z.mean(0))[0].T * 49**0.5               # exactly white and centred
    x = np.stack([3 * a + 5, 0.1 * (rho * a + (1 - rho**2) ** 0.5 * b)], 1)
    found = PCA(solver=solver).fit(x)
    np.testing.assert_allclose(found.explained_variance_, [1 + abs(rho), 1 - abs(rho)], atol=1e-10)
    np.testing.assert_allclose(abs(found.components_), np.full((2, 2), 0.5**0.5), atol=1e-10)
    first = found.components_[0]
    assert first[0] * first[1] * rho > 0                            # (1, 1)/√2 if rho > 0


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("shape", [(60, 5), (8, 30), (20, 20)])
def test_eigen_and_svd_agree(standardize, shape):
    x = RNG.normal(size=shape) * np.arange(1, shape[1] + 1) + 3
    a, b = (PCA(standardize=standardize, solver=s).fit(x) for s in ("eigen", "svd"))
    assert len(a.variances_) == min(shape[0] - 1, shape[1])
    np.testing.assert_allclose(a.variances_, b.variances_, atol=1e-8)
    np.testing.assert_allclose(a.components_, b.components_, atol=1e-8)
    largest = np.take_along_axis(a.components_, abs(a.components_).argmax(1)[:, None], 1)
    assert (largest > 0).all()
    np.testing.assert_allclose(a.components_ @ a.components_.T, np.eye(len(a.variances_)),
                               atol=1e-10)


def test_variances_sum_to_the_trace_and_what_is_left_to_the_error():
    assert PCA().fit(X).variances_.sum() == pytest.approx(5, abs=1e-10)
    plain = PCA(2, standardize=False).fit(X)
    assert plain.variances_.sum() == pytest.approx(np.cov(X.T).trace(), abs=1e-10)
    error = ((X - plain.inverse_transform(plain.transform(X))) ** 2).sum()
    assert error == pytest.approx(59 * plain.variances_[2:].sum(), rel=1e-10)
    scaled = PCA(2).fit(X)
    error = (((X - scaled.inverse_transform(scaled.transform(X))) / scaled.scale_) ** 2).sum()
    assert error == pytest.approx(59 * scaled.variances_[2:].sum(), rel=1e-10)


def test_scores_are_uncorrelated_and_new_samples_use_the_old_mean():
    model = PCA().fit(X)
    np.testing.assert_allclose(np.cov(model.transform(X).T), np.diag(model.variances_), atol=1e-10)
    np.testing.assert_allclose(model.transform(X[:1]), model.transform(X)[:1], atol=1e-12)
    np.testing.assert_allclose(model.transform(tensor(X[:3])), model.transform(X[:3]))
    np.testing.assert_allclose(model.inverse_transform(model.transform(X)), X, atol=1e-10)


def test_a_feature_that_does_not_vary_is_only_centred():
    x = np.c_[X, np.full(60, 0.1)]
    model = PCA().fit(x)
    assert model.scale_[-1] == 1
    assert np.isfinite(model.transform(x)).all()
    assert model.variances_.sum() == pytest.approx(5, abs=1e-10)


@pytest.mark.parametrize("kind", ["pca", "zca"])
def test_whitened_samples_have_covariance_one(kind):
    model = Whitening(kind, eps=0)
    white = model.fit_transform(X)
    np.testing.assert_allclose(np.cov(white.T), np.eye(5), atol=1e-8)
    np.testing.assert_allclose(model.inverse_transform(white), X, atol=1e-9)
    if kind == "zca":                                               # no rotation: x is kept upright
        np.testing.assert_allclose(model.matrix_, model.matrix_.T, atol=1e-10)
        assert np.linalg.eigvalsh(model.matrix_).min() > 0


def test_eps_keeps_directions_without_variance_small():
    flat = np.c_[X, X.sum(1)]
    white = Whitening(eps=1e-2).fit_transform(flat)
    assert np.isfinite(white).all() and abs(white[:, -1]).max() < 1e-6
    variance = PCA(standardize=False).fit(X).variances_
    np.testing.assert_allclose(Whitening(eps=2).fit_transform(X).var(0, ddof=1),
                               variance / (variance + 2), atol=1e-10)
    with pytest.raises(ValueError, match="a direction has no variance; take eps > 0"):
        Whitening(eps=0).fit(flat)


def test_how_many_axes():
    assert PCA(0.5, standardize=False).fit(np.diag([5.0, 1, 1, 1])).n_components_ == 1
    model = PCA(0.9).fit(X)
    ratio = model.variances_ / model.variances_.sum()
    k = model.n_components_
    assert ratio[:k].sum() >= 0.9 > ratio[: k - 1].sum()
    np.testing.assert_allclose(model.explained_variance_ratio_, ratio[:k])
    assert pca.kaiser([2.5, 1.2, 0.2, 0.1]) == 2
    assert pca.kaiser([1, 1, 1]) == 0
    assert pca.elbow([10, 8, 0.5, 0.4, 0.3, 0.2]) == 2


def test_blocks_of_a_mapped_file_change_nothing(tmp_path, monkeypatch):
    big = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float32, (500, 4))
    big[:] = RNG.normal(size=(500, 4)) + 1000
    whole = PCA(3).fit(np.array(big, np.float64))
    monkeypatch.setattr(pca, "BLOCK", 4 * 7)
    parts = PCA(3).fit(big)
    np.testing.assert_allclose(parts.components_, whole.components_, atol=1e-9)
    np.testing.assert_allclose(parts.transform(big), whole.transform(big), atol=1e-6)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: PCA(solver="qr"), 'solver=\'qr\'; it must be "eigen" or "svd"'),
    (lambda: PCA(6).fit(X), r"n_components=6; .* min\(n - 1, d\) = 5 axes"),
    (lambda: PCA().fit(X[:1]), "at least 2 samples"),
    (lambda: PCA().fit(X[0]), r"shape \(5,\), not \(samples, features\); for one feature"),
    (lambda: PCA().fit(np.zeros((4, 1, 2, 2))), "flatten each picture first"),
    (lambda: PCA().fit(np.ones((4, 2))), "all samples are the same"),
    (lambda: PCA().fit(np.where(X > 7, np.nan, X)), "holds NaN or infinite numbers"),
    (lambda: PCA().fit(X).transform(X[:, :3]), "X has 3 features; fitted to 5"),
    (lambda: Whitening("zac"), "kind must be"),
])
def test_mistakes_are_explained(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_transform_before_fit():
    with pytest.raises(RuntimeError, match="PCA: call fit first"):
        PCA().transform(X)


@pytest.mark.parametrize(("name", "settings", "figures"), [
    ("pca", ["points=60", "faces=30"], {"cloud", "projection", "scree"}),
    ("identikit", ["count=60"], {"eigenfaces", "sliders", "plane", "copies"}),
])
def test_demos_draw_their_figures(name, settings, figures, tmp_path, capsys):
    changes = [part for setting in settings for part in ("--set", setting)]
    assert main(["demo", name, *changes, "--out", str(tmp_path)]) == 0
    folder = tmp_path / f"{name}-1"
    assert {path.stem for path in folder.glob("*.png")} == figures
    metrics = json.loads((folder / "report.json").read_text())["metrics"]
    assert metrics["deviation"] < 1e-8 if name == "pca" else metrics["factor_share"] > 0.8


def test_demos_refuse_options_that_would_do_nothing(tmp_path, capsys):
    arguments = ["demo", "pca", "--data", str(tmp_path), "--out", str(tmp_path)]
    assert main(arguments) == 2
    assert "this demo shows what holds for its own made-up data" in capsys.readouterr().err
