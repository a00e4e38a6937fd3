"""Coloured shapes on clouded backgrounds: the pictures of self-supervised learning, and anomalies.

Idea: what the label says (the outline) is a small part of what the pixels say: hue, place, size,
angle and background are nuisances, drawn independently of the class. Raw pixels are a poor guide,
so a representation that ignores nuisances shows its worth.

    image = mask · colour + (1 - mask) · background + 0.05 z

The background is a 4 by 4 grid of random colours, smoothly interpolated. It is a factor like the
others: `shapes(n, seed, backdrop=other.backdrop)` is the same shapes before other backgrounds.
Invariant: picture i depends on the seed, i and the factors given; giving one moves no other.
Read next: stencils.py (the outlines), anomaly.py (these with defects).
"""

from dataclasses import dataclass

import numpy as np

from minigen.data.factors import settle, streams
from minigen.data.outlines import axes, cover, hsv, paint, whole_greys
from minigen.data.source import DataError
from minigen.data.stencils import GLYPHS, SHAPES, lay

CELLS = 4               # colours a side of a background
GRAIN = 0.05            # standard deviation of the noise of each pixel
CHUNK = 256             # pictures drawn together: bounds the memory
BOUNDS = {"labels": (0, 7), "scale": (0.05, 2), "backdrop": (0, 1)}


@dataclass(frozen=True)
class Shapes:
    """n pictures of one shape each, and all that made them."""

    images: np.ndarray      # (n, 3, size, size) float32 in [0, 1]
    masks: np.ndarray       # (n, 1, size, size) float32: the share of a pixel that is the shape
    labels: np.ndarray      # (n,) int64, index into SHAPES or GLYPHS: 0, 1, ..., 7, 0, ...
    hue: np.ndarray         # (n,) in [0, 1) turns
    position: np.ndarray    # (n, 2) of its middle: right and down, each in [-0.3, 0.3] half sides
    scale: np.ndarray       # (n,) in [0.35, 0.7]: its reach over half the side
    rotation: np.ndarray    # (n,) degrees, counter-clockwise, in [0, 360) or, upright, [-10, 10]
    backdrop: np.ndarray    # (n, 3, 4, 4) float32: the colours that the background runs through


def shapes(n, seed=0, size=32, **factors):
    """n pictures of disc, square, triangle, plus, ring, star, crescent or L, in turn, as `Shapes`.

    size: pixels a side, at least 12. factors: labels, hue, position, scale, rotation, backdrop; one
    value for all or one each, in the units of `Shapes`. Same arguments, same bytes.
    Raises DataError for a size too small, ValueError for a factor unknown or out of bounds.
    """
    return _draw("shapes", SHAPES, n, seed, size, 360, factors)


def shapes_upright(n, seed=0, size=32, **factors):
    """Like `shapes`: an arrow, house, tree, F, cup, fish, key or boat, tilted by 10° at most."""
    return _draw("shapes_upright", GLYPHS, n, seed, size, 20, factors)


def _draw(name, outlines, n, seed, size, turn, given):
    """The pictures.   turn: the range of rotations; less than a full turn is centred on 0"""
    if size < 12:
        raise DataError(f"{name}: size {size} is too small to tell shapes apart; the least is 12")
    latent, clouds, grain = streams(name, n, seed, 3)
    unit = latent.random((n, 5))                                    # row i is for picture i
    drawn = {
        "labels": np.arange(n) % len(outlines),
        "hue": unit[:, 0],
        "position": 0.6 * unit[:, 1:3] - 0.3,
        "scale": 0.35 * unit[:, 3] + 0.35,
        "rotation": turn * unit[:, 4] - (turn / 2 if turn < 360 else 0),
        "backdrop": clouds.random((n, 3, CELLS, CELLS), np.float32),
    }
    made = settle(name, drawn, given, BOUNDS)
    images = np.empty((n, 3, size, size), np.float32)
    masks = np.empty((n, 1, size, size), np.float32)
    for start in range(0, n, CHUNK):
        part = slice(start, start + CHUNK)
        chunk = {factor: values[part] for factor, values in made.items()}
        pixels = background(chunk["backdrop"], size)
        masks[part, 0] = share = _mask(outlines, size, chunk)
        paint(pixels, hsv(chunk["hue"], 0.75, 0.95), share)
        pixels += np.float32(GRAIN) * grain.standard_normal(pixels.shape, np.float32)
        images[part] = whole_greys(pixels)
    return Shapes(images, masks, **made)


def background(backdrop, size):
    """Colours smoothly interpolated, and paler than a shape's.   (m, 3, 4, 4) -> (m, 3, s, s)"""
    place = np.linspace(0, CELLS - 1, size)
    cell = np.minimum(place.astype(int), CELLS - 2)
    rise = (1 - np.cos(np.pi * (place - cell))) / 2                 # flat at the grid's points
    weights = np.zeros((size, CELLS), np.float32)
    weights[np.arange(size), cell], weights[np.arange(size), cell + 1] = 1 - rise, rise
    return 0.25 + 0.5 * (weights @ backdrop @ weights.T)


def _mask(outlines, size, made):
    """The share of each pixel that is the shape.   -> (m, size, size) float32"""
    x, y = axes(size)
    right, down = (made["position"][:, k, None, None] for k in (0, 1))
    away = lay(outlines, made["labels"], x - right, y - down, made["scale"], made["rotation"])
    return cover(away, np.float32(2 / size))                        # a pixel is 2/size wide
