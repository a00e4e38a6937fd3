"""MDS, Isomap and LLE: exact values of the course, what fit found again by transform."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import spearmanr

from minigen.data import toy2d
from minigen.models.classical.isomap import Isomap
from minigen.models.classical.lle import LocallyLinearEmbedding
from minigen.models.classical.mds import MDS, ClassicalMDS
from minigen.models.classical.neighbours import nearest_neighbours, squared_distances


def cloud(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def agreement(embedding, coordinate):
    """The best |Spearman| of a column with the coordinate."""
    return max(abs(spearmanr(column, coordinate)[0]) for column in embedding.T)


# Neighbours -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dimensions", [3, 40])        # by the tree, by products
def test_neighbours_are_those_of_all_distances(dimensions):
    X, queries = cloud(60, dimensions), cloud(7, dimensions, seed=1)
    everything = cdist(X, X)
    np.testing.assert_allclose(squared_distances(X), everything**2, atol=1e-12)
    np.fill_diagonal(everything, np.inf)
    for table, found in (
        (everything, nearest_neighbours(X, 5)),
        (cdist(queries, X), nearest_neighbours(X, 5, queries)),
    ):
        np.testing.assert_array_equal(found[1], table.argsort(1)[:, :5])
        np.testing.assert_allclose(found[0], np.sort(table, 1)[:, :5], atol=1e-12)


@pytest.mark.parametrize("dimensions", [2, 40])
def test_a_sample_is_not_its_own_neighbour_though_it_has_copies(dimensions):
    X = np.repeat(cloud(4, dimensions), 5, 0)                   # each five times
    distance, index = nearest_neighbours(X, 3)
    assert not (index == np.arange(20)[:, None]).any()
    assert (index // 5 == (np.arange(20) // 5)[:, None]).all()
    np.testing.assert_allclose(distance, 0, atol=1e-12)


# MDS --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [30, 250])        # all eigenvectors, a few
def test_distances_of_rank_k_come_back_and_are_pcas_scores(n):
    X = cloud(n, 2) * [3, 1] @ cloud(2, 7, seed=1)              # a plane in 7 dimensions
    D = cdist(X, X)
    model = ClassicalMDS(2, "precomputed").fit(D)
    np.testing.assert_allclose(cdist(model.embedding_, model.embedding_), D, atol=1e-8)
    U, s, _ = np.linalg.svd(X - X.mean(0), full_matrices=False)
    np.testing.assert_allclose(abs(model.embedding_), abs(U[:, :2] * s[:2]), atol=1e-8)
    np.testing.assert_allclose(model.eigenvalues_, s[:2] ** 2)
    same = ClassicalMDS(2).fit(X)
    np.testing.assert_allclose(same.embedding_, model.embedding_, atol=1e-8)
    assert (model.embedding_[abs(model.embedding_).argmax(0), [0, 1]] > 0).all()


def test_new_points_of_the_plane_get_their_places_by_their_distances():
    X = cloud(40, 2)
    model, table = ClassicalMDS(2).fit(X[:30]), ClassicalMDS(2, "precomputed")
    table.fit(cdist(X[:30], X[:30]))
    places = model.transform(X)
    np.testing.assert_allclose(cdist(places, places), cdist(X, X), atol=1e-8)
    np.testing.assert_allclose(table.transform(cdist(X, X[:30])), places, atol=1e-8)


def test_directions_that_no_space_has_are_left_at_zero():
    D = np.ones((3, 3)) - np.eye(3)
    D[0, 1] = D[1, 0] = 5                                       # against the triangle inequality
    model = ClassicalMDS(2, "precomputed").fit(D)
    assert model.eigenvalues_[1] <= 1e-12
    np.testing.assert_allclose(model.embedding_[:, 1], 0, atol=1e-6)
    assert np.isfinite(model.transform(D)).all()


def test_stress_never_rises_and_smacof_beats_the_classical_map():
    X = cloud(40, 5)
    by_eigen = ClassicalMDS(2).fit_transform(X)
    wanted = cdist(X, X)
    for init in ("classical", cloud(40, 2, seed=1)):
        model = MDS(2, init=init, eps=1e-9).fit(X)
        assert (np.diff(model.stresses_) <= 1e-9 * model.stresses_[0]).all()
        distances = cdist(model.embedding_, model.embedding_)
        assert model.stress_ == pytest.approx(((distances - wanted) ** 2).sum() / 2)
        assert model.stress_ < 0.9 * ((cdist(by_eigen, by_eigen) - wanted) ** 2).sum() / 2


def test_one_step_of_smacof_is_guttmans_transform():
    wanted, Y = cdist(cloud(6, 3), cloud(6, 3)), cloud(6, 2, seed=1)
    new = np.zeros((6, 2))
    for i in range(6):          # where the others would have point i, the mean of Y staying 0
        for j in range(6):
            if i != j:
                away = Y[i] - Y[j]
                new[i] += wanted[i, j] * away / np.linalg.norm(away) / 6
    model = MDS(2, "precomputed", init=Y, max_iter=1).fit(wanted)
    np.testing.assert_allclose(model.embedding_, new, atol=1e-12)


def test_places_that_coincide_do_not_stop_smacof():
    model = MDS(2, init=np.repeat(cloud(3, 2), 2, 0)).fit(cloud(6, 2))
    assert np.isfinite(model.embedding_).all()


@pytest.mark.parametrize(("model", "X", "words"), [
    (ClassicalMDS(metric="cosine"), cloud(5, 3), "metric='cosine'; it must be"),
    (ClassicalMDS(5), cloud(5, 3), "n_components=5; for 5 samples it must be 1 to 4"),
    (MDS(metric="precomputed"), cloud(5, 3), r"takes a table \(N, N\), not \(5, 3\)"),
    (MDS(metric="precomputed"), abs(cloud(5, 5)), "MDS: no table of distances"),
    (MDS(init="random"), cloud(5, 3), 'init=\'random\'; it is "classical" or an array'),
    (MDS(init=cloud(4, 2)), cloud(5, 3), r"init has shape \(4, 2\), not \(5, 2\)"),
])
def test_mistakes_of_scaling_are_named(model, X, words):
    with pytest.raises(ValueError, match=words):
        model.fit(X)


# Isomap and LLE ---------------------------------------------------------------------------------


def test_the_swiss_roll_is_unrolled():
    roll = toy2d.swiss_roll(1000, 0)
    assert agreement(Isomap(10).fit_transform(roll.points), roll.s) >= 0.98
    assert agreement(LocallyLinearEmbedding(12).fit_transform(roll.points), roll.s) >= 0.90
    assert agreement(ClassicalMDS(2).fit_transform(roll.points), roll.s) < 0.5      # PCA's scores


def test_isomap_of_the_complete_graph_is_classical_scaling():
    X = cloud(30, 4)
    isomap, flat = Isomap(29, 3).fit(X), ClassicalMDS(3).fit(X)
    np.testing.assert_allclose(isomap.embedding_, flat.embedding_, atol=1e-10)
    np.testing.assert_allclose(isomap.transform(X[:5]), flat.embedding_[:5], atol=1e-10)


def test_geodesics_go_along_the_curve():
    t = np.linspace(0, 1.8 * np.pi, 200)
    X = np.stack([np.cos(t), np.sin(t)], 1)                     # nearly a circle, open at the right
    isomap = Isomap(2, 1).fit(X)
    chord = 2 * np.sin((t[1] - t[0]) / 2)
    lengths = isomap.dist_matrix_[1, 1:-1]          # an end's second neighbour is two steps away
    np.testing.assert_allclose(lengths, chord * np.arange(198), rtol=1e-9)
    assert agreement(isomap.embedding_, t) == pytest.approx(1)


@pytest.mark.parametrize(("neighbours", "dimensions"), [(3, 6), (8, 3)])    # k < D and k > D
def test_weights_are_a_mean_of_the_neighbours_and_constants_cost_nothing(neighbours, dimensions):
    X = cloud(50, dimensions)
    model = LocallyLinearEmbedding(neighbours, 2).fit(X)
    W = model.weights_.toarray()
    np.testing.assert_allclose(W.sum(1), 1, atol=1e-12)
    M = (np.eye(50) - W).T @ (np.eye(50) - W)
    np.testing.assert_allclose(M @ np.ones(50), 0, atol=1e-12)
    values = np.linalg.eigvalsh(M)
    Y = model.embedding_
    np.testing.assert_allclose(Y.mean(0), 0, atol=1e-7)
    np.testing.assert_allclose(Y.T @ Y / 50, np.eye(2), atol=1e-10)
    np.testing.assert_allclose(Y.T @ M @ Y / 50, np.diag(values[1:3]), atol=1e-10)
    assert model.reconstruction_error_ == pytest.approx(values[1:3].sum())


def test_weights_of_a_flat_sheet_give_it_back():
    X = np.random.default_rng(0).uniform(size=(300, 2)) @ cloud(2, 5)   # a plane in 5 dimensions
    model = LocallyLinearEmbedding(10, 2, reg=1e-9).fit(X)
    # an affine map of it: regression of the embedding on the samples leaves nothing
    design = np.hstack([X, np.ones((300, 1))])
    left = model.embedding_ - design @ np.linalg.lstsq(design, model.embedding_, rcond=None)[0]
    assert abs(left).max() < 1e-3


def test_new_samples_fall_among_their_neighbours():
    roll = toy2d.swiss_roll(900, 1)
    train, test = roll.points[:800], roll.points[800:]
    for model in (Isomap(10).fit(train), LocallyLinearEmbedding(12).fit(train)):
        assert agreement(model.transform(test), roll.s[800:]) > 0.97
        np.testing.assert_allclose(model.transform(train[:20]), model.embedding_[:20], atol=0.02)


def test_copies_of_samples_are_no_obstacle():
    X = np.repeat(cloud(30, 2), 2, 0)
    for model in (Isomap(6), LocallyLinearEmbedding(6)):
        Y = model.fit_transform(X)
        assert np.isfinite(Y).all()
        np.testing.assert_allclose(Y[::2], Y[1::2], atol=1e-2)


def test_parts_without_a_path_are_refused():
    X = np.concatenate([cloud(20, 2), cloud(10, 2) + 100])
    for model in (Isomap(5), LocallyLinearEmbedding(5)):
        with pytest.raises(ValueError, match=r"2 parts without a path .* of 10; take more"):
            model.fit(X)


@pytest.mark.parametrize("make", [Isomap, LocallyLinearEmbedding])
def test_mistakes_are_named(make):
    name = make.__name__
    with pytest.raises(ValueError, match=f"{name}: n_neighbors=20; for 20 samples"):
        make(20).fit(cloud(20, 3))
    with pytest.raises(ValueError, match="n_components=30; for 20 samples"):
        make(5, 30).fit(cloud(20, 3))
    with pytest.raises(ValueError, match=f"{name}: X holds NaN"):
        make(5).fit(np.full((20, 2), np.nan))
    with pytest.raises(RuntimeError, match=f"{name}: call fit first"):
        make().transform(cloud(3, 3))
    with pytest.raises(ValueError, match="X has 2 features; fitted to 3"):
        make(12).fit(cloud(20, 3)).transform(cloud(4, 2))
