"""Isomap on the Swiss roll: a sheet that is rolled up in space is laid flat.

Principal components look at the roll from one side and see its turns on top of each other. Isomap
measures distances along the sheet, by steps from neighbour to neighbour, and draws a map of these.
Course: deck B, « exemples de réduction de dimensionnalité non linéaires »; row 17.
"""

from dataclasses import dataclass

from scipy.sparse.csgraph import dijkstra

from minigen import demos, draw
from minigen.data import toy2d
from minigen.models.classical.isomap import Isomap, neighbour_graph
from minigen.models.classical.pca import PCA
from minigen.train import About, Demo, Run

ABOUT = About(
    row=17,
    item="C-12",
    fr="réduction de dimension non linéaire : Isomap",
    en="isometric feature mapping (Isomap)",
    module="minigen.models.classical.isomap",
    metric="spearman",                  # of the map and the length along the sheet, best of 2 axes
    bars={"tiny": 0.98},
    better="higher",
)


@dataclass
class Config(Demo):
    points: int = 1000                  # of the roll
    noise: float = 0.0                  # standard deviation of each point's distance to the sheet
    neighbors: int = 10                 # to which each point is joined
    many: int = 30                      # in the figure of what too many neighbours do


PRESETS = {"tiny": {}}


def main(config: Config) -> int:
    demos.classical.check(config)
    roll = toy2d.swiss_roll(config.points, config.seed, noise=config.noise)
    with Run(config, "isomap") as run:
        pca = PCA(2, standardize=False).fit_transform(roll.points)              # (N, 2)
        model = Isomap(config.neighbors).fit(roll.points)
        run.figure("unrolled", demos.classical.unrolled(roll, pca, model.embedding_, "Isomap"))
        run.figure("paths", paths(roll, (config.neighbors, config.many)))
        return run.report(spearman=demos.classical.agreement(model.embedding_, roll.s),
                          spearman_pca=demos.classical.agreement(pca, roll.s))


def paths(roll, neighbours):
    """The roll seen from its end: the shortest paths from its inside to its outside, by k."""
    ends = roll.s.argmin(), roll.s.argmax()
    figure, panels = draw.panels(len(neighbours), width=460, height=450)
    for k, axes in zip(neighbours, panels, strict=True):
        graph = neighbour_graph(roll.points, k)
        length, before = dijkstra(graph, indices=ends[0], return_predecessors=True)
        path = [ends[1]]
        while path[-1] != ends[0]:
            path.append(before[path[-1]])
        draw.scatter(roll.points[:, ::2], values=roll.s, equal=True, axes=axes,
                     title=f"{k} neighbours: shortest path {length[ends[1]]:.0f}",
                     axes_names=("$x_1$", "$x_3$"))
        axes.plot(*roll.points[path][:, ::2].T, color=draw.COLOURS[2], linewidth=2)
    return figure


if __name__ == "__main__":
    demos.start(__file__)
