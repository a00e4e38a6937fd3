"""k-means against the course's exact values, sums written out, and one worker against many."""

import json
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from minigen.cli import main
from minigen.data import toy2d
from minigen.models.classical.kmeans import KMeans, MiniBatchKMeans, assign
from minigen.models.classical.workers import in_threads, total

ROOT = Path(__file__).resolve().parents[1]
LINE = np.array([[0.0], [1.0], [9.0], [10.0]])


def cloud(n=600, d=5, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d)) + 100


def inertia(X, centers, labels):
    return sum(((X[labels == j] - c) ** 2).sum() for j, c in enumerate(centers))


def test_the_lectures_four_points():
    model = KMeans(2, init=LINE[:2]).fit(LINE)
    np.testing.assert_allclose(model.cluster_centers_, [[0.5], [9.5]], atol=1e-10)
    assert model.inertia_ == pytest.approx(1.0, abs=1e-10)
    assert model.labels_.tolist() == model.predict(LINE).tolist() == [0, 0, 1, 1]
    np.testing.assert_allclose(model.transform([[4.0]]), [[3.5, 5.5]], atol=1e-10)
    assert model.score([[0.5], [7.5]]) == pytest.approx(-4, abs=1e-10)


def test_one_cluster_is_the_mean_and_n_clusters_are_the_samples():
    X = cloud(50)
    one = KMeans(1).fit(X)
    np.testing.assert_allclose(one.cluster_centers_[0], X.mean(0), rtol=1e-12)
    assert one.inertia_ == pytest.approx(50 * X.var(0).sum(), rel=1e-10)
    every = KMeans(50).fit(X)
    assert every.inertia_ == pytest.approx(0, abs=1e-10)
    assert sorted(every.labels_) == list(range(50))


def test_no_step_raises_the_inertia_and_history_tells_what_it_is():
    X = cloud()
    start = X[:7]
    model = KMeans(7, init=start, tol=0).fit(X)
    assert (np.diff(model.history_) <= 1e-9).all() and len(model.history_) > 10
    centers = start                                     # the same by the definition
    for after_assignment, after_update in model.history_.reshape(-1, 2):
        labels = ((X[:, None] - centers) ** 2).sum(-1).argmin(1)
        assert after_assignment == pytest.approx(inertia(X, centers, labels), rel=1e-10)
        centers = np.array([X[labels == j].mean(0) for j in range(7)])
        assert after_update == pytest.approx(inertia(X, centers, labels), rel=1e-10)
    np.testing.assert_allclose(model.cluster_centers_, centers, rtol=1e-12)


def test_total_sum_of_squares_is_within_and_between():
    X = cloud()
    model = KMeans(6, tol=0).fit(X)
    counts = np.bincount(model.labels_, minlength=6)
    between = (counts * ((model.cluster_centers_ - X.mean(0)) ** 2).sum(1)).sum()
    assert model.inertia_ + between == pytest.approx(len(X) * X.var(0).sum(), rel=1e-10)


def test_an_empty_cluster_starts_again_at_the_farthest_sample():
    X = np.array([[0.0], [1.0], [2.0], [50.0]])
    model = KMeans(2, init=[[1.0], [-900.0]]).fit(X)    # nobody is nearest to the second
    np.testing.assert_allclose(model.cluster_centers_, [[1.0], [50.0]], atol=1e-10)
    assert KMeans(3).fit(np.zeros((5, 2))).inertia_ == 0        # fewer places than clusters


def test_far_from_the_origin_nothing_is_lost():
    model = KMeans(2, init=LINE[:2] + 1e8).fit(LINE + 1e8)
    assert model.inertia_ == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_workers_find_what_one_finds(size):
    X = cloud(1001)
    serial = KMeans(9, n_init=2, seed=3).fit(X)
    parts = np.split(X, [5, 600, 603][: size - 1])      # uneven: the first has fewer rows than k
    models = in_threads(size, lambda w: KMeans(9, n_init=2, seed=3, workers=w).fit(parts[w.rank]))
    for model in models:
        np.testing.assert_allclose(model.cluster_centers_, serial.cluster_centers_, atol=1e-12)
        assert model.inertia_ == pytest.approx(serial.inertia_, rel=1e-12)
        assert model.n_iter_ == serial.n_iter_
        assert (model.cluster_centers_ == models[0].cluster_centers_).all()     # the same bits
    assert np.concatenate([m.labels_ for m in models]).tolist() == serial.labels_.tolist()


def test_workers_share_random_starts_and_empty_clusters():
    X = np.append(cloud(40, 2), [[900.0, 0], [0, 950.0]], 0)
    for init in ("random", [[100.0, 100], [-1e4, 0], [-1e4, 1]]):
        serial = KMeans(3, init=init, seed=1).fit(X)
        parts = np.array_split(X, 3)
        for model in in_threads(3, lambda w, parts=parts, init=init: KMeans(
                3, init=init, seed=1, workers=w).fit(parts[w.rank])):
            np.testing.assert_allclose(model.cluster_centers_, serial.cluster_centers_, atol=1e-11)


def test_a_worker_that_fails_is_heard_and_the_others_stop():
    def work(worker):
        if worker.rank == 1:
            raise ZeroDivisionError("mine")
        return total(worker, np.ones(2))

    with pytest.raises(ZeroDivisionError, match="mine"):
        in_threads(3, work)
    assert in_threads(3, lambda w: total(w, np.float64(w.rank)).tolist()) == [3.0, 3.0, 3.0]


