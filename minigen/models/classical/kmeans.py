r"""k-means: k centres, and each sample belongs to the nearest one.

Two steps take turns, Lloyd's algorithm: give each sample to its nearest centre; move each centre to
the mean of its samples. Neither can raise the sum of squares, so the turns end, at a partition that
no such step improves; the best of all is hard to find.

$$ J = \sum_i \min_j \lVert x_i - c_j \rVert^2, \qquad c_j = \frac1{n_j} \sum_{i \in j} x_i $$

The start decides what is found. k-means++ draws centres one by one, a sample with probability
∝ D(x)², its squared distance to the nearest centre so far: far groups are seldom missed. The
greedy form draws several candidates each time, and keeps the one that leaves the smallest J.

Only sums over samples are needed: Σ x, count and J of each centre. So rows can come in blocks, from
a file larger than memory, and can be shared among workers: each sends k (d + 2) numbers a turn,
whatever its number of rows, and the result is that of one worker with all rows. Mini-batch k-means
goes on with what a few samples say: centre j moves by (x - c_j) / n_j, n_j samples after the start,
which keeps it at the mean of all it has been given.

Symbols: X (n, d) · centres c (k, d) · labels (n,) · J inertia · n_j count of centre j
Distances are ‖x‖² - 2 x·c + ‖c‖², one product of matrices; x and c are taken from the mean of all
samples, and what rounding makes negative is 0. An empty cluster starts again at the sample farthest
from its centre. Memory beside X: 16 bytes a row (candidates times 8 at the start), and a block.
Course: deck B, « Méthode des k-moyennes », deck A, « Clustering (Partitionnement) »; item C-04.
Source: Lloyd, Least squares quantization in PCM, 1982; Arthur & Vassilvitskii, k-means++, SODA
2007; Sculley, Web-scale k-means clustering, WWW 2010.
Read next: workers.py, then mixture.py (soft assignments).
"""

import math

import numpy as np
from scipy.sparse import csr_array

from minigen.models.classical.inputs import as_samples, fitted, refuse_nan
from minigen.models.classical.workers import Alone, gathered, total

BLOCK = 1 << 16     # numbers looked at together: they stay in the cache


class _Clusterer:
    """What does not depend on how the centres were found."""

    def predict(self, X):
        """The nearest centre of each sample.   (n, d) -> (n,) int32"""
        return self._nearest(X, "predict")[0]

    def transform(self, X):
        """The distances to all centres.   (n, d) -> (n, k)"""
        centers = fitted(self, "cluster_centers_")
        X = as_samples(X, "KMeans.transform", centers.shape[1])
        return np.concatenate([np.sqrt(d) for _, _, d in _distances(X, centers, self._origin)])

    def score(self, X):
        """Minus the inertia of these samples: the larger, the better.   (n, d) -> float"""
        return -float(self._nearest(X, "score")[1].sum())

    def fit_predict(self, X):
        """Fit, and give the labels of the samples.   (n, d) -> (n,)"""
        return self.fit(X).labels_

    def _nearest(self, X, method):
        centers = fitted(self, "cluster_centers_")
        X = as_samples(X, f"KMeans.{method}", centers.shape[1])
        labels, distance, _ = assign(X, centers, self._origin)
        return labels, distance


