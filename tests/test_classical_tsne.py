"""t-SNE: its probabilities and gradient are those of the definition, and its map keeps groups."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from minigen import metrics
from minigen.models.classical.tsne import (
    TSNE,
    conditional_probabilities,
    joint_probabilities,
    kl_divergence,
    kl_gradient,
    map_probabilities,
)


def squares(n=40, dimensions=5, scale=1.0, seed=0):
    X = scale * np.random.default_rng(seed).normal(size=(n, dimensions))
    return cdist(X, X, "sqeuclidean")


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("perplexity", [2.0, 5.0, 13.0])
def test_entropy_is_the_logarithm_of_the_perplexity(scale, perplexity):
    P = conditional_probabilities(squares(scale=scale), perplexity)
    assert (P.diagonal() == 0).all()
    np.testing.assert_allclose(P.sum(1), 1, atol=1e-12)
    entropy = -(P * np.log(np.where(P > 0, P, 1))).sum(1)
    np.testing.assert_allclose(entropy, np.log(perplexity), atol=1e-5)


def test_probabilities_are_gaussian_in_the_distance():
    D = squares()
    P = conditional_probabilities(D, 5.0)
    for i in (0, 17):           # log p is a straight line in the squared distance
        kept = P[i] > 1e-200
        slope, shift = np.polyfit(D[i, kept], np.log(P[i, kept]), 1)
        assert slope < 0
        np.testing.assert_allclose(np.log(P[i, kept]), slope * D[i, kept] + shift, atol=1e-8)


def test_equal_distances_make_equal_probabilities():
    n = 12
    P = conditional_probabilities(np.ones((n, n)) - np.eye(n), 3.0)
    np.testing.assert_allclose(P, (np.ones((n, n)) - np.eye(n)) / (n - 1), atol=1e-15)


def test_copies_of_a_sample_give_finite_probabilities():
    X = np.repeat(np.random.default_rng(0).normal(size=(5, 3)), 6, 0)
    P = conditional_probabilities(cdist(X, X, "sqeuclidean"), 2.0)
    assert np.isfinite(P).all()
    np.testing.assert_allclose(P.sum(1), 1, atol=1e-12)
    assert P[0, 1:6].sum() == pytest.approx(1)                  # fewer equals than copies


def test_both_tables_sum_to_one_and_are_symmetric():
    P, Y = joint_probabilities(squares(), 8.0), np.random.default_rng(1).normal(size=(40, 2))
    W, Q = map_probabilities(Y)
    np.testing.assert_allclose(W, 1 / (1 + cdist(Y, Y, "sqeuclidean")) - np.eye(40), atol=1e-12)
    for table in (P, Q):
        assert table.sum() == pytest.approx(1, abs=1e-12)
        np.testing.assert_allclose(table, table.T, atol=1e-15)
        assert (table.diagonal() == 0).all()
    assert kl_divergence(P, Y) > 0
    assert kl_divergence(Q, Y) == pytest.approx(0, abs=1e-12)


def test_gradient_is_that_of_the_divergence():
    P, Y = joint_probabilities(squares(12), 3.0), np.random.default_rng(1).normal(size=(12, 2))
    numeric = np.empty_like(Y)
    for place in np.ndindex(*Y.shape):
        step = np.zeros_like(Y)
        step[place] = 1e-5
        numeric[place] = (kl_divergence(P, Y + step) - kl_divergence(P, Y - step)) / 2e-5
    np.testing.assert_allclose(kl_gradient(P, Y), numeric, atol=1e-6 * abs(numeric).max())


@pytest.mark.parametrize("init", ["pca", "random"])
def test_groups_stay_together(init):
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 6
    X = rng.normal(size=(6, 20))[labels] * 2 + rng.normal(size=(120, 20))
    model = TSNE(perplexity=10, max_iter=400, init=init).fit(X)
    assert metrics.precision_at_k(model.embedding_, labels, k=10) > 0.95
    np.testing.assert_allclose(model.embedding_.mean(0), 0, atol=1e-9)
    P = joint_probabilities(cdist(X, X, "sqeuclidean"), 10)
    assert model.kl_divergence_ == pytest.approx(kl_divergence(P, model.embedding_), rel=1e-6)
    # no exaggeration is left in it: the true gradient has almost vanished
    assert abs(kl_gradient(P, model.embedding_)).max() < 1e-3
    again = TSNE(perplexity=10, max_iter=400, init=init).fit_transform(X)
    np.testing.assert_array_equal(again, model.embedding_)


def test_mistakes_are_named():
    X = np.random.default_rng(0).normal(size=(60, 3))
    for model, words in (
        (TSNE(), "perplexity=30.0; for 60 samples it must be 1 or more, and less than 20"),
        (TSNE(perplexity=5, init="spectral"), "init='spectral'"),
        (TSNE(perplexity=5, init=X), r"init has shape \(60, 3\), not \(60, 2\)"),
        (TSNE(4, perplexity=5), 'init="pca" finds 3 components, not 4'),
    ):
        with pytest.raises(ValueError, match=words):
            model.fit(X)
    with pytest.raises(ValueError, match="TSNE: X holds NaN"):
        TSNE(perplexity=5).fit(np.where(X > 2, np.nan, X))
