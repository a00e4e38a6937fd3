"""Metrics against exact values, their definitions as loops, and what must not change them."""

import numpy as np
import pytest

import minigen
from minigen import metrics
from minigen.metrics import inputs

RNG = np.random.default_rng(0)
BLOBS = np.concatenate([RNG.normal(m, 0.5, (30, 3)) for m in (0, 3, 6)])
CLASSES = np.repeat([0, 1, 2], 30)


def halfway(labels):
    """The labels, half of them drawn anew."""
    return np.where(np.arange(len(labels)) % 2, labels, RNG.permutation(labels))


# Clustering -------------------------------------------------------------------------------------

AGREEMENT = [metrics.adjusted_rand_score, metrics.normalized_mutual_info_score,
             metrics.purity_score, metrics.clustering_accuracy]


@pytest.mark.parametrize("score", AGREEMENT)
def test_agreement_is_1_for_the_same_partition_under_other_names(score):
    assert score(CLASSES, CLASSES) == pytest.approx(1, abs=1e-15)
    assert score(CLASSES, np.array(["z", "a", "m"])[CLASSES]) == pytest.approx(1, abs=1e-15)
    noisy = halfway(CLASSES)
    assert score(CLASSES, noisy) < 0.9
    assert score(CLASSES, (7 - noisy) * 3) == pytest.approx(score(CLASSES, noisy), abs=1e-15)
    assert score([0, 0], [5, 5]) == 1


def test_crossed_labelings():
    true, crossed = [0, 0, 1, 1], [0, 1, 0, 1]
    assert metrics.adjusted_rand_score(true, crossed) == -0.5
    assert metrics.normalized_mutual_info_score(true, crossed) == 0
    assert metrics.purity_score(true, crossed) == 0.5
    assert metrics.clustering_accuracy(true, crossed) == 0.5
    assert metrics.contingency_matrix(true, crossed).tolist() == [[1, 1], [1, 1]]


def test_adjusted_rand_counts_pairs():
    true, pred = CLASSES, halfway(CLASSES)
    i, j = np.triu_indices(len(true), 1)
    together_true, together_pred = true[i] == true[j], pred[i] == pred[j]
    s, a, b = (together_true & together_pred).sum(), together_true.sum(), together_pred.sum()
    chance = a * b / len(i)
    expected = (s - chance) / ((a + b) / 2 - chance)
    assert metrics.adjusted_rand_score(true, pred) == pytest.approx(expected, rel=1e-12)
    many = np.arange(1_000_000) % 7                     # products of pairs pass 2**63
    assert metrics.adjusted_rand_score(many, many) == 1


def test_mutual_information_of_a_known_table():
    # 2 classes of 2; clusters {3 samples, 1 sample}: I = H(U) - H(U|V)
    given = 0.75 * -(np.log(1 / 3) / 3 + 2 / 3 * np.log(2 / 3))
    other = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    expected = 2 * (np.log(2) - given) / (np.log(2) + other)
    found = metrics.normalized_mutual_info_score([0, 0, 1, 1], [0, 0, 0, 1])
    assert found == pytest.approx(expected, rel=1e-12)


def test_purity_and_matching_differ_where_clusters_are_too_many():
    true, pred = [0, 0, 1, 1], [0, 1, 2, 3]
    assert metrics.purity_score(true, pred) == 1
    assert metrics.clustering_accuracy(true, pred) == 0.5
    # the greedy matching takes the 5 and is left with 0; the best one takes 4 + 4
    true = [0] * 5 + [1] * 4 + [0] * 4
    pred = [0] * 9 + [1] * 4
    assert metrics.clustering_accuracy(true, pred) == 8 / 13


def test_silhouette_is_its_definition(monkeypatch):
    labels = halfway(CLASSES).copy()
    labels[4] = 9                                       # alone in its cluster
    monkeypatch.setattr(inputs, "BLOCK", 7 * 90)        # several blocks, the last one smaller
    found = metrics.silhouette_samples(BLOBS, labels)
    distance = np.linalg.norm(BLOBS[:, None] - BLOBS, axis=-1)
    for i in range(90):
        means = {k: distance[i, labels == k].sum() / max((labels == k).sum() - (k == labels[i]), 1)
                 for k in set(labels.tolist())}
        a, b = means.pop(labels[i]), min(v for k, v in means.items() if k != labels[i])
        expected = 0 if labels[i] == 9 else (b - a) / max(a, b)
        assert found[i] == pytest.approx(expected, abs=1e-9)
    assert abs(found).max() <= 1
    assert metrics.silhouette_score(BLOBS, labels) == pytest.approx(found.mean())
    assert metrics.silhouette_score(BLOBS, CLASSES) > 0.6 > metrics.silhouette_score(BLOBS, labels)
    assert metrics.silhouette_score(np.zeros((4, 2)), [0, 0, 1, 1]) == 0
    assert metrics.silhouette_score([[0.0], [0], [1], [1]], [0, 0, 1, 1]) == 1


