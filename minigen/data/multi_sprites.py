r"""Up to three sprites that hide one another: pictures to be taken apart into objects.

Idea: each sprite covers a share a_k of a pixel. The nearest is seen whole, the next through what is
left, the background through what they all leave:

    visible_k = a_k · Π (1 - a_j),  j nearer than k          background = Π (1 - a_k)

These masks sum to 1 at each pixel, and the picture is their sum, each times its colour.
Invariant: picture i depends on the seed, i and the factors given; giving one moves no other.
Read next: stencils.py (the outlines), shapes.py (one object a picture).
"""

from dataclasses import dataclass

import numpy as np

from minigen.data.factors import settle, streams
from minigen.data.outlines import axes, cover, hsv, whole_greys
from minigen.data.source import DataError
from minigen.data.stencils import lay

SPRITES = ("disc", "square", "triangle")
MOST = 3                # sprites in a picture
CHUNK = 256             # pictures drawn together: bounds the memory
BOUNDS = {"count": (0, MOST), "kinds": (0, 2), "scale": (0.05, 2), "gradient": (0, 1)}


@dataclass(frozen=True)
class Sprites:
    """n pictures of 0 to 3 sprites, and all that made them. Of sprites that are not there, too."""

    images: np.ndarray      # (n, 3, size, size) float32 in [0, 1]
    masks: np.ndarray       # (n, 4, size, size) float32: what is seen of the background, then of
                            # sprites 0, 1, 2; their sum is 1 at each pixel
    count: np.ndarray       # (n,) int64: sprites 0, ..., count - 1 are there; 0, 1, 2, 3, 0, ...
    kinds: np.ndarray       # (n, 3) int64, indices into SPRITES
    position: np.ndarray    # (n, 3, 2) of the middles: right and down, in [-0.65, 0.65] half sides
    scale: np.ndarray       # (n, 3) in [0.25, 0.45]: reach over half the side
    hue: np.ndarray         # (n, 3) in [0, 1) turns
    depth: np.ndarray       # (n, 3) in [0, 1): the less, the nearer
    gradient: np.ndarray    # (n,) int64: 0 a flat background, 1 from its first colour to its second
    backdrop: np.ndarray    # (n, 2) hues of the background, at the top and at the bottom


def multi_sprites(n, seed=0, size=32, **factors):
    """n pictures of no, one, two or three discs, squares and triangles in turn, as `Sprites`.

    size: pixels a side, at least 16. factors: count, kinds, position, scale, hue, depth, gradient,
    backdrop; one value for all, or one a picture, in the units of `Sprites`.
    Raises DataError for a size too small, ValueError for a factor unknown or out of bounds.
    """
    if size < 16:
        raise DataError(f"multi_sprites: size {size} is too small for sprites; the least is 16")
    (latent,) = streams("multi_sprites", n, seed, 1)
    unit = latent.random((n, 3 + 6 * MOST))                         # row i is for picture i
    each = unit[:, 3:].reshape(n, MOST, 6)
    drawn = {
        "count": np.arange(n) % (MOST + 1),
        "kinds": (each[:, :, 0] * len(SPRITES)).astype(np.int64),
        "position": 1.3 * each[:, :, 1:3] - 0.65,
        "scale": 0.2 * each[:, :, 3] + 0.25,
        "hue": each[:, :, 4],
        "depth": each[:, :, 5],
        "gradient": (unit[:, 0] < 0.5).astype(np.int64),
        "backdrop": unit[:, 1:3],
    }
    made = settle("multi_sprites", drawn, factors, BOUNDS)
    images = np.empty((n, 3, size, size), np.float32)
    masks = np.empty((n, 1 + MOST, size, size), np.float32)
    for start in range(0, n, CHUNK):
        part = slice(start, start + CHUNK)
        chunk = {name: values[part] for name, values in made.items()}
        masks[part] = seen = _visible(size, chunk)
        colours = hsv(chunk["hue"], 0.85, 0.95)                                 # (m, 3 sprites, 3)
        pixels = seen[:, :1] * _background(size, chunk)
        images[part] = whole_greys(pixels + np.einsum("mkc,mkhw->mchw", colours, seen[:, 1:]))
    return Sprites(images, masks, **made)


def _visible(size, made):
    """What is seen of the background and of each sprite.   -> (m, 4, size, size) float32"""
    (x, y), edge = axes(size), np.float32(2 / size)
    rows = np.arange(len(made["count"]))
    seen = np.zeros((len(rows), 1 + MOST, size, size), np.float32)
    left = np.ones((len(rows), size, size), np.float32)
    for which in np.argsort(made["depth"], axis=1).T:               # from the nearest
        right, down = (made["position"][rows, which, k, None, None] for k in (0, 1))
        kinds, scale = made["kinds"][rows, which], made["scale"][rows, which]
        away = lay(SPRITES, kinds, x - right, y - down, scale, np.zeros(len(rows)))
        there = (which < made["count"])[:, None, None]
        share = cover(away, edge) * there
        seen[rows, 1 + which] = left * share
        left = left - seen[rows, 1 + which]
    seen[:, 0] = left
    return seen


def _background(size, made):
    """Dark colours, from the top one to the bottom one.   -> (m, 3, size, 1 or size)"""
    top, bottom = (hsv(made["backdrop"][:, k], 0.5, 0.35) for k in (0, 1))      # (m, 3) each
    change = made["gradient"][:, None] * (bottom - top)
    down = np.linspace(0, 1, size, dtype=np.float32)[:, None]
    return top[:, :, None, None] + change[:, :, None, None].astype(np.float32) * down
