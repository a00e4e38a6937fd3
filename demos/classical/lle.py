"""Locally linear embedding on the Swiss roll, and how many neighbours it and Isomap bear.

LLE never measures a distance between far points: it asks which mean of its neighbours each point
is, and draws the map on which the same means fit best.
Course: deck B, « exemples de réduction de dimensionnalité non linéaires »; row 18.
"""

from dataclasses import dataclass

import numpy as np

from minigen import demos, draw
from minigen.data import toy2d
from minigen.models.classical.isomap import Isomap
from minigen.models.classical.lle import LocallyLinearEmbedding
from minigen.models.classical.pca import PCA
from minigen.train import About, Demo, Run

ABOUT = About(
    row=18,
    item="C-12",
    fr="réduction de dimension non linéaire : LLE",
    en="locally linear embedding (LLE)",
    module="minigen.models.classical.lle",
    metric="spearman",                  # of the map and the length along the sheet, best of 2 axes
    bars={"tiny": 0.90},
    better="higher",
)


@dataclass
class Config(Demo):
    points: int = 1000                  # of the roll
    noise: float = 0.0                  # standard deviation of each point's distance to the sheet
    neighbors: int = 12                 # of which each point is a mean
    swept: tuple[int, ...] = (8, 10, 12, 15, 20, 30, 50)    # neighbours, in the second figure


PRESETS = {"tiny": {}}


def main(config: Config) -> int:
    demos.classical.check(config)
    roll = toy2d.swiss_roll(config.points, config.seed, noise=config.noise)
    with Run(config, "lle") as run:
        pca = PCA(2, standardize=False).fit_transform(roll.points)              # (N, 2)
        embedding = LocallyLinearEmbedding(config.neighbors).fit_transform(roll.points)
        run.figure("unrolled", demos.classical.unrolled(roll, pca, embedding, "LLE"))
        found = {}
        for name, method in (("LLE", LocallyLinearEmbedding), ("Isomap", Isomap)):
            maps = (method(k).fit_transform(roll.points) for k in config.swept)
            scores = [demos.classical.agreement(places, roll.s) for places in maps]
            found[name] = np.array(config.swept), np.array(scores)
        run.figure("neighbours", draw.lines(
            found, "Is the sheet laid flat?", ("neighbours of a point", "best |Spearman|"),
            log="x"))
        return run.report(spearman=demos.classical.agreement(embedding, roll.s),
                          spearman_pca=demos.classical.agreement(pca, roll.s))


if __name__ == "__main__":
    demos.start(__file__)