# Detection --------------------------------------------------------------------------------------


def test_auroc():
    assert metrics.roc_auc_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) == 0.75
    assert metrics.roc_auc_score([0, 1, 1], np.array([3, 3, 3], np.uint8)) == 0.5
    true, score = RNG.random(200) < 0.3, RNG.integers(0, 20, 200)
    wins = score[true][:, None] - score[~true]
    expected = ((wins > 0) + (wins == 0) / 2).mean()
    assert metrics.roc_auc_score(true, score) == pytest.approx(expected, rel=1e-12)
    assert metrics.roc_auc_score(true, np.exp(-score)) == pytest.approx(1 - expected, rel=1e-12)
    fpr, tpr, _ = metrics.roc_curve(true, score)
    assert np.trapezoid(tpr, fpr) == pytest.approx(expected, rel=1e-12)


def test_curves_are_counts_at_each_threshold():
    true, score = RNG.random(100) < 0.4, RNG.integers(0, 12, 100)
    fpr, tpr, thresholds = metrics.roc_curve(true, score)
    assert thresholds[0] == np.inf
    assert sorted(set(score.tolist()), reverse=True) == thresholds[1:].tolist()
    for f, t, threshold in zip(fpr, tpr, thresholds, strict=True):
        alarm = score >= threshold
        assert f == pytest.approx(alarm[~true].mean())
        assert t == pytest.approx(alarm[true].mean())
    precision, recall, thresholds = metrics.precision_recall_curve(true, score)
    assert sorted(set(score.tolist())) == thresholds.tolist()
    assert (precision[-1], recall[-1]) == (1, 0)
    for p, r, threshold in zip(precision[:-1], recall[:-1], thresholds, strict=True):
        assert p == pytest.approx(true[score >= threshold].mean())
        assert r == pytest.approx((score >= threshold)[true].mean())


def test_average_precision_and_fpr():
    # by falling score: 1 0 1; precision 1 at recall 1/2, 2/3 at recall 1
    assert metrics.average_precision_score([1, 0, 1], [3, 2, 1]) == pytest.approx(5 / 6)
    assert metrics.average_precision_score([1, 0, 0, 0], [7, 7, 7, 7]) == 0.25
    true = np.array([1] * 20 + [0] * 10)
    score = np.array([*range(20, 0, -1), *np.arange(0.5, 10), ])
    # 19 of 20 positives at scores >= 2: 8 of the 10 negatives, 2.5 to 9.5, are there too
    assert metrics.fpr_at_tpr(true, score) == 0.8
    assert metrics.fpr_at_tpr(true, score, tpr=0.5) == 0


# Overlap ----------------------------------------------------------------------------------------

BOXES = np.array([[0, 0, 10, 10], [20, 20, 30, 30]])


def test_box_iou_counts_pixels():
    sides = np.random.default_rng(1).integers(0, 8, (30, 2, 2))
    boxes = sides.cumsum(1).reshape(30, 4)                              # some are empty
    row, column = np.mgrid[:16, :16]
    inside = np.stack([(row >= t) & (column >= left) & (row < b) & (column < r)
                       for t, left, b, r in boxes])
    both = (inside[:, None] & inside[None]).sum((2, 3))
    either = (inside[:, None] | inside[None]).sum((2, 3))
    np.testing.assert_allclose(metrics.box_iou(boxes, boxes), both / np.maximum(either, 1))
    upside_down = BOXES[:1, [2, 3, 0, 1]]
    assert metrics.box_iou(minigen.tensor(upside_down), BOXES).tolist() == [[0, 0]]


def test_box_average_precision_counts_doubles_and_misses():
    score = metrics.box_average_precision
    found = [(np.array([0.9, 0.8, 0.7]), BOXES[[0, 0, 1]])]             # right, a double, right
    assert score([BOXES], found) == pytest.approx((1 + 2 / 3) / 2)
    assert score([BOXES], [(np.array([0.9]), BOXES[:1])]) == 0.5
    nothing = np.zeros(0), np.zeros((0, 4))
    assert score([BOXES], [nothing]) == 0
    # in a second picture without objects a false alarm ranks between, whatever the order
    alarm = np.array([0.75]), BOXES[:1]
    two = score([nothing[1], BOXES], [alarm, (np.array([0.7, 0.9]), BOXES)])
    assert two == pytest.approx((1 + 2 / 3) / 2)
    half = [[0, 0, 10, 5], [0, 5, 10, 10]]                              # IoU ½ with the first
    assert score([BOXES[:1]], [(np.array([0.2, 0.4]), half)]) == 1
    assert score([BOXES[:1]], [(np.array([0.2, 0.4]), half)], overlap=0.51) == 0