MPI = """
import sys, numpy as np
from mpi4py import MPI
from minigen.models.classical.kmeans import KMeans
comm, X = MPI.COMM_WORLD, np.load(sys.argv[1])
model = KMeans(5, seed=1, workers=comm).fit(np.array_split(X, comm.size)[comm.rank])
if comm.rank == 0:
    np.savez(sys.argv[2], centers=model.cluster_centers_, inertia=model.inertia_)
"""


@pytest.mark.parametrize("size", [1, 2, 4])
def test_ranks_of_mpi_find_what_one_finds(size, tmp_path):
    pytest.importorskip("mpi4py", reason="mpi4py is missing: the extra mpi brings it")
    beside = shutil.which("mpiexec", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("mpiexec")
    if found is None:
        pytest.skip("mpiexec is missing: the extra mpi brings it")
    X = cloud(300)
    np.save(tmp_path / "X.npy", X)
    subprocess.run([found, "-n", str(size), sys.executable, "-c", MPI, str(tmp_path / "X.npy"),
                    str(tmp_path / "out.npz")], check=True, cwd=ROOT, timeout=60)
    serial, out = KMeans(5, seed=1).fit(X), np.load(tmp_path / "out.npz")
    np.testing.assert_allclose(out["centers"], serial.cluster_centers_, atol=1e-12)
    assert out["inertia"] == pytest.approx(serial.inertia_, rel=1e-12)


def test_a_file_is_read_in_blocks(tmp_path):
    X = np.lib.format.open_memmap(tmp_path / "X.npy", "w+", np.float32, (40_000, 64))   # 10 MB
    X[:] = np.random.default_rng(0).standard_normal(X.shape)
    X[::2] += 3
    tracemalloc.start()
    model = KMeans(2, candidates=1).fit(np.load(tmp_path / "X.npy", mmap_mode="r"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6
    assert abs(np.diff(model.labels_)).all()            # they alternate


def test_greedy_plus_plus_finds_the_eight_groups():
    found = 0
    for seed in range(20):
        ring = toy2d.ring8(800, seed)
        centers = KMeans(8, seed=seed).fit(ring.points).cluster_centers_
        distance = np.linalg.norm(ring.means[:, None] - centers, axis=-1)
        found += (distance.min(1) < 0.1).all()
    assert found >= 19


def test_mini_batches_come_near_and_centres_are_means_of_what_they_got():
    X = toy2d.ring8(800, 0).points
    model = MiniBatchKMeans(8, batch_size=100).fit(X)
    assert model.inertia_ <= 1.05 * KMeans(8).fit(X).inertia_
    assert model.labels_.tolist() == model.predict(X).tolist()
    batch = X[:80]
    model = MiniBatchKMeans(8)
    model.partial_fit(batch)
    first = model.cluster_centers_.copy()
    # one x after the other, as Sculley has it
    centers, counts = first.copy(), model.counts_.copy()
    for x in X[80:200]:
        j = ((first - x) ** 2).sum(1).argmin()
        counts[j] += 1
        centers[j] += (x - centers[j]) / counts[j]
    model.partial_fit(X[80:200])
    np.testing.assert_allclose(model.cluster_centers_, centers, atol=1e-12)
    assert model.counts_.tolist() == counts.tolist() and counts.sum() == 200


def test_assign_adds_up_what_each_centre_gets():
    labels, distance, sums = assign(LINE, np.array([[0.0], [9.0]]), np.array([2.0]))
    assert labels.tolist() == [0, 0, 1, 1] and distance.tolist() == [0, 1, 0, 1]
    assert sums.tolist() == [[-3, 2, 1], [15, 2, 1]]


@pytest.mark.parametrize(("call", "message"), [
    (lambda: KMeans(0), "n_clusters=0; it must be at least 1"),
    (lambda: KMeans(5).fit(LINE), "4 samples for 5 clusters"),
    (lambda: KMeans(2, init="forgy"), "init='forgy'; it must be"),
    (lambda: KMeans(3, init=LINE[:2]).fit(LINE), "init has 2 centres, not 3"),
    (lambda: KMeans(2, init=[[0, 1], [2, 3]]).fit(LINE), "X has 2 features; fitted to 1"),
    (lambda: KMeans(2).fit([[0.0], [np.nan]]), "NaN or infinite"),
    (lambda: MiniBatchKMeans(5).partial_fit(LINE), "at least 5 samples"),
    (lambda: KMeans(2).fit(LINE).predict([[1, 2]]), "KMeans.predict: X has 2 features"),
    (lambda: in_threads(2, lambda w: KMeans(2, workers=w).fit(np.ones((4, 1 + w.rank)))),
     r"have \[1, 2\] features"),
])
def test_mistakes_are_explained(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_fit_comes_first():
    with pytest.raises(RuntimeError, match="KMeans: call fit first"):
        KMeans(2).predict(LINE)


@pytest.mark.parametrize(("demo", "changes", "metric", "reached"), [
    ("kmeans", ["samples=160", "starts=3"], "all_groups_found", lambda share: share > 0.6),
    ("mini-batch-kmeans", ["starts=3"], "inertia_vs_lloyd", lambda ratio: 0.99 < ratio < 1.05),
    ("kmeans-parallel", ["samples=3000", "workers=1,2"], "difference", lambda gap: gap < 1e-12),
])
def test_the_demos_run(demo, changes, metric, reached, tmp_path):
    settings = [word for change in changes for word in ("--set", change)]
    assert main(["demo", demo, *settings, "--out", str(tmp_path)]) == 0
    (folder,) = tmp_path.iterdir()
    assert list(folder.glob("*.png"))
    assert reached(json.loads((folder / "report.json").read_text())["metrics"][metric])
