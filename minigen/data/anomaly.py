"""Shapes of which some are unlike the others: a class never seen, a scratch, a hole, a colour.

Idea: normal pictures are `shapes` of seven classes, blue. An anomaly differs in one thing, and the
pixels where it does are known: a detector's heat map can be judged, not only its verdict.
Train on share=0, which has no anomaly; test on another seed with anomalies among the normal.
Read next: shapes.py.
"""

from dataclasses import dataclass

import numpy as np

from minigen.data.factors import streams
from minigen.data.outlines import axes, cover, stroke, whole_greys
from minigen.data.shapes import Shapes, background, shapes

KINDS = ("class", "scratch", "hole", "colour")
BLUES = (0.5, 0.7)      # hues of normal shapes, in turns


@dataclass(frozen=True)
class Anomalies:
    """n pictures, normal or not, and where they are not."""

    images: np.ndarray      # (n, 3, size, size) float32 in [0, 1]
    labels: np.ndarray      # (n,) int64: 1 for an anomaly, 0 for a normal picture
    defects: np.ndarray     # (n, 1, size, size) float32: the share of a pixel that is anomalous
    shapes: Shapes          # the pictures before a scratch or hole, with all their factors


def anomaly(n, seed=0, size=32, *, kind="scratch", share=0.5, held_out=7, **factors):
    """n pictures, of which a share is anomalous, evenly spread, as `Anomalies`.

    kind: "class" (outline number held_out, in no normal picture), "scratch" (a thin dark line over
    the shape), "hole" (the background shows through) or "colour" (the opposite hue).
    factors: position, scale, rotation, backdrop, as for `shapes`. Raises ValueError for those.
    """
    if kind not in KINDS or not 0 <= share <= 1 or held_out not in range(8):
        raise ValueError(
            f"anomaly: kind is {kind!r}, share {share}, held_out {held_out}; kind must be one of "
            f"{', '.join(KINDS)}, share 0 to 1, held_out 0 to 7"
        )
    # the first three are those that `shapes` uses
    *_, latent = streams("anomaly", n, seed, 4)
    unit = latent.random((n, 4))                                    # row i is for picture i
    labels = np.diff(np.floor(np.arange(n + 1) * share + 1e-9)).astype(np.int64)
    rank = np.where(labels == 1, np.cumsum(labels), np.cumsum(1 - labels)) - 1
    outlines = np.delete(np.arange(8), held_out)[rank % 7]
    hue = BLUES[0] + (BLUES[1] - BLUES[0]) * unit[:, 0]
    if kind == "class":
        outlines = np.where(labels == 1, held_out, outlines)
    if kind == "colour":
        hue = np.where(labels == 1, (hue + 0.5) % 1, hue)
    made = shapes(n, seed, size, labels=outlines, hue=hue, **factors)
    defects = made.masks * labels[:, None, None, None].astype(np.float32)
    if kind in ("class", "colour"):
        return Anomalies(made.images, labels, defects, made)
    images = made.images.copy()
    for i in np.flatnonzero(labels):
        defects[i] = _where(kind, made.masks[i, 0], unit[i, 1:])
        under = background(made.backdrop[i : i + 1], size)[0]
        colour = under if kind == "hole" else np.zeros((3, 1, 1), np.float32)
        images[i] += defects[i] * (colour - images[i])
    return Anomalies(whole_greys(images), labels, defects, made)


def _where(kind, mask, unit):
    """A scratch or hole through a random pixel inside the shape.   -> (size, size) share"""
    size = len(mask)
    inside = np.argwhere(mask >= 0.99 * mask.max())
    row, column = inside[int(unit[0] * len(inside))]
    x, y = axes(size)
    x, y = x - x[0, column], y - y[row, 0]
    edge = 2 / size
    if kind == "hole":
        return cover(np.hypot(x, y) - (0.15 + 0.06 * unit[1]), edge) * mask
    angle, reach = np.pi * unit[1], 0.3 + 0.3 * unit[2]
    end = reach * np.cos(angle), reach * np.sin(angle)
    return cover(stroke(x, y, np.negative(end), end, 0.08), edge)
