"""Drawing by signed distance: how far a pixel is from an outline, negative inside.

Idea: a shape is a formula for the distance d of a point from its edge. The union of two is
min(d, e), what is left of one without the other max(d, -e). A pixel's share of colour falls from 1
to 0 as d crosses an edge of a pixel's width, so that slopes are smooth at any size.
Coordinates are those of the picture: x to the right, y down, -1 to 1 from side to side. Everything
broadcasts: (m, 1, 1) for what varies from picture to picture, (h, w) or (h, 1), (1, w) for places.
Source: the formulas are the usual ones; Hart, Sphere tracing, The Visual Computer 1996, has them.
Read next: faces.py, stencils.py.
"""

import numpy as np


def axes(size):
    """x (1, size) and y (size, 1) of the pixels' middles, float32."""
    middle = ((2 * np.arange(size) + 1) / size - 1).astype(np.float32)
    return middle[None, :], middle[:, None]


def ellipse(x, y, a, b):
    """Distance from the ellipse (x/a)² + (y/b)² = 1, right to first order at its edge."""
    across, down = x / a, y / b
    radius = np.sqrt(across**2 + down**2)
    slope = np.sqrt((across / a) ** 2 + (down / b) ** 2)
    return (radius - 1) * radius / np.maximum(slope, 1e-6)


def box(x, y, a, b):
    """Distance from the rectangle |x| <= a, |y| <= b."""
    across, down = np.abs(x) - a, np.abs(y) - b
    outside = np.hypot(np.maximum(across, 0), np.maximum(down, 0))
    return outside + np.minimum(np.maximum(across, down), 0)


def stroke(x, y, start, end, width):
    """Distance from a line from start to end, each (x, y), drawn with a round pen of this width."""
    along = np.subtract(end, start)
    x, y = x - start[0], y - start[1]
    t = np.clip((x * along[0] + y * along[1]) / (along @ along), 0, 1)
    return np.hypot(x - t * along[0], y - t * along[1]) - width / 2


def polygon(x, y, corners):
    """Distance from a polygon, convex or not.   corners: (x, y) pairs, in turn"""
    corners = np.asarray(corners, float)
    away, inside = np.inf, False
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        away = np.minimum(away, stroke(x, y, start, end, 0))
        if start[1] != end[1]:      # does the ray from the point to the right cross this edge?
            crossing = start[0] + (y - start[1]) / (end[1] - start[1]) * (end[0] - start[0])
            inside = inside ^ (((start[1] > y) != (end[1] > y)) & (x < crossing))
    return np.where(inside, -away, away)


def cover(distance, edge):
    """The share of a pixel that is inside, for an edge of this width.   -> 0 to 1"""
    return np.clip(0.5 - distance / edge, 0, 1)


def paint(images, colour, share):
    """Lay colour over part of images, in place.

    images (m, C, h, w), colour (C,) or (m, C), share (m, h, w) or what broadcasts to it
    """
    colour = np.asarray(colour, images.dtype)[..., None, None]
    images += share[..., None, :, :] * (colour - images)


def hsv(hue, saturation, value):
    """Colours of hues in turns: 0 red, 1/3 green, 2/3 blue.   (m,) each or one -> (m, 3) float32"""
    third = np.asarray(hue)[..., None] * 6 + np.array([0, 4, 2])
    pure = np.clip(abs(third % 6 - 3) - 1, 0, 1)
    saturation, value = np.asarray(saturation)[..., None], np.asarray(value)[..., None]
    return (value * (1 - saturation + saturation * pure)).astype(np.float32)


def whole_greys(pixels):
    """Pixels as a picture file has them: multiples of 1/255 in [0, 1], float32.

    It also absorbs the last bit, in which processors differ: same arguments, same bytes.
    """
    return np.rint(255 * np.clip(pixels, 0, 1)).astype(np.float32) / np.float32(255)
