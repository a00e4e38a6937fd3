r"""Cartoon faces, whose pose and expression are numbers: a two-dimensional manifold of pictures.

Idea: features sit on a round head that turns. One at longitude φ is seen, for yaw y, at

    x = a sin(φ + θ),   narrower by cos(φ + θ),   θ = 25° y        a the head's half width

and the mouth is a parabola, bent up by a smile and down by the opposite. All else is the same in
every face unless asked for. So pixels are smooth functions of two numbers: what principal
components and auto-encoders are to find.
Invariant: face i depends on the seed, i and the factors given; giving one moves no other.
Read next: outlines.py, which draws; factors.py.
"""

from dataclasses import dataclass

import numpy as np

from minigen.data.factors import settle, streams
from minigen.data.outlines import axes, cover, ellipse, paint, stroke, whole_greys
from minigen.data.source import DataError, with_channels

TURN = np.radians(25)           # the head's turn at yaw 1
HEAD = (0.66, 0.80)             # half width and half height; the picture's are 1
EYES = np.radians(26)           # longitude of the right eye; the left has the opposite
EDGE = 0.15                     # how soft edges are, where pixels are not larger
BACKGROUND = (0.36, 0.52, 0.60)
SKIN = np.array([[0.38, 0.24, 0.16], [0.97, 0.82, 0.70]], np.float32)     # at skin 0 and 1
HAIR = np.array([[0.10, 0.07, 0.06], [0.88, 0.68, 0.36]], np.float32)
USUAL = {"skin": 0.8, "hair": 0.15, "glasses": 0.0, "brow": 0.0}
CHUNK = 256                     # faces drawn together: bounds the memory


@dataclass(frozen=True)
class Faces:
    """n faces, and all that made them."""

    images: np.ndarray      # (n, C, size, size) float32 in [0, 1]
    yaw: np.ndarray         # (n,) in [-1, 1]: turned to our left ... to our right
    smile: np.ndarray       # (n,) in [-1, 1]: corners of the mouth down ... up
    skin: np.ndarray        # (n,) in [0, 1]: dark ... light
    hair: np.ndarray        # (n,) in [0, 1]: black ... blond
    glasses: np.ndarray     # (n,) 0 or 1; between them, thin ones
    brow: np.ndarray        # (n,) in [-1, 1]: frowning ... raised


def faces(n, seed=0, size=32, channels=1, *, vary=(), noise=0.0, **factors):
    """n faces of random yaw and smile, grey (channels 1) or in colour (3), as `Faces`.

    vary: which of skin, hair, glasses and brow are drawn too; otherwise they are 0.8, 0.15, 0, 0.
    noise: standard deviation of what is added to each pixel. factors: any of `Faces`, one value for
    all or one each. Same arguments, same bytes.
    Raises DataError for a size below 16, ValueError for a factor that is not one or out of bounds.
    """
    if size < 16 or channels not in (1, 3):
        raise DataError(
            f"faces: size is {size} and channels {channels}; the least size is 16, channels 1 or 3"
        )
    if strange := set(vary) - set(USUAL):
        raise ValueError(f"faces: vary has {', '.join(strange)}; it may have {', '.join(USUAL)}")
    latent, grain = streams("faces", n, seed, 2)
    unit = latent.random((n, 6))                                    # row i is for face i
    drawn = {
        "yaw": 2 * unit[:, 0] - 1,
        "smile": 2 * unit[:, 1] - 1,
        "skin": unit[:, 2],
        "hair": unit[:, 3],
        "glasses": (unit[:, 4] < 0.5).astype(float),
        "brow": 2 * unit[:, 5] - 1,
    }
    drawn |= {name: np.full(n, USUAL[name]) for name in USUAL if name not in vary}
    half = dict.fromkeys(("skin", "hair", "glasses"), (0, 1))
    made = settle("faces", drawn, factors, dict.fromkeys(drawn, (-1, 1)) | half)
    images = np.empty((n, channels, size, size), np.float32)
    for start in range(0, n, CHUNK):
        part = slice(start, start + CHUNK)
        pixels = _draw(size, **{name: values[part] for name, values in made.items()})
        pixels = with_channels(pixels, channels)
        pixels += np.float32(noise) * grain.standard_normal(pixels.shape, np.float32)
        images[part] = whole_greys(pixels)
    return Faces(images, **made)