def test_mean_iou_leaves_out_classes_that_nobody_named():
    true, predicted = np.array([1, 1, 2, 0]), np.array([1, 2, 2, 1])
    assert metrics.mean_iou(true, predicted, (1, 2)) == pytest.approx((1 / 3 + 1 / 2) / 2)
    assert metrics.mean_iou(true, predicted, (1, 2, 7)) == pytest.approx((1 / 3 + 1 / 2) / 2)


# Probes and retrieval ---------------------------------------------------------------------------


def test_one_neighbour_finds_itself():
    features = RNG.normal(size=(50, 4))
    labels = RNG.integers(0, 5, 50)
    assert metrics.KNNProbe(k=1).fit(features, labels).score(features, labels) == 1


def test_neighbours_vote_by_their_similarity(monkeypatch):
    monkeypatch.setattr(inputs, "BLOCK", 100)
    gallery, labels = RNG.normal(size=(40, 6)), RNG.integers(10, 13, 40)
    queries = RNG.normal(size=(9, 6))
    probe = metrics.KNNProbe(k=7).fit(gallery, labels)
    found = probe.predict_proba(minigen.tensor(queries))
    for query, votes in zip(queries, found, strict=True):
        cos = gallery @ query / np.linalg.norm(gallery, axis=1) / np.linalg.norm(query)
        expected = np.zeros(3)
        for i in np.argsort(-cos)[:7]:
            expected[labels[i] - 10] += np.exp(cos[i] / 0.07)
        np.testing.assert_allclose(votes, expected / expected.sum(), rtol=1e-5)
    assert set(probe.predict(queries).tolist()) <= {10, 11, 12}
    # a low temperature is the nearest neighbour, without overflow
    cold = metrics.KNNProbe(k=7, temperature=1e-6).fit(gallery, labels).predict(queries)
    one = metrics.KNNProbe(k=1).fit(gallery, labels).predict(queries)
    np.testing.assert_array_equal(cold, one)


def test_linear_probe():
    labels = RNG.integers(0, 6, 200)
    one_hot = np.eye(6)[labels]
    assert metrics.LinearProbe().fit(one_hot, labels).score(one_hot, labels) == 1
    names = np.array(list("abcdef"))[labels]
    named = metrics.LinearProbe().fit(one_hot, names)
    assert named.predict(one_hot[:5]).tolist() == list(names[:5])
    # random labels: nothing to read
    features = RNG.normal(size=(900, 8))
    chance = RNG.integers(0, 3, 900)
    probe = metrics.LinearProbe().fit(features[:600], chance[:600])
    assert abs(probe.score(features[600:], chance[600:]) - 1 / 3) < 0.08
    np.testing.assert_allclose(probe.predict_proba(features).sum(1), 1)


def test_linear_probe_stands_at_the_minimum_whatever_the_units():
    features, labels = RNG.normal(size=(120, 4)), RNG.integers(0, 3, 120)
    probe = metrics.LinearProbe(C=0.5).fit(features, labels)
    standard = (features - features.mean(0)) / features.std(0)
    error = probe.predict_proba(features) - np.eye(3)[labels]
    # the gradient of C Σ loss + ½ |W|² in W, and in b
    np.testing.assert_allclose(0.5 * error.T @ standard + probe.coef_, 0, atol=2e-4)
    np.testing.assert_allclose(error.sum(0), 0, atol=2e-4)
    constant = np.full((120, 1), 0.1)                   # its deviation is rounding, not information
    moved = np.hstack([features * [1e-3, 1, 10, 1e6] + [5, 0, 1, 1e7], constant])
    again = metrics.LinearProbe(C=0.5).fit(moved, labels)
    np.testing.assert_allclose(again.coef_, np.hstack([probe.coef_, 0 * constant[:3]]), atol=1e-5)


