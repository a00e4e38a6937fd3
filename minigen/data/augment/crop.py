"""Where a picture is looked at: crops, resizing, flips, quarter turns, grids of patches.

Idea: cropping a box and resizing it is one weighted sum along each axis: a new pixel takes a few
old ones of its column, then of its row, and only where the box lies differs from picture to picture
(_taps.py). Shrinking takes the mean over the area that a new pixel covers; enlarging is bicubic,
a = -0.5 (Keys, Cubic Convolution Interpolation for Digital Image Processing, 1981).
Read next: color.py, views.py; ../source.py (`fit`, the same resizing of one picture).
"""

import numpy as np

from minigen.data.augment._check import check_pictures
from minigen.data.augment._taps import apply_taps

TRIES = 10              # boxes drawn for one that fits, as in the authors' code


def resize(x, size):
    """Whole pictures, resized.   (N, C, H, W) -> (N, C, size, size)"""
    check_pictures("resize", x)
    if size < 1:
        raise ValueError(f"resize: size must be at least 1, not {size}")
    return _resample(x, np.array([[0, 0, *x.shape[2:]]]), size)


def crop_resize(x, boxes, size):
    """A box of each picture, resized.   (N, C, H, W) -> (N, C, size, size)

    boxes: (N, 4) integers, top, left, height, width, inside the picture.
    """
    check_pictures("crop_resize", x)
    boxes = np.asarray(boxes)
    count, _, height, width = x.shape
    if boxes.shape != (count, 4) or boxes.dtype.kind not in "iu" or size < 1:
        raise ValueError(
            f"crop_resize: boxes {boxes.dtype} {boxes.shape} and size {size} for pictures "
            f"{x.shape}; boxes must be integers (N, 4), size at least 1"
        )
    ends = boxes[:, :2] + boxes[:, 2:]
    if boxes.min(initial=1) < 0 or (boxes[:, 2:] < 1).any() or (ends > [height, width]).any():
        raise ValueError(f"crop_resize: a box is empty or leaves the picture, {height}x{width}")
    return _resample(x, boxes, size)


def random_resized_crop(x, rng, size, scale=(0.08, 1.0), ratio=(3 / 4, 4 / 3)):
    """A random box of each picture, resized.   (N, C, H, W) -> (N, C, size, size)

    scale: bounds of the box's share of the area, drawn uniformly. ratio: bounds of width / height,
    drawn uniformly in the logarithm. Of ten boxes the first that fits is taken, at a random place;
    if none does, the largest box in the middle whose ratio is within bounds.
    Source: Szegedy et al., Going Deeper with Convolutions, 2014, section 6.
    """
    check_pictures("random_resized_crop", x)
    if not (0 < scale[0] <= scale[1] <= 1 and 0 < ratio[0] <= ratio[1]):
        raise ValueError(
            f"random_resized_crop: scale {scale} must be within (0, 1], ratio {ratio} above 0, the "
            "smaller one first"
        )
    boxes = _random_boxes(rng.random((len(x), 2 * TRIES + 2)), x.shape[2:], scale, ratio)
    return crop_resize(x, boxes, size)


def random_crop(x, rng, size, padding=0):
    """A random square of each picture, at its own scale.   (N, C, H, W) -> (N, C, size, size)

    padding: as many black pixels are put around the pictures first.
    """
    check_pictures("random_crop", x)
    x = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    room = np.array(x.shape[2:]) - size
    if room.min() < 0 or size < 1:
        raise ValueError(f"random_crop: size {size} does not fit into {x.shape[2]}x{x.shape[3]}")
    corner = rng.integers(0, room + 1, (len(x), 2))
    return _windows(x, corner[:, None], size)[:, 0]


