r"""Digits drawn from a formula: a data set that needs no download.

Idea: the set cells of a 5 by 7 bitmap, joined by a pen, make a fine glyph, once for each digit. An
affine map puts glyph point g at image point p; each pixel looks back along it,

    p = A g + shift,   A = scale · rotation · shear,      so      g = A⁻¹ (p - shift)

and the grey found at g, blurred, is the pixel. All that varies is returned with the images, and can
be given instead of drawn.

Invariant: image i depends on the seed, i and the factors given, on nothing else; giving one factor
moves no other. Lengths are in 28ths of an image's side: a seed draws the same digits at every size.
Read next: images.py, which loads these or a user's own pictures.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from scipy import ndimage

from minigen.data.factors import check_count, settle
from minigen.data.outlines import whole_greys
from minigen.data.source import DataError

FONT = """
.###. .##.. .###. .###. ...## ##### ..##. ##### .###. .###.
#...# #.#.. #...# #...# ..#.# #.... .#... ....# #...# #...#
#...# ..#.. ....# ....# .#..# #.... #.... ...#. #...# #...#
#...# ..#.. ...#. ..##. #...# ####. ####. ...#. .###. .####
#...# ..#.. ..#.. ....# ##### ....# #...# ..#.. #...# ....#
#...# ..#.. .#... #...# ....# ....# #...# ..#.. #...# ...#.
.###. ##### ##### .###. ....# ####. .###. ..#.. .###. .##..
"""
SIDE = 28               # the unit of length: every image is 28 wide and high
CELL = 18 / 7           # side of a font cell: a glyph at scale 1 is 18 high
FINE = 16               # glyph pixels per font cell
MARGIN = 2              # empty font cells around a glyph
RADII = (1.4, 1.9)      # how far from its middle line a stroke reaches, thin and dilated
CHUNK = 256             # images drawn together: bounds the memory for coordinates


@dataclass(frozen=True)
class Digits:
    """n images of digits, and all that made them."""

    images: np.ndarray      # (n, 1, size, size) float32 in [0, 1]; the background is 0
    labels: np.ndarray      # (n,) int64: 0, 1, ..., 9, 0, 1, ... so that classes are balanced
    rotation: np.ndarray    # (n,) degrees in [-15, 15], counter-clockwise
    scale: np.ndarray       # (n,) in [0.8, 1.1]
    shear: np.ndarray       # (n,) in [-0.15, 0.15]; positive leans right, as italics do
    shift: np.ndarray       # (n, 2) to the right and down, each in [-2, 2]
    dilation: np.ndarray    # (n,) 0 or 1, by how much the stroke is thicker
    blur: np.ndarray        # (n,) standard deviation of the blur, in [0.5, 0.9]


def digits(n, seed=0, size=28, **factors):
    """n digits, 0 to 9 in turn, with random pose, stroke and blur, as `Digits`.

    size: pixels a side, at least 8. factors: labels, rotation, scale, shear, shift, dilation, blur;
    one value for all images or one each, in the units of `Digits`; those not given are drawn.
    Same arguments, same bytes. Greys are multiples of 1/255, as in a picture file.
    Raises DataError for a size below 8, ValueError for a factor unknown, mis-shaped or out of
    bounds.
    """
    if size < 8:
        raise DataError(f"digits: size {size} is too small to tell digits apart; the least is 8")
    check_count("digits", n, seed)
    made = _factors(n, seed, factors)
    images = np.empty((n, 1, size, size), np.float32)
    for start in range(0, n, CHUNK):
        part = slice(start, start + CHUNK)
        pixels = _draw(size, **{name: values[part] for name, values in made.items()})
        images[part, 0] = whole_greys(pixels)
    return Digits(images, **made)


def digits_binary(n, seed=0, size=28, **factors):
    """`digits`, black and white: a pixel is 1 where its grey is at least 0.5, else 0."""
    grey = digits(n, seed, size, **factors)
    return replace(grey, images=(grey.images >= 0.5).astype(np.float32))


def _factors(n, seed, given):
    """Every factor of n images, drawn or given."""
    unit = np.random.Generator(np.random.PCG64(seed)).random((n, 7))     # row i is for image i
    factors = {
        "labels": np.arange(n) % 10,
        "rotation": 30 * unit[:, 0] - 15,
        "scale": 0.3 * unit[:, 1] + 0.8,
        "shear": 0.3 * unit[:, 2] - 0.15,
        "shift": 4 * unit[:, 3:5] - 2,
        "dilation": (unit[:, 5] < 0.5).astype(np.int64),
        "blur": 0.4 * unit[:, 6] + 0.5,
    }
    bounds = {"labels": (0, 9), "dilation": (0, 1), "scale": (0.1, 10), "blur": (0.1, 10)}
    return settle("digits", factors, given, bounds)


def _draw(size, labels, rotation, scale, shear, shift, dilation, blur):
    """m digits.   m of each factor -> (m, size, size) float32 in [0, 1]"""
    # small images are drawn at a multiple of their size, then averaged: thin strokes survive
    over = -(-SIDE // size)
    side = over * size
    glyphs = _glyphs()                                                      # (20, height, width)
    x, y = _look_up(side, rotation, scale, shear, shift)                    # (m, side, side) each
    column = x / CELL * FINE + glyphs.shape[2] / 2
    row = y / CELL * FINE + glyphs.shape[1] / 2
    which = np.broadcast_to((2 * labels + dilation)[:, None, None], row.shape)
    grey = ndimage.map_coordinates(glyphs, [which, row, column], order=1)   # 0 outside a glyph
    grey = _blur(grey, blur * side / SIDE)
    return grey.reshape(-1, size, over, size, over).mean((2, 4))


def _look_up(side, rotation, scale, shear, shift):
    """g = A⁻¹ (p - shift) of every pixel p.   -> x, y, each (m, side, side), 0 in the middle"""
    centre = (np.arange(side) + 0.5) * SIDE / side - SIDE / 2
    x = (centre - shift[:, :1])[:, None, :]                                 # (m, 1, side)
    y = (centre - shift[:, 1:])[:, :, None]                                 # (m, side, 1), down
    angle, scale, shear = (f[:, None, None] for f in (np.radians(rotation), scale, shear))
    across = (np.cos(angle) * x - np.sin(angle) * y) / scale                # (m, side, side)
    down = (np.sin(angle) * x + np.cos(angle) * y) / scale
    return across + shear * down, down


@cache
def _glyphs():
    """The ten glyphs, each thin and dilated, in fine pixels.   -> (20, height, width) float32"""
    rows = [line.split() for line in FONT.split("\n") if line]
    glyphs = []
    for digit in range(10):
        cells = np.pad([[cell == "#" for cell in row[digit]] for row in rows], MARGIN)
        away = ndimage.distance_transform_edt(~_middle_lines(cells)) * CELL / FINE
        # smoothing the distance, not the stroke, rounds the corners and keeps the width
        away = ndimage.gaussian_filter(away, 0.4 * FINE)
        glyphs += [np.clip(radius + 0.5 - away, 0, 1) for radius in RADII]
    return np.array(glyphs, np.float32)


def _middle_lines(cells):
    """Lines from each cell's middle to its neighbours'.   cells (rows, columns) -> fine pixels"""
    lines = np.zeros(np.multiply(cells.shape, FINE), bool)
    along = np.arange(FINE + 1)
    for row, column in np.argwhere(cells):
        for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
            # a diagonal would cut the corner of a right angle
            angle = down and right and (cells[row + down, column] or cells[row, column + right])
            if cells[row + down, column + right] and not angle:
                y, x = FINE * row + FINE // 2, FINE * column + FINE // 2
                lines[y + down * along, x + right * along] = True
    return lines


def _blur(images, sigma):
    """Gaussian blur.   images (m, side, side), sigma (m,) in pixels, one for each image"""
    reach = np.ceil(3 * sigma)[:, None]                                     # (m, 1)
    offset = np.arange(-reach.max(), reach.max() + 1)
    weight = np.where(abs(offset) <= reach, np.exp(-0.5 * (offset / sigma[:, None]) ** 2), 0)
    weight = (weight / weight.sum(1, keepdims=True)).astype(np.float32)     # (m, taps)
    for axis in (1, 2):
        width = [(0, 0)] * 3
        width[axis] = (int(reach.max()),) * 2
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(images, width), len(offset), axis)
        images = sum(windows[..., k] * weight[:, k, None, None] for k in range(len(offset)))
    return images
