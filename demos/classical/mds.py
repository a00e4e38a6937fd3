"""Multidimensional scaling: a map of France from distances alone, and a globe that has no flat map.

From a table of kilometres, classical scaling draws where the cities lie; only north, and which side
is left, has to be told. For a globe's distances no flat map is right: SMACOF finds a better one.
Measured is how exactly distances of points in a plane come back.
Course: deck A, « projections non-linéaires (t-SNE, MDS, ...) »; row 16.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import pdist, squareform

from minigen import demos, draw
from minigen.models.classical.mds import MDS, ClassicalMDS
from minigen.train import About, Demo, Run

ABOUT = About(
    row=16,
    item="C-11",
    fr="positionnement multidimensionnel (MDS)",
    en="multidimensional scaling (MDS)",
    module="minigen.models.classical.mds",
    metric="distance_error",            # the largest, of distances of about 1
    bars={"tiny": 1e-8},
)

# as the crow flies, in km: each city to those above it
TABLE = """
Ajaccio
Bordeaux     819
Brest       1259  495
Dijon        668  514  720
Lille       1062  700  599  396
Limoges      740  182  519  333  550
Lyon         530  436  763  174  558  277
Marseille    315  505  949  448  835  431  278
Montpellier  439  380  836  422  784  322  251  125
Nantes      1005  275  255  498  508  265  515  695  583
Nice         233  636 1044  437  833  529  298  159  273  790
Paris        918  499  505  263  204  346  392  660  595  343  685
Rennes      1069  374  210  510  443  338  559  765  660  100  847  308
Strasbourg   744  758  901  245  408  577  382  615  627  709  542  397  698
Toulouse     624  212  702  499  791  248  360  319  196  465  468  588  557  736
"""


@dataclass
class Config(Demo):
    points: int = 200                   # of the plane, whose distances are to come back
    places: int = 150                   # on the globe, evenly at random


PRESETS = {"tiny": {}}


def main(config: Config) -> int:
    demos.classical.check(config)
    rng = np.random.default_rng(config.seed)
    names, kilometres = cities()
    sphere = rng.normal(size=(config.places, 3))
    sphere /= np.linalg.norm(sphere, axis=1, keepdims=True)
    globe = np.arccos(np.clip(sphere @ sphere.T, -1, 1))                        # in radii of it
    np.fill_diagonal(globe, 0)

    with Run(config, "mds") as run:
        france = ClassicalMDS(2, "precomputed").fit_transform(kilometres)       # (15, 2)
        run.figure("france", city_map(names, north_up(names, france)))
        flat = ClassicalMDS(2, "precomputed").fit_transform(globe)              # (P, 2)
        start = rng.uniform(-1, 1, size=flat.shape)
        smacof = {"from classical scaling": MDS(2, "precomputed").fit(globe),
                  "from random places": MDS(2, "precomputed", init=start).fit(globe)}
        run.figure("globe", globe_maps(globe, flat, smacof))

        plane = rng.uniform(size=(config.points, 2))
        again = ClassicalMDS(2, "precomputed").fit_transform(squareform(pdist(plane)))
        stresses = smacof["from classical scaling"].stresses_
        return run.report(distance_error=abs(pdist(again) - pdist(plane)).max(),
                          kilometres_error=abs(pdist(france) - squareform(kilometres)).mean(),
                          globe_stress_vs_classical=stresses[-1] / stresses[0])


def cities():
    """The table.   -> names, distances (15, 15) in km"""
    rows = [line.split() for line in TABLE.strip().splitlines()]
    distances = np.zeros((len(rows), len(rows)))
    for i, (_, *row) in enumerate(rows):
        distances[i, :i] = distances[:i, i] = [float(km) for km in row]
    return [row[0] for row in rows], distances


def north_up(names, places):
    """The map turned, mirrored if need be: Limoges lies north of Toulouse, Brest in the west."""
    at = dict(zip(names, places, strict=True))
    up = (at["Limoges"] - at["Toulouse"]) / np.linalg.norm(at["Limoges"] - at["Toulouse"])
    east = np.array([up[1], -up[0]])
    if (at["Brest"] - at["Dijon"]) @ east > 0:
        east = -east
    return places @ np.stack([east, up], 1)


def city_map(names, places):
    """Cities with their names where classical scaling puts them.   -> Figure"""
    figure = draw.scatter(places, equal=True, title="France from a table of distances",
                          axes_names=("km east of the middle", "km north"))
    (axes,) = figure.axes
    axes.scatter(*places.T, s=30, color=draw.COLOURS[0])
    for name, place in zip(names, places, strict=True):
        axes.annotate(name, place, (6, 3), textcoords="offset points")
    axes.margins(x=0.12)
    return figure


def globe_maps(globe, flat, smacof):
    """How a globe's distances come out on two flat maps, and the stress from step to step."""
    figure, (left, right) = draw.panels(2, width=520, height=420)
    best, wanted = smacof["from classical scaling"], squareform(globe, checks=False)
    for name, places, colour in (("classical", flat, draw.COLOURS[1]),
                                 ("SMACOF", best.embedding_, draw.COLOURS[0])):
        left.scatter(wanted, pdist(places), s=2, alpha=0.4, linewidths=0, color=colour, label=name)
    left.plot([0, np.pi], [0, np.pi], color=draw.COLOURS[2])
    left.set(title="Distances on a globe, and on its flat maps", xlabel="along the globe",
             ylabel="on the map")
    left.legend(frameon=False, markerscale=5)
    curves = {name: (np.arange(1, len(model.stresses_) + 1), model.stresses_)
              for name, model in smacof.items()}
    draw.lines(curves, "SMACOF: the stress never rises", ("step", "stress"), log="xy", axes=right)
    return figure


if __name__ == "__main__":
    demos.start(__file__)