def center_crop(x, size):
    """The middle square, at its own scale.   (N, C, H, W) -> (N, C, size, size)"""
    check_pictures("center_crop", x)
    top, left = ((length - size) // 2 for length in x.shape[2:])
    if min(top, left) < 0 or size < 1:
        raise ValueError(f"center_crop: size {size} does not fit into {x.shape[2]}x{x.shape[3]}")
    return x[:, :, top : top + size, left : left + size].copy()


def random_flip(x, rng, p=0.5):
    """Left and right exchanged in each picture with probability p.   (N, C, H, W)"""
    check_pictures("random_flip", x)
    flipped = (rng.random(len(x)) < p)[:, None, None, None]
    return np.where(flipped, x[..., ::-1], x)


def rotate90(x, turns):
    """Quarter turns counter-clockwise.   (N, C, S, S); turns: integer, or (N,) integers"""
    check_pictures("rotate90", x)
    turns = np.broadcast_to(np.asarray(turns) % 4, len(x))
    if x.shape[2] != x.shape[3] and (turns % 2).any():
        raise ValueError(f"rotate90: pictures of shape {x.shape} are not square; crop them first")
    turned = x.copy()
    for k in (1, 2, 3):
        turned[turns == k] = np.rot90(x[turns == k], k, (2, 3))
    return turned


def patch_grid(x, rng, patch, gap=0, jitter=0, grid=3):
    """A grid of square patches, somewhere in each picture.   -> (N, grid², C, patch, patch)

    gap: pixels between neighbours. jitter: each patch is moved by up to so many pixels, down and to
    the right, or up and to the left. Patches come row by row.
    Source: Doersch, Gupta & Efros, Unsupervised Visual Representation Learning by Context
    Prediction, 2015, section 3.
    """
    check_pictures("patch_grid", x)
    span = grid * patch + (grid - 1) * gap + 2 * jitter
    room = np.array(x.shape[2:]) - span
    if room.min() < 0 or min(patch, grid) < 1 or min(gap, jitter) < 0:
        raise ValueError(
            f"patch_grid: {grid} patches of {patch}, gaps of {gap} and jitter of {jitter} take "
            f"{span} pixels; the pictures are {x.shape[2]}x{x.shape[3]}"
        )
    cells = np.stack(np.divmod(np.arange(grid * grid), grid), 1) * (patch + gap)    # (grid², 2)
    corner = jitter + rng.integers(0, room + 1, (len(x), 1, 2)) + cells
    corner += rng.integers(-jitter, jitter + 1, corner.shape)
    return _windows(x, corner, patch)


def _resample(x, boxes, size):
    """Boxes (N, 4), or one for all (1, 4), resized.   (N, C, H, W) -> (N, C, size, size)"""
    rows = _taps(boxes[:, 0], boxes[:, 2], x.shape[2], size)
    columns = _taps(boxes[:, 1], boxes[:, 3], x.shape[3], size)
    new = apply_taps(x, rows, columns)
    return np.clip(new, 0, 1, out=new)                                      # bicubic overshoots


def _windows(x, corner, size):
    """Squares with these corners.   x (N, C, H, W), corner (N, K, 2) -> (N, K, C, size, size)"""
    inside = np.arange(size)
    rows = (corner[..., :1] + inside)[..., :, None]                         # (N, K, size, 1)
    columns = (corner[..., 1:] + inside)[..., None, :]                      # (N, K, 1, size)
    picture = np.arange(len(x))[:, None, None, None]
    return np.moveaxis(x[picture, :, rows, columns], 4, 2).copy()


def _random_boxes(unit, shape, scale, ratio):
    """Boxes from uniform numbers.   unit (N, 2 TRIES + 2) -> (N, 4) integers"""
    height, width = shape
    area = height * width * (scale[0] + (scale[1] - scale[0]) * unit[:, :TRIES])
    low, high = np.log(ratio)
    aspect = np.exp(low + (high - low) * unit[:, TRIES : 2 * TRIES])
    tall = np.rint(np.sqrt(area / aspect)).astype(np.int64)                 # (N, TRIES)
    wide = np.rint(np.sqrt(area * aspect)).astype(np.int64)
    fits = (tall > 0) & (tall <= height) & (wide > 0) & (wide <= width)
    first = np.argmax(fits, 1)[:, None]
    tall, wide, fits = (np.take_along_axis(a, first, 1)[:, 0] for a in (tall, wide, fits))
    room = np.stack([height - tall, width - wide], 1)                       # (N, 2)
    corner = np.minimum((unit[:, -2:] * (room + 1)).astype(np.int64), room)
    middle = _middle_box(height, width, ratio)
    return np.where(fits[:, None], np.stack([*corner.T, tall, wide], 1), middle)


def _middle_box(height, width, ratio):
    """The largest box in the middle whose width / height is within bounds.   -> (4,)"""
    wide = max(1, min(width, round(height * ratio[1])))
    tall = max(1, min(height, round(width / ratio[0])))
    return np.array([(height - tall) // 2, (width - wide) // 2, tall, wide])


def _taps(start, length, whole, size):
    """The old pixels that each new one takes.   start, length (N,) -> place, weight (N, size, T)"""
    start, length = start[:, None, None], length[:, None, None]
    ratio = length / size                                                   # (N, 1, 1)
    low = start + ratio * np.arange(size)[:, None]                          # (N, size, 1)
    middle = low + ratio / 2
    first = np.floor(np.where(ratio >= 1, low, middle - 1.5))
    pixel = first + np.arange(max(4, int(np.ceil(ratio.max(initial=1))) + 1))
    covered = np.minimum(low + ratio, pixel + 1) - np.maximum(low, pixel)
    weight = np.where(ratio >= 1, np.maximum(covered, 0), _bicubic(abs(pixel + 0.5 - middle)))
    weight *= (start <= pixel) & (pixel < start + length)                   # cut off at the box
    place = np.clip(pixel, 0, whole - 1).astype(np.int64)
    return place, weight / weight.sum(2, keepdims=True)


def _bicubic(away):
    """Keys's kernel at a distance in pixels."""
    near, far = 1 - away**2 * (2.5 - 1.5 * away), 2 - away * (4 - away * (2.5 - 0.5 * away))
    return np.where(away < 1, near, np.where(away < 2, far, 0))
