"""One shape and the sentence that describes it, in two sizes: text to image, small to large.

Idea: all of a picture but the shape's place is said: "a small red circle on a black background".
So a sample of a model can be checked word by word. The small picture is the large one, each two by
two pixels averaged: the same scene, antialiased.
Invariant: pair i depends on the seed, i and the factors given; giving one moves no other.
Read next: stencils.py (the outlines), shapes.py.
"""

from dataclasses import dataclass

import numpy as np

from minigen.data.factors import settle, streams
from minigen.data.outlines import axes, cover, hsv, paint, whole_greys
from minigen.data.stencils import lay

SIZES = {"small": 0.35, "large": 0.65}                          # reach over half the side
COLOURS = {"red": 0, "green": 1 / 3, "blue": 2 / 3, "yellow": 1 / 6}        # hue in turns
SHAPES = {"circle": "disc", "square": "square", "triangle": "triangle"}
BACKGROUNDS = {"black": 0.05, "white": 0.95, "grey": 0.5}
CHUNK = 512             # pictures drawn together: bounds the memory


@dataclass(frozen=True)
class Captions:
    """n sentences and pictures; what is said is by index, into SIZES, COLOURS and so on."""

    texts: tuple            # n strings
    images: np.ndarray      # (n, 3, 16, 16) float32 in [0, 1]
    large: np.ndarray       # (n, 3, 32, 32) float32: the same scene
    size: np.ndarray        # (n,) int64
    colour: np.ndarray      # (n,) int64
    shape: np.ndarray       # (n,) int64
    background: np.ndarray  # (n,) int64
    position: np.ndarray    # (n, 2) right and down, each in [-0.3, 0.3] half sides


def captions(n=6000, seed=0, side=16, **factors):
    """n captioned pictures, `side` and twice as many pixels a side, as `Captions`.

    All 72 sentences come in turn. factors: size, colour, shape, background, position; one value for
    all or one each. Raises ValueError for a factor unknown or out of bounds.
    """
    if side < 8:
        raise ValueError(f"captions: side is {side}; shapes can be told apart from 8 on")
    (latent,) = streams("captions", n, seed, 1)
    tables = {"size": SIZES, "colour": COLOURS, "shape": SHAPES, "background": BACKGROUNDS}
    counts = [len(table) for table in tables.values()]
    turn = np.unravel_index(np.arange(n) % np.prod(counts), counts)
    drawn = dict(zip(tables, turn, strict=True)) | {"position": 0.6 * latent.random((n, 2)) - 0.3}
    bounds = {name: (0, len(table) - 1) for name, table in tables.items()}
    made = settle("captions", drawn, factors, bounds)
    words = {name: [tuple(table)[k] for k in made[name]] for name, table in tables.items()}
    texts = tuple(
        f"a {size} {colour} {shape} on a {background} background"
        for size, colour, shape, background in zip(*words.values(), strict=True)
    )
    large = np.empty((n, 3, 2 * side, 2 * side), np.float32)
    for start in range(0, n, CHUNK):
        part = slice(start, start + CHUNK)
        chunk = {name: values[part] for name, values in made.items()}
        large[part] = whole_greys(_draw(2 * side, **chunk))
    images = whole_greys(large.reshape(n, 3, side, 2, side, 2).mean((3, 5)))
    return Captions(texts, images, large, **made)


def _draw(side, size, colour, shape, background, position):
    """m pictures.   m of each factor -> (m, 3, side, side) float32"""
    (x, y), (right, down) = axes(side), position.T[:, :, None, None]
    reach, hue, grey = (
        np.array(list(table.values()), np.float32)[which]
        for table, which in ((SIZES, size), (COLOURS, colour), (BACKGROUNDS, background))
    )
    images = np.empty((len(size), 3, side, side), np.float32)
    images[:] = grey[:, None, None, None]
    outlines = tuple(SHAPES.values())
    away = lay(outlines, shape, x - right, y - down, reach, np.zeros(len(size)))
    paint(images, hsv(hue, 0.9, 0.9), cover(away, np.float32(2 / side)))
    return images