def test_precision_at_k_alone_and_with_queries(monkeypatch):
    monkeypatch.setattr(inputs, "BLOCK", 1000)
    labels = halfway(CLASSES)
    distance = np.linalg.norm(BLOBS[:, None] - BLOBS, axis=-1)
    np.fill_diagonal(distance, np.inf)
    nearest = np.argsort(distance, 1)[:, :4]
    expected = (labels[nearest] == labels[:, None]).mean()
    assert metrics.precision_at_k(BLOBS, labels, k=4) == pytest.approx(expected)
    itself = metrics.precision_at_k(BLOBS, labels, BLOBS, labels, k=1, metric="cosine")
    assert itself == 1
    assert metrics.precision_at_k(BLOBS, CLASSES, k=29) > 0.95


def test_ties_in_retrieval_count_for_their_share():
    codes = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    # distance 0: right; distance 1: one right, one wrong, of which one has a place
    found = metrics.precision_at_k(codes, [1, 0, 1, 0], codes[:1], [1], k=2)
    assert found == pytest.approx(0.75)
    turned = metrics.precision_at_k(codes[::-1], [0, 1, 0, 1], codes[:1], [1], k=2)
    assert turned == found


# Reconstruction, and mistakes -------------------------------------------------------------------


def test_errors_of_principal_components_fall_from_the_variance_to_0():
    centred = BLOBS - BLOBS.mean(0)
    left = np.linalg.eigvalsh(centred.T @ centred / len(BLOBS))     # rising
    for components in range(5):
        error = metrics.pca_mse(minigen.from_numpy(BLOBS), BLOBS, components)
        assert error == pytest.approx(left[: max(3 - components, 0)].sum(), abs=1e-12)


def test_snr():
    signal = minigen.tensor([3.0, 4.0])
    assert metrics.snr(signal, [3.0, 3.5]) == pytest.approx(20)             # 25 / 0.25
    assert metrics.snr([1.0, 1.0], [0.0, 0.0]) == 0
    assert metrics.snr([1.0], [1.0]) == np.inf
    assert metrics.snr([0.0], [1.0]) == -np.inf


def test_segmental_snr_is_the_mean_over_frames_that_are_heard():
    x = np.ones(22)
    x[8:12] = 0.001                                 # 60 dB softer than the loudest: a pause
    x[12:16] = 0.5
    estimate = x.copy()
    estimate[:4] += 0.1                             # 20 dB
    estimate[4:8] += 100                            # -40 dB, held at -10
    estimate[8:12] = 7
    estimate[20:] = 7                               # what no frame holds; the others: 35 dB
    assert metrics.segmental_snr(x, estimate, frame=4) == pytest.approx((20 - 10 + 35 + 35) / 4)
    both = metrics.segmental_snr([x, 1e-3 * x], [estimate, 1e-3 * estimate], frame=4)
    assert both == pytest.approx(20)                # each sound has its own loudest frame


def test_log_spectral_distance_is_in_decibels_and_deaf_to_phase():
    x = np.sin(0.3 * np.arange(4000)) + 0.1 * RNG.normal(size=4000)
    assert metrics.log_spectral_distance(x, -x) == 0
    assert metrics.log_spectral_distance(x, 2 * x) == pytest.approx(20 * np.log10(2), rel=5e-3)
    assert metrics.log_spectral_distance([x, x], [x, 2 * x]) == pytest.approx(3.01, rel=5e-3)
    silence = metrics.log_spectral_distance(x, np.zeros(4000))
    assert 20 < silence < 60                        # 60 dB at most, where the signal is loudest


