"""Scores of clusterings: what chance gets, what mistakes cost, and which pictures are similar.

With more clusters, clusters drawn at random look purer and tell more about the classes: a score is
worth something only beside that of chance. The adjusted Rand index takes chance away, whatever the
number of clusters; that is what is measured. The silhouette needs no classes, only distances.
Course: deck A, « similitude », « clustering (partitionnement) »; row 19.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from minigen import data, demos, draw, metrics
from minigen.data import toy2d
from minigen.train import About, Demo, Run

SCORES = {
    "adjusted Rand index": metrics.adjusted_rand_score,
    "normalised mutual information": metrics.normalized_mutual_info_score,
    "purity": metrics.purity_score,
    "accuracy, best matching": metrics.clustering_accuracy,
}

ABOUT = About(
    row=19,
    item="C-13",
    fr="détection de similitude, scores de partitionnement",
    en="similarity detection, clustering metrics",
    module="minigen.metrics.clustering",
    metric="chance_ari",                # |adjusted Rand index| of random clusters, the largest mean
    bars={"tiny": 0.01},
)


@dataclass
class Config(Demo):
    samples: int = 1000                 # in ten classes of the same size
    draws: int = 20                     # random partitions, over which each score is a mean
    clusters: tuple[int, ...] = (2, 5, 10, 20, 50, 100, 200, 500)   # of random partitions
    pictures: int = 1000                # among which similar ones are looked for


PRESETS = {"tiny": {}}


def main(config: Config) -> int:
    demos.classical.check(config, pictures=True)
    images = data.load(config.data or "digits", seed=config.seed, train=config.pictures, test=6)
    print(images.describe())
    rng = np.random.default_rng(config.seed)
    classes = np.arange(config.samples) % 10                                    # (N,)

    with Run(config, "clustering-metrics") as run:
        chance = mean_scores(classes, config.clusters, config.draws, lambda k: rng.integers(
            k, size=config.samples))
        shares = np.linspace(0, 1, 11)
        mistakes = mean_scores(classes, shares, config.draws, lambda share: np.where(
            rng.random(config.samples) < share, rng.integers(10, size=config.samples), classes))
        run.figure("scores", score_lines(config.clusters, chance, shares, mistakes))
        run.figure("silhouette", silhouettes(toy2d.ring8(800, config.seed, std=0.25)))
        run.figure("similar", similar(images))
        half = metrics.adjusted_rand_score([0, 0, 1, 1], [0, 1, 0, 1])
        return run.report(chance_ari=abs(chance["adjusted Rand index"]).max(),
                          chance_nmi=chance["normalised mutual information"].max(),
                          chance_purity=chance["purity"].max(), ari_of_crossed_pairs=half)


def mean_scores(classes, options, draws, partition):
    """Each score of partition(option), its mean over draws.   -> {name: (options,)}"""
    found = {name: np.zeros(len(options)) for name in SCORES}
    for i, option in enumerate(options):
        for clusters in (partition(option) for _ in range(draws)):
            for name, score in SCORES.items():
                found[name][i] += score(classes, clusters) / draws
    return found


def score_lines(clusters, chance, shares, mistakes):
    """Scores of chance by the number of clusters, and of mistakes by their share.   -> Figure"""
    figure, (left, right) = draw.panels(2, width=520, height=420)
    draw.lines({name: (np.array(clusters), y) for name, y in chance.items()},
               "Ten classes, and clusters drawn at random", ("clusters", "score"), log="x",
               axes=left)
    draw.lines({name: (shares, y) for name, y in mistakes.items()},
               "Ten classes, some samples moved at random", ("share of samples moved", "score"),
               axes=right)
    return figure


def silhouettes(ring):
    """Silhouettes of eight clusters, of the same merged in pairs, and of each cut in two."""
    outside = (np.linalg.norm(ring.points, axis=1) > 2).astype(int)
    partitions = {"8 clusters": ring.labels, "merged in pairs: 4": ring.labels // 2,
                  "each cut in two: 16": 2 * ring.labels + outside}
    figure, panels = draw.panels(3, width=420, height=400,
                                 title="Silhouette: is a sample nearer to its own cluster?")
    for axes, (name, clusters) in zip(panels, partitions.items(), strict=True):
        values = metrics.silhouette_samples(ring.points, clusters)              # (N,)
        draw.scatter(ring.points, values=values, equal=True, axes=axes,
                     title=f"{name}; mean {values.mean():.2f}")
    return figure


def similar(images, count=9):
    """For some pictures, a row each, the nearest ones by pixels, with distances.   -> Figure"""
    distances = cdist(*(x.reshape(len(x), -1) for x in (images.test, images.train)))
    rows, captions = [], []
    for picture, distance in zip(images.test, distances, strict=True):
        nearest = distance.argsort()[:count]
        rows += [picture, *images.train[nearest]]
        captions += ["query", *(f"{d:.1f}" for d in distance[nearest])]
    return draw.grid(np.stack(rows), len(rows) // len(distances), captions)


if __name__ == "__main__":
    demos.start(__file__)
