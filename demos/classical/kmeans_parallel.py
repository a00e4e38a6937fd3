"""k-means whose samples are shared among workers: the same result, in less time.

Each worker has its own rows and sends k (d + 2) sums a turn, whatever its number of rows. Here the
workers are threads of this process; started by mpiexec, ranks of MPI on many machines do the same:
KMeans(k, workers=MPI.COMM_WORLD).fit(my_rows).
Course: deck B, « Méthode des k-moyennes », distributed parallelism; row 9.
"""

import os
import time
from dataclasses import dataclass

import numpy as np

from minigen import demos, draw
from minigen.models.classical.kmeans import KMeans
from minigen.models.classical.workers import in_threads
from minigen.train import About, Demo, Run

ABOUT = About(
    row=9,
    item="C-04",
    fr="k-moyennes distribuées",
    en="distributed k-means",
    module="minigen.models.classical.workers",
    metric="difference",                # of the centres from those of one worker, largest, absolute
    bars={"tiny": 1e-12},
)


@dataclass
class Config(Demo):
    samples: int = 200_000              # rows that the workers share
    features: int = 32                  # numbers in a row
    clusters: int = 16                  # k
    turns: int = 5                      # of Lloyd's algorithm
    workers: tuple[int, ...] = (1, 2, 4)  # threads, for each of which the time is taken
    rounds: int = 2                     # the best time of so many counts


PRESETS = {"tiny": {}}


def main(config: Config) -> int:
    demos.classical.check(config)
    rng = np.random.default_rng(config.seed)
    middles = 2 * rng.standard_normal((config.clusters, config.features))
    X = middles[rng.integers(config.clusters, size=config.samples)]
    X += rng.standard_normal(X.shape)                                                   # (n, d)
    start = X[: config.clusters]

    def fit(workers, rows):
        return KMeans(config.clusters, init=start, max_iter=config.turns, tol=0,
                      workers=workers).fit(rows)

    with Run(config, "kmeans-parallel") as run:
        serial = fit(None, X)
        seconds, difference = [], 0.0
        for count in config.workers:
            parts = np.array_split(X, count)
            times = []
            for _ in range(config.rounds):
                began = time.perf_counter()
                models = in_threads(count, lambda worker, parts=parts: fit(worker,
                                                                           parts[worker.rank]))
                times.append(time.perf_counter() - began)
            seconds.append(min(times))
            difference = max(difference, *(abs(m.cluster_centers_ - serial.cluster_centers_).max()
                                           for m in models))
        speed_up = seconds[0] / np.array(seconds)
        cores = os.cpu_count() or 1
        figure = draw.lines(
            {f"measured, {cores} cores": (config.workers, speed_up),
             "as many times as there are workers": (config.workers, config.workers)},
            f"k-means, {config.samples:,} × {config.features}, k = {config.clusters}",
            ("workers (threads)", "times faster than one"))
        figure.axes[0].set_xticks(config.workers)
        run.figure("speed-up", figure)
        return run.report(difference=difference, speed_up=speed_up.max(),
                          seconds_of_one=seconds[0])


if __name__ == "__main__":
    demos.start(__file__)
