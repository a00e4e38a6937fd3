"""Landscapes: sky, sun, a house, a tree, ground, always in the same order.

Idea: colours, sizes, places and sides vary, the layout does not: the sun is in an upper corner,
the house stands on the horizon, its roof on its walls, its door between two windows. So a model can
tell from a patch where its neighbour is, and fill a hole from what is around it.
Invariant: picture i depends on the seed, i and the factors given; giving one moves no other.
Read next: outlines.py, text_overlay.py (words over pictures).
"""

from dataclasses import dataclass

import numpy as np

from minigen.data.factors import settle, streams
from minigen.data.outlines import axes, box, cover, ellipse, hsv, paint, whole_greys
from minigen.data.source import DataError

TREES = ("fir", "oak", "poplar", "bush")
CHUNK = 128             # pictures drawn together: bounds the memory
BOUNDS = {
    "labels": (0, 3), "sun": (-1, 1), "house": (-0.4, 0.4), "side": (-1, 1), "horizon": (0.1, 0.4),
    "width": (0.25, 0.6), "hour": (0, 1),
}


@dataclass(frozen=True)
class Landscapes:
    """n landscapes, and all that made them. Lengths in half sides: x right, y down, -1 to 1."""

    images: np.ndarray      # (n, 3, size, size) float32 in [0, 1]
    labels: np.ndarray      # (n,) int64: the tree's kind, index into TREES: 0, 1, 2, 3, 0, ...
    sun: np.ndarray         # (n,) int64, -1 or 1: in the upper left or right corner
    house: np.ndarray       # (n,) in [-0.25, 0.25]: x of the house
    side: np.ndarray        # (n,) int64, -1 or 1: the tree is left or right of the house
    horizon: np.ndarray     # (n,) in [0.15, 0.35]: y of the horizon
    width: np.ndarray       # (n,) in [0.34, 0.48]: half width of the house
    hour: np.ndarray        # (n,) in [0, 1]: the sky from noon's blue to evening's red
    hues: np.ndarray        # (n, 3) in [0, 1) turns: of walls, roof and door


def landscapes(n, seed=0, size=48, **factors):
    """n landscapes, as `Landscapes`.

    size: pixels a side, at least 24. factors: labels, sun, house, side, horizon, width, hour, hues;
    one value for all or one each. Same arguments, same bytes.
    Raises DataError for a size too small, ValueError for a factor unknown or out of bounds.
    """
    if size < 24:
        raise DataError(f"landscapes: size {size} is too small for a house; the least is 24")
    latent, grain = streams("landscapes", n, seed, 2)
    unit = latent.random((n, 9))                                    # row i is for picture i
    drawn = {
        "labels": np.arange(n) % len(TREES),
        "sun": np.where(unit[:, 0] < 0.5, -1, 1),
        "house": 0.5 * unit[:, 1] - 0.25,
        "side": np.where(unit[:, 2] < 0.5, -1, 1),
        "horizon": 0.15 + 0.2 * unit[:, 3],
        "width": 0.34 + 0.14 * unit[:, 4],
        "hour": unit[:, 5],
        "hues": unit[:, 6:],
    }
    made = settle("landscapes", drawn, factors, BOUNDS)
    images = np.empty((n, 3, size, size), np.float32)
    for start in range(0, n, CHUNK):
        part = slice(start, start + CHUNK)
        chunk = {name: values[part] for name, values in made.items()}
        texture = grain.standard_normal((len(chunk["sun"]), size, size), np.float32)
        images[part] = whole_greys(_draw(size, texture, chunk))
    return Landscapes(images, **made)


def _draw(size, texture, made):
    """m landscapes, from the back to the front.   -> (m, 3, size, size) float32"""
    (x, y), edge = axes(size), np.float32(2 / size)
    sun, house, side, horizon, width = (
        made[name][:, None, None].astype(np.float32)
        for name in ("sun", "house", "side", "horizon", "width")
    )                                                                           # (m, 1, 1) each
    images = np.zeros((len(texture), 3, size, size), np.float32)

    def lay(colour, distance):
        paint(images, colour, cover(distance, edge))

    late = made["hour"].astype(np.float32)[:, None]
    top = (1 - late) * np.float32([0.25, 0.50, 0.90]) + late * np.float32([0.35, 0.25, 0.50])
    low = (1 - late) * np.float32([0.80, 0.92, 1.00]) + late * np.float32([1.00, 0.60, 0.35])
    lay(top, np.full_like(texture, -1))
    paint(images, low, np.clip((y + 1) / (1 + horizon), 0, 1) + 0 * x)
    lay((1.0, 0.93, 0.55), np.hypot(x - 0.72 * sun, y + 0.70) - 0.17)
    # hills, then the ground, lighter where it is near, with blades of grass
    lay((0.35, 0.45, 0.45), horizon - 0.08 - 0.08 * np.cos(4 * x + 20 * house) - y)
    lay((0.36, 0.56, 0.22), horizon - y + 0 * x)
    grass = 0.05 * texture + 0.2 * (y - horizon)
    images += (cover(horizon - y + 0 * x, edge) * grass)[:, None]
    lay((0.75, 0.66, 0.48), np.maximum(abs(x - house) - 0.07 - 0.3 * (y - horizon), horizon - y))
    _tree(lay, x - house - side * (width + 0.3), y - horizon, made["labels"])
    _house(lay, x - house, y - horizon, width, made["hues"])
    return images


def _house(lay, x, y, width, hues):
    """Walls, roof, door and two windows; y is 0 at the horizon, the foot is a little below it."""
    lay(hsv(hues[:, 0], 0.25, 0.92), box(x, y + 0.13, width, 0.29))
    slope = 0.45 / (width + 0.08)                   # the roof is 0.45 high, its eaves 0.08 wide
    roof = (slope * abs(x) - (y + 0.85)) / np.sqrt(1 + slope**2)
    lay(hsv(hues[:, 1], 0.70, 0.60), np.maximum(roof, y + 0.40))
    lay(hsv(hues[:, 2], 0.80, 0.45), box(x, y - 0.01, 0.08, 0.15))
    for left in (-1, 1):
        lay((0.98, 0.96, 0.75), box(x - left * 0.58 * width, y + 0.18, 0.08, 0.09))


def _tree(lay, x, y, kinds):
    """A trunk and a crown of the picture's kind; y is 0 at the horizon."""
    lay((0.35, 0.22, 0.12), box(x, y - 0.02, 0.035, 0.14))
    crowns = [
        np.maximum(abs(x) * 0.95 - (y + 0.75) * 0.31, y + 0.05),
        ellipse(x, y + 0.35, 0.24, 0.24),
        ellipse(x, y + 0.42, 0.10, 0.36),
        np.maximum(ellipse(x, y + 0.02, 0.26, 0.16), y - 0.08),
    ]
    lay((0.10, 0.36, 0.16), np.choose(kinds[:, None, None], np.broadcast_arrays(*crowns)))