MISTAKES = [
    (lambda: metrics.segmental_snr([1.0] * 4, [1.0] * 4), r"of shape \(4,\) have no frame of 256"),
    (lambda: metrics.segmental_snr(np.zeros(256), np.ones(256)), "or no sound in them"),
    (lambda: metrics.segmental_snr(np.eye(1, 300, 280)[0], np.ones(300)), "or no sound in them"),
    (lambda: metrics.log_spectral_distance(np.outer([1, 0], np.ones(500)), np.ones((2, 500))),
     "or a sound of it is"),
    (lambda: metrics.log_spectral_distance(np.zeros(500), np.ones(500)), "the signal is silent"),
    (lambda: metrics.adjusted_rand_score([0, 1], [0, 1, 1]), "3 labels for 2 samples"),
    (lambda: metrics.purity_score([[0, 1]], [0]), r"shape \(1, 2\), not \(N,\); argmax"),
    (lambda: metrics.purity_score([0.5], [0]), "labels are fractions"),
    (lambda: metrics.silhouette_score(BLOBS, np.zeros(90)), "1 clusters of 90 samples"),
    (lambda: metrics.silhouette_score(BLOBS, CLASSES[:5]), "5 labels for 90 samples"),
    (lambda: metrics.silhouette_score([1.0, 2.0], [0, 1]), r"features have shape \(2,\)"),
    (lambda: metrics.silhouette_score([[np.nan], [1.0]], [0, 1]), "NaN or infinite"),
    (lambda: metrics.roc_auc_score([1, 1], [0.0, 1.0]), "of 0 and 1, and have both"),
    (lambda: metrics.roc_auc_score([0, 1], [0.0, np.nan]), "a score is NaN"),
    (lambda: metrics.roc_auc_score([0, 1], [[0.0], [1.0]]), r"y_score has shape \(2, 1\)"),
    (lambda: metrics.fpr_at_tpr([0, 1], [0, 1], tpr=95), "tpr=95; it must be above 0"),
    (lambda: metrics.LinearProbe(C=0), "C=0; it must be positive"),
    (lambda: metrics.KNNProbe(k=0), "k must be at least 1"),
    (lambda: metrics.KNNProbe().fit(BLOBS, CLASSES).predict(BLOBS[:, :2]), "size 2, fitted to"),
    (lambda: metrics.precision_at_k(BLOBS, CLASSES, k=90), "each query has 89 to choose from"),
    (lambda: metrics.precision_at_k(BLOBS, CLASSES, BLOBS), "or neither"),
    (lambda: metrics.precision_at_k(BLOBS, CLASSES, metric="l2"), "metric='l2'; it must be"),
    (lambda: metrics.precision_at_k(BLOBS, CLASSES, BLOBS[:, 1:], CLASSES), "sizes 2 and 3"),
    (lambda: metrics.snr([np.nan], [1.0]), "snr: some of the samples are NaN"),
    (lambda: metrics.psnr(-1.0, 4), "psnr: error -1 of 4 pixels; at least 0, and 1 pixel"),
    (lambda: metrics.pca_mse(BLOBS, BLOBS[:, :2], 1), "1 components of 3 pixels, for images of 2"),
    (lambda: metrics.pca_mse(BLOBS, BLOBS, -1), "pca_mse: -1 components"),
    (lambda: metrics.box_iou(BOXES[0], BOXES), r"box_iou: boxes have shape \(4,\), not \(n, 4\)"),
    (lambda: metrics.box_average_precision([BOXES], []), "found in 0 pictures, true ones in 1"),
    (lambda: metrics.box_average_precision([], []), "there is no object to be found"),
    (lambda: metrics.mean_iou(CLASSES, CLASSES[:5], [1]), r"shape \(90,\) and \(5,\)"),
    (lambda: metrics.mean_iou(CLASSES, CLASSES, [7]), "no pixel is of one of the classes"),
    (lambda: metrics.snr([1.0], [1.0, 2.0]), r"shape \(1,\), its estimate \(2,\)"),
]


@pytest.mark.parametrize(("mistake", "message"), MISTAKES, ids=[m for _, m in MISTAKES])
def test_mistakes_are_explained(mistake, message):
    with pytest.raises(ValueError, match=message):
        mistake()


def test_a_probe_has_to_be_fitted_first():
    with pytest.raises(RuntimeError, match="LinearProbe: call fit"):
        metrics.LinearProbe().predict(BLOBS)


@pytest.mark.gpu
def test_metrics_of_what_a_gpu_made():
    """Tensors there give the numbers that arrays here give."""
    features, labels = (minigen.from_numpy(x).to("gpu") for x in (BLOBS, CLASSES))
    for score in (*AGREEMENT, metrics.silhouette_score, metrics.precision_at_k):
        first = features if score in (metrics.silhouette_score, metrics.precision_at_k) else labels
        here = first.to("cpu").numpy()
        assert score(first, labels) == score(here, CLASSES)
    assert metrics.roc_auc_score(labels > 0, features[:, 0]) > 0.99
    assert metrics.snr(features, features) == np.inf
    for probe in (metrics.LinearProbe(), metrics.KNNProbe(k=5)):
        found = probe.fit(features, labels).score(features, labels)
        assert found == probe.fit(BLOBS, CLASSES).score(BLOBS, CLASSES)


def test_triplet_accuracy():
    anchors, positives = np.zeros((4, 2)), np.array([[1, 0], [3, 0], [0, 2], [0, 0]])
    negatives = np.array([[0, 2], [1, 1], [2, 0], [0, 0]])      # won, lost, and two as near
    assert metrics.triplet_accuracy(anchors, positives, negatives) == 0.5
    assert metrics.triplet_accuracy(anchors[:1], positives[:1], negatives[:1]) == 1
    with pytest.raises(ValueError, match=r"triplet_accuracy: anchors \(4, 2\), positives \(3, 2\)"):
        metrics.triplet_accuracy(anchors, positives[:3], negatives)
