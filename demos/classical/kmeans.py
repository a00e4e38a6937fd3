"""k-means on a ring of eight groups: its two steps in turns, and why the start decides.

From samples drawn as first centres, two centres often fall into one group and share it for good,
while another one has two groups. k-means++ draws far samples, and finds all eight.
Course: deck B, « Méthode des k-moyennes »; rows 6 and 7.
"""

from dataclasses import dataclass

import numpy as np

from minigen import demos, draw
from minigen.data import toy2d
from minigen.models.classical.kmeans import KMeans
from minigen.train import About, Demo, Run

ABOUT = About(
    row=(6, 7),
    item="C-04",
    fr="k-moyennes, k-means++",
    en="k-means, k-means++",
    module="minigen.models.classical.kmeans",
    metric="all_groups_found",          # share of starts by greedy k-means++ that find all eight
    bars={"tiny": 0.95},
    better="higher",
)
STARTS = {"samples as centres": ("random", 1), "k-means++": ("k-means++", 1),
          "greedy k-means++": ("k-means++", 4)}
SHOWN = (1, 2, 3, 4, 6, 10)             # turns drawn
EXTENT = (-3.2, 3.2, -3.2, 3.2)


@dataclass
class Config(Demo):
    samples: int = 800                  # points around the eight middles
    std: float = 0.05                   # standard deviation of each group; the circle's radius is 2
    starts: int = 100                   # how many data sets and starts are counted


PRESETS = {"tiny": {}}


def main(config: Config) -> int:
    demos.classical.check(config)
    with Run(config, "kmeans") as run:
        wide = toy2d.ring8(config.samples, config.seed, std=7 * config.std)     # more turns to see
        run.figure("turns", turns(wide.points, config.seed))

        found = {name: np.zeros(config.starts, int) for name in STARTS}
        for i in range(config.starts):
            seed = config.seed * config.starts + i
            ring = toy2d.ring8(config.samples, seed, std=config.std)
            for name, (init, candidates) in STARTS.items():
                model = KMeans(8, init=init, candidates=candidates, seed=seed).fit(ring.points)
                found[name][i] = groups_found(model.cluster_centers_, ring.means)
        run.figure("starts", histogram_of(found))
        random, plain, greedy = ((counts == 8).mean() for counts in found.values())
        return run.report(all_groups_found=greedy, by_plain_plus_plus=plain, by_random_start=random)


def groups_found(centers, means):
    """How many groups have a centre within 0.5 of their mean; their means are 1.53 apart."""
    distance = np.linalg.norm(means[:, None] - centers, axis=-1)                        # (8, 8)
    return int((distance.min(1) < 0.5).sum())


def turns(points, seed):
    """Some turns from a random start: the cells of the centres, and where the centres go next."""
    figure, axes = draw.panels(len(SHOWN), columns=3, height=380,
                               title="k-means: each sample to its nearest centre (colour), "
                                     "each centre to the mean of its samples (arrow)")
    start = np.random.default_rng(seed).choice(points, 8, replace=False)
    before = start
    for turn in range(1, max(SHOWN) + 1):
        model = KMeans(8, init=start, max_iter=turn, tol=0).fit(points)
        after = model.cluster_centers_
        if turn in SHOWN:
            panel = axes[SHOWN.index(turn)]
            inertia = model.history_[-1] if model.n_iter_ == turn else model.inertia_
            draw.regions(lambda x, c=before: nearest(x, c), EXTENT, points, nearest(points, before),
                         f"turn {turn}: J = {inertia:.4g}", axes=panel)
            for old, new in zip(before, after, strict=True):
                panel.annotate("", new, old, arrowprops={"arrowstyle": "-|>", "color": "black"})
            panel.plot(*before.T, "o", color="white", markeredgecolor="black", markersize=6)
        before = after
    return figure


def nearest(points, centers):
    """The number of each point's nearest centre.   (n, 2), (k, 2) -> (n,)"""
    return ((points[:, None] - centers) ** 2).sum(-1).argmin(1)


def histogram_of(found):
    """How often how many of the eight groups were found, for each kind of start."""
    figure, axes = draw.panels(len(found), width=320, height=320)
    for panel, colour, (name, counts) in zip(axes, draw.COLOURS, found.items(), strict=False):
        share = np.bincount(counts, minlength=9)[3:] / len(counts)
        bars = panel.bar(range(3, 9), share, color=colour)
        panel.bar_label(bars, [f"{s:.0%}" if s else "" for s in share], fontsize=9)
        panel.set(title=name, xlabel="groups found, of 8", ylabel="share of starts", ylim=(0, 1.1))
    return figure


if __name__ == "__main__":
    demos.start(__file__)
