"""A folder of pictures, of any size and kind.

Idea: Pillow decodes; what is left is to see that no picture comes out wrong without a word. Turned
photographs are set upright, transparency is laid on white, 16-bit greys keep their range, and a
file that is broken is named. Where there are no files that Pillow reads, .npy files are the
pictures, one in each.
`ImageFolder` decodes only what a batch asks for, so that a set need not fit into memory.
Read next: source.py (cropping and resizing), images.py (`load`, which reads a set at once).
"""

import math
import os
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from minigen.data.arrays import npy_picture
from minigen.data.source import DataError, Source, fit, naming, white_level, with_channels

# only these decoders run, whatever a file holds: some of Pillow's others start programs
FORMATS = ("PNG", "JPEG", "PPM", "BMP", "WEBP", "GIF", "TIFF")
SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jfif", ".webp", ".gif", ".bmp", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm"),
)
GREY = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "F")
SAMPLE = 1000           # at most so many headers are read to learn the usual side and mode


class ImageFolder:
    """A folder of pictures, each decoded whenever it is asked for; for DataLoader.

    root: as for `load`. size: every picture is cropped to its middle square, then resized to so
    many pixels a side. channels: 1 or 3.
    labels: (N,) int64, indices into classes; both None where sub-folders name no classes. Shuffled
    pairs: DataLoader((folder, folder.labels), 64, shuffle=True).
    Raises DataError if there is no picture, and later for one that is broken, by name.
    """

    def __init__(self, root, size, channels=3):
        if channels not in (1, 3) or size < 1:
            raise ValueError(
                f"ImageFolder: channels must be 1 or 3, size at least 1; they are {channels} and "
                f"{size}"
            )
        self.size, self.channels = size, channels
        self._source = folder_source(Path(root).expanduser())
        self.classes = self.labels = None
        if self._source.labels is not None:
            names, self.labels = np.unique(self._source.labels, return_inverse=True)
            self.classes = tuple(map(str, names))

    def __len__(self):
        return self._source.count

    def __getitem__(self, indices):
        """Pictures of these numbers.   indices (B,) -> (B, channels, size, size) float32, [0, 1]"""
        made = np.empty((len(indices), self.channels, self.size, self.size), np.float32)
        for row, i in enumerate(indices):
            made[row] = with_channels(self._source.picture(i, self.size), self.channels)
        return made


def folder_source(root):
    """The pictures in a folder and its sub-folders, without hidden ones, as a `Source`.

    Where every picture lies in a sub-folder, and there are several of them, they name the classes.
    Raises DataError if there is no picture, or one that is looked at is broken.
    """
    files, others = _walk(root)
    kinds = ", ".join(f"{n} {suffix or 'without suffix'}" for suffix, n in others.most_common(5))
    skipped = f"; other files skipped: {others.total()} ({kinds})" if others else ""
    if not files:
        raise DataError(
            f"{root}: no picture here, that is, no {' '.join(SUFFIXES)} .npy{skipped}; a file of "
            "many pictures (IDX, .npz, .npy) is given by its own path"
        )
    heads = [_head(path) for path in files[:: -(-len(files) // SAMPLE)]]
    sides = [side for side, _ in heads]
    colour = [mode not in GREY for _, mode in heads]
    span = f"{min(sides)}" if min(sides) == max(sides) else f"{min(sides)} to {max(sides)}"
    folders = [path.relative_to(root).parts[:-1] for path in files]
    classed = all(folders) and len({parts[0] for parts in folders}) > 1

    def picture(i, size):
        planes, white = _decode(files[i], size)
        return fit(planes, size, white)

    return Source(
        found=f"{len(files)} pictures, shorter side {span} pixels{skipped}",
        count=len(files),
        picture=picture,
        side=int(np.median(sides)),
        channels=3 if 2 * sum(colour) >= len(colour) else 1,
        labels=np.array([parts[0] for parts in folders]) if classed else None,
    )


def _walk(root):
    """Pictures under root, in order of name, and a count of the other files by suffix."""
    pictures, arrays, others, seen = [], [], Counter(), set()
    for folder, inner, names in os.walk(root, followlinks=True, onerror=_refuse):
        real = os.path.realpath(folder)
        if real in seen:                                # a link to where we have been
            inner.clear()
            continue
        seen.add(real)
        inner[:] = [name for name in inner if not name.startswith(".")]
        for path in (Path(folder, name) for name in names if not name.startswith(".")):
            if path.suffix.lower() in SUFFIXES and path.is_file():
                pictures.append(path)
            elif path.suffix.lower() == ".npy" and path.is_file():
                arrays.append(path)
            else:
                others[path.suffix.lower()] += 1
    if pictures and arrays:                             # then the arrays are something else
        others[".npy"] = len(arrays)
    return sorted(pictures or arrays), others


def _refuse(error):
    raise DataError(f"{error.filename}: cannot be listed ({error.strerror})") from error


@contextmanager
def opened(path):
    """The picture in a file, its header read. DataError, which names the file, if it is broken."""
    with naming(path), Image.open(path, formats=FORMATS) as image:
        # Pillow only warns of a bomb between its limit, 89 million pixels, and twice as many
        if image.width * image.height > (Image.MAX_IMAGE_PIXELS or math.inf):
            raise DataError(
                f"{path}: {image.height}x{image.width} pixels may be a decompression bomb: they "
                f"are more than Pillow's limit of {Image.MAX_IMAGE_PIXELS}"
            )
        yield image


def _head(path):
    """Shorter side and mode, without decoding what Pillow reads."""
    if path.suffix.lower() == ".npy":
        planes, _ = npy_picture(path)
        return min(planes.shape[1:]), "L" if len(planes) == 1 else "RGB"
    with opened(path) as image:
        return min(image.size), image.mode


def _decode(path, size):
    """A picture, upright, at least `size` a side.   -> (C, H, W), C 1 or 3, and its white level"""
    if path.suffix.lower() == ".npy":
        return npy_picture(path)
    with opened(path) as image:
        # a JPEG decodes to 1/2, 1/4 or 1/8 at a fraction of the cost
        image.draft(None, (size, size))
        ImageOps.exif_transpose(image, in_place=True)
        if image.mode == "F":
            values = np.asarray(image)
            return values[None], white_level(values, path)
        if image.mode[0] == "I":                        # 16-bit grey, however it is stored
            values = np.asarray(image)
            if values.min() < 0 or values.max() > 65535:
                raise DataError(f"{path}: grey values of more than 16 bits, up to {values.max()}")
            return values[None], 65535
        grey = image.mode in GREY
        if image.has_transparency_data:
            white = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(white, image.convert("RGBA"))
        values = np.asarray(image.convert("L" if grey else "RGB"))
        return values.reshape(*values.shape[:2], -1).transpose(2, 0, 1), 255