class KMeans(_Clusterer):
    """Clusters by Lloyd's algorithm.

    n_clusters: k. init: "k-means++", "random" (samples, all as likely) or the first centres (k, d).
    n_init: starts, of which the best is kept. candidates: of each draw of k-means++; 2 + ⌊ln k⌋ by
    default, 1 is the plain form. max_iter: turns. tol: turns end when the centres move by less, in
    squares, than this share of a feature's mean variance. workers: an mpi4py communicator, each
    rank of which fits its own rows with otherwise the same arguments; None: all rows are here.
    After fit: cluster_centers_ (k, d), labels_ (n,) of this worker's rows, inertia_ of all rows,
    n_iter_, and history_: the inertia after each step, two a turn.
    """

    def __init__(self, n_clusters=8, *, init="k-means++", n_init=1, candidates=None, max_iter=300,
                 tol=1e-4, seed=0, workers=None):
        _positive("KMeans", n_clusters=n_clusters, n_init=n_init, max_iter=max_iter)
        if isinstance(init, str) and init not in ("k-means++", "random"):
            raise ValueError(f'KMeans: init={init!r}; it must be "k-means++", "random" or centres')
        self.n_clusters, self.init, self.n_init = n_clusters, init, n_init
        self.candidates = candidates or 2 + int(math.log(n_clusters))
        self.max_iter, self.tol, self.seed = max_iter, tol, seed
        self.workers = workers or Alone()

    def fit(self, X):
        """Find the centres of X (n, d), or of all workers' rows.   -> self"""
        rows = _Rows(as_samples(X, "KMeans"), self.workers)
        if rows.count < self.n_clusters:
            raise ValueError(f"KMeans: {rows.count} samples for {self.n_clusters} clusters")
        rng = np.random.default_rng(self.seed)
        runs = [self._turns(rows, self._start(rows, rng)) for _ in range(self.n_init)]
        best = min(runs, key=lambda run: run[0])        # the first of equals
        self.inertia_, self.cluster_centers_, self.labels_, self.history_ = best
        self.n_iter_ = len(self.history_) // 2
        self._origin = rows.origin
        return self

    def _start(self, rows, rng):
        """The first centres, as init asks.   -> (k, d)"""
        if not isinstance(self.init, str):
            centers = as_samples(self.init, "KMeans: init", rows.X.shape[1])
            if len(centers) != self.n_clusters:
                raise ValueError(f"KMeans: init has {len(centers)} centres, not {self.n_clusters}")
            return centers.astype(np.float64)
        if self.init == "random":
            return rows.at(rng.choice(rows.count, self.n_clusters, replace=False))
        return plus_plus(rows, self.n_clusters, self.candidates, rng)

    def _turns(self, rows, centers):
        """Lloyd's algorithm.   (k, d) -> inertia, centres (k, d), labels (n,), history"""
        history = []
        for _ in range(self.max_iter):
            _, distance, sums = assign(rows.X, centers, rows.origin)
            sums = total(rows.workers, sums)                                    # (k, d + 2)
            count, inertia = sums[:, -2], sums[:, -1].sum()
            moved = rows.origin + sums[:, :-2] / np.maximum(count, 1)[:, None]  # (k, d)
            shift = ((moved - centers) ** 2).sum(1)                             # (k,)
            # the sum of squares about a mean is smaller by n_j times its distance squared
            history += [inertia, inertia - (count * shift).sum()]
            empty = count == 0
            if empty.any():
                moved[empty] = rows.farthest(distance, empty.sum())
            centers = moved
            if not empty.any() and shift.sum() <= self.tol * rows.variance:
                break
        labels, distance, _ = assign(rows.X, centers, rows.origin)
        return float(total(rows.workers, distance.sum())), centers, labels, np.array(history)


class MiniBatchKMeans(_Clusterer):
    """Clusters from small batches: of data at hand, or of a stream that never ends.

    n_clusters: k. batch_size: samples a step. max_iter: passes of `fit` over the samples. The first
    centres are k-means++ of the first 3 batches, or of the first one that `partial_fit` is given.
    After fit: cluster_centers_ (k, d), counts_ (k,) samples so far; labels_, inertia_ of X by fit.
    """

    def __init__(self, n_clusters=8, *, batch_size=1024, max_iter=10, seed=0):
        _positive("MiniBatchKMeans", n_clusters=n_clusters, batch_size=batch_size,
                  max_iter=max_iter)
        self.n_clusters, self.batch_size = n_clusters, batch_size
        self.max_iter, self.seed = max_iter, seed

    def fit(self, X):
        """Forget what was learned, and pass over X (n, d), in random order.   -> self"""
        X = as_samples(X, "MiniBatchKMeans", least=self.n_clusters)
        rng = np.random.default_rng(self.seed)
        size = min(len(X), max(3 * self.batch_size, self.n_clusters))
        self._begin(X[np.sort(rng.choice(len(X), size, replace=False))])
        for _ in range(self.max_iter):
            order = rng.permutation(len(X))
            for start in range(0, len(X), self.batch_size):
                # sorted: a file is read in one direction
                self.partial_fit(X[np.sort(order[start : start + self.batch_size])])
        self.labels_, distance = self._nearest(X, "fit")
        self.inertia_ = float(distance.sum())
        return self

    def partial_fit(self, X):
        """Learn from one more batch (b, d); the first one has at least k samples.   -> self"""
        started = hasattr(self, "counts_")
        features = self.cluster_centers_.shape[1] if started else None
        X = as_samples(X, "MiniBatchKMeans", features, least=1 if started else self.n_clusters)
        if not started:
            self._begin(X)
        _, _, sums = assign(X, self.cluster_centers_, self._origin)
        refuse_nan(sums, "MiniBatchKMeans")
        count = sums[:, -2]
        self.counts_ += count
        # c += (x - c) / n_j for one x after the other comes to this for all of the batch
        here = self._origin + sums[:, :-2] / np.maximum(count, 1)[:, None]      # (k, d)
        rate = count / np.maximum(self.counts_, 1)
        self.cluster_centers_ += rate[:, None] * (here - self.cluster_centers_)
        return self

    def _begin(self, sample):
        """The first centres, from a sample (m, d)."""
        rows, rng = _Rows(sample, Alone()), np.random.default_rng(self.seed)
        candidates = 2 + int(math.log(self.n_clusters))
        self.cluster_centers_ = plus_plus(rows, self.n_clusters, candidates, rng)
        self._origin, self.counts_ = rows.origin, np.zeros(self.n_clusters)


