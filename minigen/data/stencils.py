"""Sixteen outlines, cut once and laid down at any place, size and angle.

Idea: each outline's signed distance is worked out once on a fine grid. A picture looks back from
each of its pixels to the point of the stencil that lies there, reads the distance, and multiplies
it by the stencil's size. An outline's own coordinates run from about -1 to 1, y down.
Read next: outlines.py (the formulas), shapes.py.
"""

from functools import cache

import numpy as np
from scipy import ndimage

from minigen.data.outlines import box, ellipse, polygon, stroke

SHAPES = ("disc", "square", "triangle", "plus", "ring", "star", "crescent", "L")
GLYPHS = ("arrow", "house", "tree", "F", "cup", "fish", "key", "boat")
REACH = 1.5             # the grid's half side: beyond it the distance at its edge is read
FINE = 97               # points a side


def lay(names, which, x, y, scale, rotation):
    """Distance of pixels from the edge of an outline in each of m pictures.   -> (m, h, w)

    names: SHAPES or GLYPHS; which (m,) int, indices into them. x, y (m, h, w) or what broadcasts to
    it: the place relative to the outline's middle. scale (m,), rotation (m,) in degrees,
    counter-clockwise.
    """
    scale, angle = scale[:, None, None], np.radians(rotation)[:, None, None]
    across = (np.cos(angle) * x - np.sin(angle) * y) / scale
    down = (np.sin(angle) * x + np.cos(angle) * y) / scale
    to_grid = (FINE - 1) / (2 * REACH)
    column, row = (place * to_grid + (FINE - 1) / 2 for place in (across, down))
    which = np.broadcast_to(which[:, None, None], row.shape)
    away = ndimage.map_coordinates(_maps(names), [which, row, column], order=1, mode="nearest")
    return scale.astype(np.float32) * away


@cache
def _maps(names):
    """The distances.   -> (len(names), FINE, FINE) float32"""
    axis = np.linspace(-REACH, REACH, FINE)
    x, y = np.broadcast_arrays(axis[None, :], axis[:, None])
    made = _shapes(x, y) | _glyphs(x, y)
    return np.array([made[name] for name in names], np.float32)


def _shapes(x, y):
    """What has no upright of its own; of about equal area.   -> {name: distance}"""
    points = 1j * np.exp(2j * np.pi * np.arange(10) / 10) * np.tile([1, 0.45], 5)
    third = 1j * np.exp(2j * np.pi * np.arange(3) / 3)
    return {
        "disc": np.hypot(x, y) - 0.78,
        "square": box(x, y, 0.7, 0.7),
        "triangle": polygon(x, y, _corners(third)),
        "plus": np.minimum(box(x, y, 0.9, 0.3), box(x, y, 0.3, 0.9)),
        "ring": abs(np.hypot(x, y) - 0.68) - 0.2,
        "star": polygon(x, y, _corners(points)),
        "crescent": np.maximum(np.hypot(x, y) - 0.92, 0.72 - np.hypot(x - 0.42, y)),
        "L": np.minimum(box(x + 0.45, y, 0.3, 0.9), box(x, y - 0.6, 0.75, 0.3)),
    }


def _glyphs(x, y):
    """What has an upright, and looks different at each quarter turn.   -> {name: distance}"""
    roof = polygon(x, y, [(-0.95, -0.1), (0, -0.95), (0.95, -0.1)])
    door = box(x, y - 0.65, 0.18, 0.3)
    crown = polygon(x, y, [(-0.75, 0.4), (0, -0.95), (0.75, 0.4)])
    mug = polygon(x, y, [(-0.75, -0.6), (0.45, -0.6), (0.3, 0.75), (-0.6, 0.75)])
    handle = abs(ellipse(x - 0.45, y + 0.05, 0.38, 0.38)) - 0.1
    tail = polygon(x, y, [(0.35, 0), (0.95, -0.5), (0.95, 0.5)])
    bow = abs(np.hypot(x, y + 0.55) - 0.3) - 0.13
    bits = np.minimum(box(x - 0.3, y - 0.75, 0.22, 0.1), box(x - 0.25, y - 0.4, 0.18, 0.1))
    bars = np.minimum(box(x, y + 0.7, 0.55, 0.2), box(x - 0.1, y + 0.05, 0.35, 0.18))
    sail = polygon(x, y, [(0.05, -0.95), (0.75, 0.2), (0.05, 0.2)])
    hull = polygon(x, y, [(-0.95, 0.35), (0.95, 0.35), (0.55, 0.85), (-0.6, 0.85)])
    head = polygon(x, y, [(-0.7, -0.1), (0, -0.95), (0.7, -0.1)])
    return {
        "arrow": np.minimum(head, box(x, y - 0.35, 0.22, 0.55)),
        "house": np.maximum(np.minimum(roof, box(x, y - 0.4, 0.7, 0.55)), -door),
        "tree": np.minimum(crown, box(x, y - 0.65, 0.17, 0.3)),
        "F": np.minimum(box(x + 0.4, y, 0.2, 0.9), bars),
        "cup": np.minimum(mug, np.maximum(handle, -mug)),
        "fish": np.maximum(
            np.minimum(ellipse(x + 0.2, y, 0.75, 0.45), tail), 0.1 - np.hypot(x + 0.6, y + 0.1)
        ),
        "key": np.minimum(np.minimum(bow, box(x, y - 0.35, 0.12, 0.6)), bits),
        "boat": np.minimum(np.minimum(sail, hull), stroke(x, y, (0, -0.9), (0, 0.4), 0.12)),
    }


def _corners(points):
    """Complex numbers, y up, as (x, y) pairs, y down."""
    return np.stack([points.real, -points.imag], 1)