def _draw(size, yaw, smile, skin, hair, glasses, brow):
    """m faces in colour, layer on layer.   m of each factor -> (m, 3, size, size) float32"""
    skin, hair = (
        low + factor[:, None].astype(np.float32) * (high - low)
        for factor, (low, high) in ((skin, SKIN), (hair, HAIR))
    )                                                                           # (m, 3) each
    yaw, smile, glasses, brow = (
        factor[:, None, None].astype(np.float32) for factor in (yaw, smile, glasses, brow)
    )                                                                           # (m, 1, 1) each
    turn, (x, y) = TURN * yaw, axes(size)
    edge = max(EDGE, 2 / size)
    images = np.empty((len(yaw), 3, size, size), np.float32)
    images[:] = np.array(BACKGROUND, np.float32)[:, None, None]

    width, height = HEAD[0] * np.cos(turn / 2), HEAD[1]
    face = ellipse(x, y - 0.05, width, height)

    def lay(colour, distance, share=1.0):
        paint(images, colour, share * cover(np.maximum(distance, face - 0.07), edge))

    lay(hair, ellipse(x, y + 0.08, width + 0.07, height + 0.04))
    lay(skin, face)
    # the hair line bends round the head, and is seen from the side as the head turns
    line = y + 0.52 - 0.3 * (x - width * np.sin(turn)) ** 2
    lay(hair, line)
    _features(lay, x, y, turn, skin, brow)
    _mouth(lay, x, y, turn, smile)
    for side in (-1, 1):
        across, squeeze = _seen(side * EYES, turn)
        rim = abs(ellipse(x - across, y + 0.1, 0.24 * squeeze, 0.19)) - 0.035
        lay((0.12, 0.12, 0.16), rim, glasses)
    return images


def _features(lay, x, y, turn, skin, brow):
    """Eyes, brows and nose."""
    for side in (-1, 1):
        across, squeeze = _seen(side * EYES, turn)
        u = (x - across) / squeeze
        lay((0.97, 0.97, 0.97), ellipse(u, y + 0.1, 0.15, 0.10))
        lay((0.12, 0.10, 0.12), ellipse(u, y + 0.1, 0.07, 0.075))
        # raised brows go up, frowning ones come down on the inside
        lift = y + 0.30 + 0.06 * brow + 0.25 * np.minimum(brow, 0) * side * u
        lay((0.16, 0.11, 0.09), stroke(u, lift, (-0.14, 0), (0.14, 0), 0.08))
    # the nose stands out of the head: it moves further than the rest
    across = 1.25 * HEAD[0] * np.sin(turn)
    lay(0.72 * skin, ellipse(x - across, y - 0.13, 0.075, 0.14))


def _mouth(lay, x, y, turn, smile):
    """y = 0.47 + smile (0.08 - 0.2 u²) for u from -1 to 1, the corners."""
    across, squeeze = _seen(0, turn)
    u = (x - across) / (0.27 * squeeze)
    bend = 0.08 - 0.2 * np.clip(u, -1, 1) ** 2
    beyond = 0.27 * np.maximum(abs(u) - 1, 0)
    lay((0.62, 0.12, 0.14), np.hypot(y - 0.47 - smile * bend, beyond) - 0.055)


def _seen(longitude, turn):
    """Where on the picture a feature is, and how much narrower."""
    return HEAD[0] * np.sin(longitude + turn), np.cos(longitude + turn)