def assign(X, centers, origin):
    """Give each row to its nearest centre, and add up what the centres get.

    X (n, d), centers (k, d), origin (d,): what both are taken from.
    -> labels (n,) int32, squared distances (n,), sums (k, d + 2): Σ (x - origin), count, inertia
    """
    k, d = centers.shape
    labels, distance, sums = np.empty(len(X), np.int32), np.empty(len(X)), np.zeros((k, d + 2))
    for rows, x, square in _distances(X, centers, origin):
        nearest = square.argmin(1)                      # the first of equals
        labels[rows] = nearest
        distance[rows] = mine = square[np.arange(len(x)), nearest]
        member = csr_array((np.ones(len(x)), nearest, np.arange(len(x) + 1)), (len(x), k))
        sums[:, :-2] += member.T @ x
        sums[:, -2] += np.bincount(nearest, minlength=k)
        sums[:, -1] += np.bincount(nearest, mine, k)
    return labels, distance, sums


def plus_plus(rows, k, candidates, rng):
    """The first centres by greedy k-means++.   rows: `_Rows` -> (k, d)"""
    centers = rows.at(rng.integers(rows.count, size=1))                         # (1, d)
    nearest = rows.squares(centers)[0]                                          # (n,) D(x)²
    while len(centers) < k:
        drawn = rows.at(rows.draw(nearest, rng.random(candidates)))             # (candidates, d)
        left = np.minimum(nearest, rows.squares(drawn))                         # (candidates, n)
        best = total(rows.workers, left.sum(1)).argmin()
        centers, nearest = np.vstack([centers, drawn[best]]), left[best]
    return centers


class _Rows:
    """The rows of this worker, and what all workers' rows are together."""

    def __init__(self, X, workers):
        sizes = gathered(workers, X.shape).astype(np.int64)                     # (size, 2)
        if (sizes[:, 1] != X.shape[1]).any():
            raise ValueError(f"KMeans: the workers' rows have {sizes[:, 1].tolist()} features")
        self.X, self.workers = X, workers
        self.first = sizes[: workers.rank, 0].sum()     # of all rows, the number of our first
        self.count = int(sizes[:, 0].sum())
        self.origin = total(workers, sum(x.sum(0) for _, x in _blocks(X))) / self.count     # (d,)
        refuse_nan(self.origin, "KMeans")
        squares = sum(((x - self.origin) ** 2).sum() for _, x in _blocks(X))
        self.variance = total(workers, squares) / self.count / X.shape[1]       # a feature's

    def at(self, numbers):
        """The rows of these numbers, whoever has them.   (m,) -> (m, d)"""
        mine = (self.first <= numbers) & (numbers < self.first + len(self.X))
        found = np.zeros((len(numbers), self.X.shape[1]))
        found[mine] = self.X[numbers[mine] - self.first]
        return total(self.workers, found)

    def squares(self, centers):
        """Squared distances of our rows.   (m, d) -> (m, n)"""
        out = np.empty((len(centers), len(self.X)))
        for rows, _, square in _distances(self.X, centers, self.origin):
            out[:, rows] = square.T
        return out

    def draw(self, weights, shares):
        """Numbers of rows drawn by weight.   weights (n,), shares (m,) in [0, 1) -> (m,)"""
        below = weights.cumsum()
        ends = gathered(self.workers, below[-1]).cumsum()                       # (size,)
        places = shares * ends[-1]
        owner = np.minimum(np.searchsorted(ends, places, "right"), self.workers.size - 1)
        start = ends[self.workers.rank] - below[-1]
        index = np.minimum(np.searchsorted(below, places - start, "right"), len(below) - 1)
        mine = owner == self.workers.rank
        return total(self.workers, np.where(mine, self.first + index, 0)).astype(np.int64)

    def farthest(self, distance, m):
        """The m rows farthest from their centres, of all workers'.   distance (n,) -> (m, d)"""
        offer = np.full((m, 1 + self.X.shape[1]), -1.0)         # those that we do not have are last
        order = np.argsort(-distance, kind="stable")[:m]
        offer[: len(order), 0], offer[: len(order), 1:] = distance[order], self.X[order]
        offers = gathered(self.workers, offer).reshape(-1, offer.shape[1])
        return offers[np.argsort(-offers[:, 0], kind="stable")[:m], 1:]


def _distances(X, centers, origin):
    """Squared distances to all centres, a block of rows at a time.

    -> rows, the slice of X; x (b, d), from the origin; squares (b, k)
    """
    c = centers - origin
    product, length = -2 * c.T, (c**2).sum(1)                                   # (d, k), (k,)
    for rows, x in _blocks(X, len(c)):
        x = x - origin
        square = x @ product                                                    # (b, k)
        square += length
        square += np.einsum("ij,ij->i", x, x)[:, None]
        yield rows, x, np.maximum(square, 0, out=square)


def _blocks(X, width=1):
    """A slice of rows and the rows in float64, for all of X; width: columns made of each row."""
    step = max(1, BLOCK // max(width, X.shape[1]))
    for start in range(0, len(X), step):
        rows = slice(start, start + step)
        yield rows, X[rows].astype(np.float64, copy=False)


def _positive(who, **numbers):
    """ValueError unless all are at least 1."""
    for name, value in numbers.items():
        if value < 1:
            raise ValueError(f"{who}: {name}={value}; it must be at least 1")
