"""Empty space: pictures of digits fill nearly nothing of the space of all pictures.

A picture whose pixels are drawn at random looks like any other such picture, and never like a
digit: it is several times farther from all digits than a new digit is. The ball in the cube shows
why: with the dimension, its share of the volume falls to nothing.
Course: deck B, « Apprentissage de la distribution : grande dimension »; row 12.
"""

from dataclasses import dataclass

import numpy as np

from minigen import data, demos, draw
from minigen.models.classical.high_dimension import ball_share, nearest_distance, squared_distances
from minigen.train import About, Demo, Run

ABOUT = About(
    row=12,
    item="C-07",
    fr="espace vide en grande dimension, image uniforme",
    en="empty high-dimensional space, noise image",
    module="minigen.models.classical.high_dimension",
    metric="distance_ratio",            # noise to its nearest picture, over data to its own
    bars={"tiny": 3},
    better="higher",
)


@dataclass
class Config(Demo):
    size: int | None = None             # pixels a side; none: 28, or what your pictures have
    queries: int = 500                  # pictures, and as many of noise, whose nearest is sought
    gallery: int = 2000                 # pictures, and as many of noise, to search


PRESETS = {"tiny": {}}


def main(config: Config) -> int:
    demos.classical.check(config, pictures=True)
    images = data.load(config.data or "digits", size=config.size, seed=config.seed,
                       train=config.gallery, test=config.queries)
    rng = np.random.default_rng(config.seed)
    shape = images.test.shape[1:]
    gallery, queries = (x.reshape(len(x), -1) for x in (images.train, images.test))
    noise = rng.random((config.queries, images.pixels))                 # (Q, D), as pixels are
    more_noise = rng.random((config.gallery, images.pixels))

    with Run(config, "emptiness") as run:
        run.figure("noise", draw.grid(rng.random((8, 3, 64, 64)), 4))
        run.figure("ball", ball())
        run.figure("neighbours", draw.rows(**{
            "picture": images.test[:8],
            "nearest_picture": nearest(queries[:8], gallery, shape),
            "noise": noise[:8].reshape(-1, *shape),
            "nearest_to_it": nearest(noise[:8], gallery, shape)}))
        found = {
            "data to data": nearest_distance(queries, gallery),
            "noise to data": nearest_distance(noise, gallery),
            "noise to noise": nearest_distance(noise, more_noise),
        }
        run.figure("distances", draw.histogram(found, "distance to the nearest",
                                               ("distance", "density")))
        near, to_data, to_noise = (d.mean() for d in found.values())
        return run.report(distance_ratio=min(to_data, to_noise) / near,
                          noise_to_data=to_data / near, noise_to_noise=to_noise / near)


def nearest(queries, gallery, shape):
    """The picture of the gallery that is nearest to each query.   -> (Q, C, S, S)"""
    return gallery[squared_distances(queries, gallery).argmin(1)].reshape(-1, *shape)


def ball():
    """The ball's share of the cube, by dimension."""
    d = np.arange(1, 31)
    figure = draw.lines({"": (d, ball_share(d))}, "the ball that touches the cube's faces",
                        ("dimension d", "share of the cube's volume"), log="y")
    (axes,) = figure.axes
    axes.yaxis.labelpad = 0                         # its numbers are wide
    for k in (2, 5, 10, 20):
        axes.annotate(f"d = {k}: {ball_share(k):.3g}", (k, ball_share(k)), (8, 4),
                      textcoords="offset points")
        axes.plot(k, ball_share(k), "o", color=draw.COLOURS[0])
    return figure


if __name__ == "__main__":
    demos.start(__file__)
