"""What every kind of input becomes: pictures had one at a time, as squares of one size.

Idea: a file of arrays and a folder of photographs differ in how picture i is had, and in nothing
that comes after. A `Source` says what was found; asked for picture i, it gives a finished square.
Invariant: at most one picture is decoded at its full size at any time.
Read next: arrays.py and pictures.py (the two kinds of source), images.py (what is made of them).
"""

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image


class DataError(ValueError):
    """Pictures that cannot be had, or not be learnt from. The message names them and says why."""


@contextmanager
def naming(where):
    """Whatever goes wrong inside becomes a DataError that names a file, or a part of one."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:      # decoders raise what they like when a file is broken
        raise DataError(f"{where}: {str(error) or type(error).__name__}") from error


@dataclass(frozen=True)
class Source:
    """Pictures found in one place, not yet decoded."""

    found: str                                          # what was found, for people
    count: int                                          # number of pictures
    picture: Callable[[int, int], np.ndarray]           # i, size -> (C, size, size) float32, [0, 1]
    side: int                                           # median of the pictures' shorter sides
    channels: int                                       # of most pictures: 1 grey, 3 colour
    labels: np.ndarray | None = None                    # (count,) class of each: a number or name
    test: "Source | None" = None                        # pictures that were set apart as a test


def fit(picture, size, white):
    """The middle square of a picture, resized.   (C, H, W) -> (C, size, size) float32 in [0, 1]

    white: the value that becomes 1. Shrinking takes the mean over the area that a new pixel covers;
    enlarging is bicubic with a = -0.5.
    """
    side = min(picture.shape[1:])
    top, left = ((length - side) // 2 for length in picture.shape[1:])
    planes = picture[:, top : top + side, left : left + side]
    if size < side:
        weights = _area_weights(side, size)
        planes = [weights @ plane @ weights.T for plane in planes]     # a plane at a time: memory
    elif size > side:
        # Pillow has no floating-point colour, hence planes here too
        grey = [Image.fromarray(plane.astype(np.float32)) for plane in planes]
        planes = [plane.resize((size, size), Image.Resampling.BICUBIC) for plane in grey]
    # bicubic overshoots at edges
    return np.clip(np.array([np.asarray(p) for p in planes], np.float32) / np.float32(white), 0, 1)


@lru_cache(16)
def _area_weights(side, size):
    """How much of each old pixel each new one covers, in one dimension.   -> (size, side)"""
    edges = np.arange(size + 1) * side / size
    pixel = np.arange(side)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    return (np.maximum(overlap, 0) * size / side).astype(np.float32)   # rows sum to 1


def on_white(planes, white):
    """Transparency, the fourth of four channels, laid on white.   (C, H, W) -> (1 or 3, H, W)"""
    if len(planes) != 4:
        return planes
    return white + (planes[:3] - float(white)) * (planes[3:] / white)


def with_channels(images, channels):
    """Colour from grey (three equal channels) or grey from colour (luma).   (..., C, S, S)"""
    if images.shape[-3] < channels:
        return np.repeat(images, channels, axis=-3)
    if images.shape[-3] > channels:
        luma = np.array([0.299, 0.587, 0.114], np.float32)[:, None, None]
        return np.minimum((luma * images).sum(-3, keepdims=True), 1)
    return images


def white_level(values, where):
    """The value that means white: 1 or 255, by the values' range. DataError where it is neither.

    A thousandth beyond [0, 1] is rounding; more, up to 2, is no range that pictures have.
    """
    if values.dtype.kind not in "buif":
        raise DataError(f"{where}: holds values of type {values.dtype}, not numbers")
    low, high = float(values.min()), float(values.max())
    between = values.dtype.kind == "f" and 1 + 1e-3 < high < 2
    if not (low >= -1e-3 and high <= 255) or between:
        raise DataError(
            f"{where}: values run from {low:g} to {high:g}; pictures have [0, 1] or [0, 255]: "
            "rescale them, or clip what little is beyond"
        )
    return 1 if high <= 1 + 1e-3 else 255
