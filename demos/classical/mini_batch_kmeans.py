"""k-means from small batches: nearly as good as with all samples, long before the first pass ends.

Each step looks at a few samples only and moves their centres, each by a smaller share the more
samples it has had. The sum of squares over all samples is compared with that of Lloyd's algorithm.
Course: deck B, « Méthode des k-moyennes »; row 8.
"""

from dataclasses import dataclass

import numpy as np

from minigen import demos, draw
from minigen.data import toy2d
from minigen.models.classical.kmeans import KMeans, MiniBatchKMeans
from minigen.train import About, Demo, Run

ABOUT = About(
    row=8,
    item="C-04",
    fr="k-moyennes par mini-lots",
    en="mini-batch k-means",
    module="minigen.models.classical.kmeans",
    metric="inertia_vs_lloyd",          # the worst of several starts
    bars={"tiny": 1.05},
)


@dataclass
class Config(Demo):
    samples: int = 800                  # points around the eight middles
    std: float = 0.05                   # standard deviation of each group; the circle's radius is 2
    batch: int = 50                     # samples a step
    passes: int = 5                     # over the samples, for the number that is compared
    starts: int = 20                    # how many data sets and starts are compared


PRESETS = {"tiny": {}}


def main(config: Config) -> int:
    demos.classical.check(config)
    with Run(config, "mini-batch-kmeans") as run:
        ratios, paths = [], []
        for i in range(config.starts):
            seed = config.seed * config.starts + i
            X = toy2d.ring8(config.samples, seed, std=config.std).points                # (n, 2)
            lloyd = KMeans(8, seed=seed).fit(X).inertia_
            model = MiniBatchKMeans(8, batch_size=config.batch, max_iter=config.passes, seed=seed)
            ratios.append(model.fit(X).inertia_ / lloyd)
            paths.append([inertia / lloyd for inertia in learning(X, config.batch, seed)])
        seen = config.batch * np.arange(1, len(paths[0]) + 1)
        middle = np.median(paths, 0)
        figure = draw.lines(
            {f"mini-batches of {config.batch}, median of {config.starts} starts": (seen, middle),
             "the worst start, of which two groups share a centre": (seen, np.max(paths, 0)),
             "Lloyd's algorithm, all samples": (seen, np.ones(len(seen)))},
            "one pass: J over all samples, relative to Lloyd's", ("samples seen", "J / J of Lloyd"),
            log="y")
        run.figure("pass", figure)
        return run.report(inertia_vs_lloyd=max(ratios), mean=np.mean(ratios))


def learning(X, batch, seed):
    """The inertia of all samples after each batch of one pass, as a stream would bring them."""
    model = MiniBatchKMeans(8, batch_size=batch, seed=seed)
    order = np.random.default_rng(seed).permutation(len(X))
    for start in range(0, len(X), batch):
        model.partial_fit(X[order[start : start + batch]])
        yield -model.score(X)


if __name__ == "__main__":
    demos.start(__file__)
