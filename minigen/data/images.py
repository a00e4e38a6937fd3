"""Pictures to train on: ours, or a user's own.

Idea: whatever the source, a model gets float32 (N, C, S, S) in [0, 1], split into train and test.
Nothing is written to disk but what is fetched: no archive is unpacked, no copy kept.
Read next: digits.py (the built-in pictures), pictures.py and arrays.py (a user's), source.py.
"""

import difflib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from minigen.data.arrays import idx_source, npy_source, npz_source
from minigen.data.cifar import CIFAR10, CIFAR100, cifar_folder, cifar_source
from minigen.data.generators import GENERATORS
from minigen.data.pictures import SUFFIXES, folder_source
from minigen.data.remote import REMOTE, download
from minigen.data.source import DataError, with_channels

NAMES = (*GENERATORS, *REMOTE)              # what `load` takes besides paths
LARGEST = 64            # the side that pictures get, at most, where no size is asked for


@dataclass(frozen=True)
class Images:
    """Square pictures, split; made by `load`."""

    train: np.ndarray                   # (N, C, S, S) float32 in [0, 1]
    test: np.ndarray                    # (M, C, S, S)
    train_labels: np.ndarray | None     # (N,) int64, indices into classes
    test_labels: np.ndarray | None      # (M,)
    classes: tuple[str, ...]            # () where there are no labels
    name: str                           # of the generator, file or folder
    found: str                          # what was there before cropping, resizing and splitting

    @property
    def channels(self):
        """C: 1 (grey) or 3 (colour)."""
        return self.train.shape[1]

    @property
    def size(self):
        """S, pixels a side."""
        return self.train.shape[2]

    @property
    def pixels(self):
        """C * S * S: how many numbers one flattened picture has."""
        return self.train[0].size

    def describe(self):
        """One line: what was found, and what was made of it."""
        classes = f", {len(self.classes)} classes" if self.classes else ""
        return (
            f"{self.name}: {self.found}{classes} -> {len(self.train)} to train and "
            f"{len(self.test)} to test, each {self.channels}x{self.size}x{self.size}, values "
            f"{self.train.min():.2f} to {self.train.max():.2f}"
        )


def load(source, *, size=None, channels=None, seed=0, train=12_000, test=2_000):
    """Pictures from a generator, a folder or a file, as `Images`.

    source: "digits", "digits_binary", "faces", "landscapes", "multi_sprites", "shapes" or
    "shapes_upright" (a folder of that name is "./digits"); "mnist", "fashion_mnist", "kmnist",
    "cifar10" or "cifar100", fetched once; a folder of pictures (where all lie in sub-folders, these
    name the classes); an IDX file as MNIST's, gzipped or not; a .npz or .npy; CIFAR's archive.
    size: S; None keeps the pictures' own (the median), 64 at most. A picture is cropped to its
    middle square, then resized. channels: 1 or 3; None is what most pictures have.
    train, test: at most so many. A source without a test set of its own gives a seventh, by seed.
    Raises DataError, which names the file, for what is unreadable, not pictures, or all the same.
    """
    if channels not in (None, 1, 3) or min(train, test, 1 if size is None else size) < 1:
        raise ValueError(
            f"load: channels must be 1 or 3, size, train and test at least 1; they are {channels}, "
            f"{size}, {train} and {test}"
        )
    if source in GENERATORS:
        return _generate(source, size, channels, seed, train, test)
    remote = REMOTE.get(source)
    path = download(source) if remote else Path(source).expanduser()
    try:
        found = _find(path)
    except OSError as error:
        raise DataError(f"{error.filename or path}: {error.strerror or error}") from error
    size, channels = size or min(found.side, LARGEST), channels or found.channels
    chosen = _split(found, seed, path, train, test)
    known = [part.labels for part, _ in chosen if part.labels is not None]
    classes = np.unique(np.concatenate(known)) if known else ()
    pictures = [_gather(part, order, size, channels) for part, order in chosen]
    if len(pictures[0]) > 1 and all(np.array_equal(x, pictures[0][0]) for x in pictures[0]):
        raise DataError(f"{path}: all pictures are the same: there is nothing to learn from them")
    return Images(
        *pictures,
        *(_class_indices(part, order, classes) for part, order in chosen),
        classes=remote.classes if remote and remote.classes else tuple(map(str, classes)),
        name=source if remote else path.resolve().name,
        found=found.found,
    )


def _split(found, seed, path, train, test):
    """At most so many pictures to train and to test, shuffled.   -> two of (Source, indices)"""
    rng = np.random.Generator(np.random.PCG64(seed))
    order = rng.permutation(found.count)
    if found.test is not None:
        return (found, order[:train]), (found.test, rng.permutation(found.test.count)[:test])
    if found.count < 2:
        raise DataError(f"{path}: one picture only; it takes at least two, to train and to test")
    cut = max(1, found.count // 7)
    return (found, order[cut:][:train]), (found, order[:cut][:test])


def _gather(part, order, size, channels):
    """Pictures of a Source, in this order.   -> (len(order), channels, size, size)"""
    images = np.empty((len(order), channels, size, size), np.float32)
    # a bar for what takes longer than two seconds at a terminal
    for row, i in enumerate(tqdm(order, "reading pictures", leave=False, delay=2, disable=None)):
        images[row] = with_channels(part.picture(i, size), channels)
    return images


def _class_indices(part, order, classes):
    """Where in classes the labels of these pictures stand.   -> (len(order),) or None"""
    return None if part.labels is None else np.searchsorted(classes, part.labels[order])


def _generate(name, size, channels, seed, train, test):
    """Generated pictures; the test set has a seed of its own."""
    maker = GENERATORS[name]
    options = {"channels": channels} if maker.either and channels else {}
    sets = [
        maker.draw(count, seed + apart, size or maker.size, **options)
        for count, apart in ((train, 0), (test, 10_000))
    ]
    return Images(
        *(with_channels(part.images, channels or part.images.shape[1]) for part in sets),
        *(part.labels if maker.classes else None for part in sets),
        classes=maker.classes,
        name=name,
        found=f"drawn by formula from seed {seed}",
    )


def _find(path):
    """The Source at a path. DataError if it is none."""
    if not path.exists():
        raise DataError(f"{path}: no such file or folder{_nearest(path)}")
    if path.is_dir():
        layout = cifar_folder(path)
        return cifar_source(path, layout) if layout else folder_source(path)
    name = path.name.lower()
    if name.startswith("cifar") and name.endswith(".tar.gz"):
        return cifar_source(path, CIFAR100 if "100" in name else CIFAR10)
    if name.endswith(".npz"):
        return npz_source(path)
    if name.endswith(".npy"):
        return npy_source(path)
    if "idx" in name:
        return idx_source(path)
    if path.suffix.lower() in SUFFIXES:
        raise DataError(f"{path}: one picture; give the folder that holds it, {path.parent}")
    raise DataError(
        f"{path}: not a folder of pictures, an IDX file (with idx in its name, as MNIST's have), a "
        ".npz, a .npy or CIFAR's .tar.gz; other archives are not unpacked here: unpack it and give "
        "the folder"
    )


def _nearest(path):
    """A question that names what exists and resembles the missing part of path, or nothing."""
    while not path.parent.is_dir():
        path = path.parent
    beside = {entry.name: entry for entry in path.parent.iterdir()}
    beside |= {name: name for name in NAMES}
    near = difflib.get_close_matches(path.name, beside, 1)
    return f"; did you mean {beside[near[0]]}?" if near else f"; {path.parent} has nothing like it"
