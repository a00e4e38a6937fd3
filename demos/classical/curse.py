"""The curse of dimensionality: the more features, the more alike are all distances.

Distances of random pairs are simulated in 10 to 10 000 dimensions and held against the formula.
Then four clear clusters of the plane get features of noise beside them: k-means, which knows
distances only, loses the clusters.
Course: deck B, « malédiction de la dimensionnalité »; row 13.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from minigen import demos, draw, metrics
from minigen.models.classical.high_dimension import (
    KINDS,
    contrast,
    expected_distance,
    sample_distances,
)
from minigen.models.classical.kmeans import KMeans
from minigen.train import About, Demo, Run, UsageError

ABOUT = About(
    row=13,
    item="C-08",
    fr="malédiction de la dimensionnalité",
    en="curse of dimensionality",
    module="minigen.models.classical.high_dimension",
    metric="sd_error",                  # of simulated distances, relative to the formula's
    bars={"tiny": 0.05},
)


@dataclass
class Config(Demo):
    dimensions: tuple[int, ...] = (10, 100, 1000, 10_000)   # numbers of features
    pairs: int = 10_000                                     # independent pairs of samples, of each
    samples: int = 300                                      # whose nearest and farthest are sought
    features: tuple[int, ...] = (2, 5, 12, 32, 102, 302, 1002)  # for k-means; two say something
    repeats: int = 5                                        # data sets for each of those


PRESETS = {"tiny": {}}


def main(config: Config) -> int:
    demos.classical.check(config)
    if min(config.features) < 2:
        raise UsageError(f"--set features={min(config.features)}: the clusters have 2 already")
    rng = np.random.default_rng(config.seed)
    with Run(config, "curse") as run:
        errors, distances = [], {}
        for kind in KINDS:
            for d in config.dimensions:
                D = sample_distances(d, config.pairs, rng, kind)                # (pairs,)
                errors.append(abs(D.std() / expected_distance(d, kind)[1] - 1))
                distances[kind, d] = D
        run.figure("distances", histograms(distances, config.dimensions))

        contrasts = [contrast(rng.standard_normal((config.samples, d)))
                     for d in config.dimensions]
        run.figure("contrast", draw.lines(
            {"": (np.array(config.dimensions), np.array(contrasts))},
            "how much farther the farthest pair is than the nearest",
            ("dimension d", "(max − min) / min"), log="xy"))

        scores = np.array([[cluster(m, rng) for _ in range(config.repeats)]
                           for m in config.features])                           # (M, repeats)
        run.figure("clusters", draw.lines(
            {"": (np.array(config.features), scores.mean(1), scores.std(1))},
            "four clusters of the plane, found by k-means among features of noise",
            ("features, of which 2 tell something", "adjusted Rand index"), log="x"))
        return run.report(sd_error=max(errors), first_contrast=contrasts[0],
                          last_contrast=contrasts[-1], rises=(np.diff(contrasts) > 0).sum(),
                          ari_in_the_plane=scores[0].mean(), ari_at_last=scores[-1].mean())


def cluster(features, rng, n=400):
    """Adjusted Rand index of k-means on four clusters in the plane, the rest is noise."""
    labels = np.arange(n) % 4
    means = 2 * np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
    points = means[labels] + 0.5 * rng.normal(size=(n, 2))
    X = np.hstack([points, 2 * rng.normal(size=(n, features - 2))])             # as wide as these
    found = KMeans(4, n_init=3, seed=int(rng.integers(1 << 30))).fit(X).labels_
    return metrics.adjusted_rand_score(labels, found)


def histograms(distances, dimensions):
    """Distances of Gaussian pairs by dimension, all on one axis, and what the formula says."""
    figure, panels = draw.panels(len(dimensions), title="D(x, y) of two random samples")
    x = np.linspace(0, 4, 801)
    for d, axes in zip(dimensions, panels, strict=True):
        mean, sd = expected_distance(d, "gaussian")
        draw.density(x, {"formula": norm.pdf(x, mean, sd)}, distances["gaussian", d],
                     f"d = {d}: 2 ± {sd:.2g}", ("D", "density"), axes=axes)
        axes.set_xlim(0, 4)
    return figure


if __name__ == "__main__":
    demos.start(__file__)
