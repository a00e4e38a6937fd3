"""t-SNE of digits beside their principal components, and what the perplexity changes.

Two principal components of 784 pixels lay the classes on top of each other. t-SNE gives distances
up and keeps neighbours: classes come apart, though it never sees a label. How large a cluster is
and how far from the next one means little on such a map; compare the perplexities.
Course: deck A, « projections non-linéaires (t-SNE, MDS, ...) »; row 15.
"""

from dataclasses import dataclass

import numpy as np

from minigen import data, demos, draw, metrics
from minigen.models.classical.pca import PCA
from minigen.models.classical.tsne import TSNE
from minigen.train import About, Demo, Run, UsageError

NEAREST = 10                            # neighbours whose labels are compared

ABOUT = About(
    row=15,
    item="C-10",
    fr="projection non linéaire : t-SNE",
    en="t-distributed stochastic neighbour embedding (t-SNE)",
    module="minigen.models.classical.tsne",
    metric="purity_vs_input",           # share of neighbours of the same class: map over pixels
    bars={"tiny": 0.85},
    better="higher",
)


@dataclass
class Config(Demo):
    pictures: int = 1000                # in the map; time grows with their square
    perplexity: float = 30.0            # about how many neighbours of a picture count
    iterations: int = 1000              # of gradient descent
    others: tuple[float, ...] = (2.0, 10.0, 100.0)      # perplexities of the second figure
    few: int = 400                      # pictures in the second figure


PRESETS = {"tiny": {}}


def main(config: Config) -> int:
    demos.classical.check(config, pictures=True)
    images = data.load(config.data or "digits", seed=config.seed, train=config.pictures, test=1)
    print(images.describe())
    X = images.train.reshape(len(images.train), -1).astype(np.float64)          # (n, D)
    labels, classes = images.train_labels, images.classes
    few = X[: config.few]
    for name, perplexity, n in (("perplexity", config.perplexity, len(X)),
                                ("others", max(config.others), len(few))):
        if not 1 <= perplexity < n / 3:
            raise UsageError(f"{name}={perplexity:g}: for {n} pictures it must be 1 or more, and "
                             f"less than {n / 3:.4g}")

    with Run(config, "tsne") as run:
        pca = PCA(2, standardize=False).fit_transform(X)                        # (n, 2)
        model = TSNE(perplexity=config.perplexity, max_iter=config.iterations).fit(X)
        maps = {"PCA": pca, f"t-SNE, perplexity {config.perplexity:g}": model.embedding_}
        run.figure("maps", side_by_side(maps, labels, classes))
        kinds = None if labels is None else labels[: config.few]
        maps = {
            f"perplexity {p:g}": TSNE(perplexity=p, max_iter=config.iterations).fit_transform(few)
            for p in config.others
        }
        run.figure("perplexities", side_by_side(maps, kinds, classes))
        if labels is None:
            return run.report(kl_divergence=model.kl_divergence_)
        pixels, flat, purity = (metrics.precision_at_k(points, labels, k=NEAREST)
                                for points in (X, pca, model.embedding_))
        return run.report(kl_divergence=model.kl_divergence_, purity=purity, purity_pixels=pixels,
                          purity_pca=flat, purity_vs_input=purity / pixels)


def side_by_side(maps, labels, classes):
    """Maps of the same pictures, coloured by class.   maps: {name: (n, 2)} -> Figure"""
    figure, panels = draw.panels(len(maps), width=460, height=460)
    for axes, (name, places) in zip(panels, maps.items(), strict=True):
        if labels is not None:
            purity = metrics.precision_at_k(places, labels, k=NEAREST)
            name += f": {purity:.0%} of {NEAREST} neighbours alike"
        draw.scatter(places, labels, classes, name, equal=True, axes=axes)
    return figure


if __name__ == "__main__":
    demos.start(__file__)
