"""Gaussian mixtures against closed forms, SciPy's densities, and k-means as their limit."""

import json

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from minigen.cli import main
from minigen.data import toy2d
from minigen.models.classical.kmeans import KMeans
from minigen.models.classical.mixture import (
    GaussianMixture,
    expectation,
    log_densities,
    maximisation,
)

KINDS = ("full", "tied", "diag", "spherical")
WHOLE = {   # Σ of component 1 of 2, d = 2: k = d, so that no shape tells the kind
    "full": ([[[1.0, 0], [0, 1]], [[2, 0.5], [0.5, 1]]], [[2, 0.5], [0.5, 1]]),
    "tied": ([[2.0, 0.5], [0.5, 1]], [[2, 0.5], [0.5, 1]]),
    "diag": ([[1.0, 1], [2, 3]], [[2, 0], [0, 3]]),
    "spherical": ([1.0, 2], [[2, 0], [0, 2]]),
}


def cloud(n=400, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 3)) @ rng.standard_normal((3, 3))
    X[: n // 3] += [4, 0, -3]
    return X + 10


def test_one_component_is_the_mean_and_the_biased_covariance():
    X = cloud()
    model = GaussianMixture(1, reg_covar=0).fit(X)
    np.testing.assert_allclose(model.means_[0], X.mean(0), rtol=1e-12)
    covariance = np.cov(X.T, bias=True)
    np.testing.assert_allclose(model.covariances_[0], covariance, rtol=1e-10)
    tied, diag, spherical = (GaussianMixture(1, kind, reg_covar=0).fit(X).covariances_
                             for kind in KINDS[1:])
    np.testing.assert_allclose(tied, covariance, rtol=1e-10)
    np.testing.assert_allclose(diag[0], np.diag(covariance), rtol=1e-10)
    np.testing.assert_allclose(spherical[0], np.trace(covariance) / 3, rtol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_densities_are_scipys(kind):
    covariances, second = WHOLE[kind]
    X, means = cloud(20)[:, :2], np.array([[10.0, 10], [11, 9]])
    found = log_densities(X, means, np.array(covariances), kind)[:, 1]
    np.testing.assert_allclose(found, multivariate_normal(means[1], second).logpdf(X), rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_em_raises_the_likelihood_and_responsibilities_sum_to_one(kind):
    X = cloud()
    model = GaussianMixture(3, kind, init=X[:3], reg_covar=0, tol=-np.inf, max_iter=60).fit(X)
    assert (np.diff(model.history_) >= -1e-9).all()
    assert model.history_[-1] > model.history_[0] + 0.1
    assert model.score(X) == pytest.approx(model.history_[-1], rel=1e-12)
    shares = model.predict_proba(X)
    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-12)
    assert model.predict(X).tolist() == shares.argmax(1).tolist()
    assert model.weights_.sum() == pytest.approx(1)


def test_the_m_step_by_its_definition():
    X = cloud(50)
    shares = np.random.default_rng(1).dirichlet(np.ones(2), 50)
    weights, means, full = maximisation(X, shares, "full", 0.5)
    _, _, tied = maximisation(X, shares, "tied", 0.5)
    for j in range(2):
        np.testing.assert_allclose(means[j], np.average(X, 0, shares[:, j]), rtol=1e-12)
        expected = np.cov(X.T, aweights=shares[:, j], bias=True) + 0.5 * np.eye(3)
        np.testing.assert_allclose(full[j], expected, rtol=1e-10)
    np.testing.assert_allclose(weights, shares.mean(0), rtol=1e-12)
    np.testing.assert_allclose(tied, weights[0] * full[0] + weights[1] * full[1], rtol=1e-10)


def test_equal_bells_share_the_midpoint():
    means, equal = np.array([[-1.0], [3.0]]), np.array([0.5, 0.5])
    places, variances = np.array([[1.0], [0.99]]), np.array([2.0, 2])
    _, shares = expectation(places, equal, means, variances, "spherical")
    np.testing.assert_allclose(shares[0], 0.5, atol=1e-12)
    assert shares[1, 0] > 0.5


def test_vanishing_spheres_are_k_means():
    X = toy2d.ring8(200, 1).points
    start = means = X[:8].copy()
    tiny = np.full(8, 1e-6)
    for _ in range(10):
        _, shares = expectation(X, np.full(8, 1 / 8), means, tiny, "spherical")
        means = maximisation(X, shares, "spherical")[1]
    kmeans = KMeans(8, init=start, max_iter=10, tol=0).fit(X)
    np.testing.assert_allclose(means, kmeans.cluster_centers_, atol=1e-8)


def test_two_bells_of_the_line_are_found_and_counted():
    truth = toy2d.two_gauss_1d(5000, 0)
    models = [GaussianMixture(k).fit(truth.points) for k in (1, 2, 3)]
    model = models[1]
    order = model.means_[:, 0].argsort()
    np.testing.assert_allclose(model.means_[order, 0], [-2, 1], atol=0.1)
    np.testing.assert_allclose(np.sqrt(model.covariances_[order, 0, 0]), [0.5, 1], atol=0.1)
    np.testing.assert_allclose(model.weights_, 0.5, atol=0.05)
    assert np.argmin([m.bic(truth.points) for m in models]) == 1
    x = np.linspace(-9, 9, 2001)[:, None]
    assert np.trapezoid(np.exp(model.score_samples(x)), x[:, 0]) == pytest.approx(1, abs=1e-6)


def test_bic_counts_the_free_parameters():
    X = cloud()
    free = {"full": 2 * 6 + 6 + 1, "tied": 6 + 6 + 1, "diag": 6 + 6 + 1, "spherical": 2 + 6 + 1}
    for kind, parameters in free.items():
        model = GaussianMixture(2, kind).fit(X)
        penalty = model.bic(X) + 2 * model.score_samples(X).sum()
        assert penalty == pytest.approx(parameters * np.log(len(X)))


@pytest.mark.parametrize("kind", KINDS)
def test_samples_have_the_parameters_they_are_drawn_with(kind):
    model = GaussianMixture(2, kind, n_init=2).fit(cloud(90))
    X, component = model.sample(40_000, seed=3)
    shares = np.eye(2)[component]
    weights, means, covariances = maximisation(X, shares, kind, 0)
    np.testing.assert_allclose(weights, model.weights_, atol=0.02)
    np.testing.assert_allclose(means, model.means_, atol=0.1)
    np.testing.assert_allclose(covariances, model.covariances_, atol=0.3)
    assert (model.sample(5, seed=3)[0] == model.sample(5, seed=3)[0]).all()


def test_a_component_on_one_sample_stays_finite():
    X = np.array([[0.0], [0.1], [0.2], [50.0]])
    model = GaussianMixture(2).fit(X)
    assert model.covariances_.min() == pytest.approx(1e-6)      # it is ε
    for kind in KINDS[:1] + KINDS[2:]:
        with pytest.raises(ValueError, match="larger reg_covar or fewer components"):
            GaussianMixture(2, kind, reg_covar=0).fit([[0.0], [0.0], [50.0]])


def test_far_samples_have_a_density_below_what_float64_holds():
    model = GaussianMixture(2).fit(cloud())
    far = model.score_samples(np.full((1, 3), 1e4))
    assert -1e12 < far[0] < -1e4
    assert model.predict_proba(np.full((1, 3), 1e4)).sum() == pytest.approx(1)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: GaussianMixture(0), "n_components=0; it must be at least 1"),
    (lambda: GaussianMixture(2, "round"), "covariance_type='round'; it must be one of full"),
    (lambda: GaussianMixture(2, init="random").fit(cloud()), "init='random'; it must be"),
    (lambda: GaussianMixture(2, init=np.ones((3, 3))).fit(cloud()), "init has 3 means, not 2"),
    (lambda: GaussianMixture(9).fit(cloud(6)), "at least 9 samples"),
    (lambda: GaussianMixture(1).fit([[np.inf]]), "NaN or infinite"),
    (lambda: GaussianMixture(1).fit(cloud()).predict([[1.0]]), "X has 1 features; fitted to 3"),
])
def test_mistakes_are_explained(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_demo_runs(tmp_path):
    changes = ["--set", "samples=1000", "--set", "most=2", "--set", "plane=200"]
    assert main(["demo", "gaussian-mixture", *changes, "--out", str(tmp_path)]) == 0
    (folder,) = tmp_path.iterdir()
    assert list(folder.glob("*.png"))
    assert json.loads((folder / "report.json").read_text())["metrics"]["error"] < 3
