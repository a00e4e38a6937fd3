"""CIFAR-10 and CIFAR-100 in their binary form, from the archive or the unpacked folder.

Idea: a file is records of one size, and nothing else: one label byte (CIFAR-100 has two, coarse and
fine), then the 32x32 picture, all of red, all of green, all of blue, row by row. No header says how
many there are: the length of each file is known instead. The form that the authors offer for Python
is a pickle, which may run any code; it is not read.
Source: Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009;
https://www.cs.toronto.edu/~kriz/cifar.html.
Read next: arrays.py (what becomes of the arrays), download.py.
"""

from dataclasses import dataclass

import numpy as np

from minigen.data.archive import tar_members
from minigen.data.arrays import array_source
from minigen.data.source import DataError, naming

PIXELS = 3 * 32 * 32


@dataclass(frozen=True)
class Layout:
    """Which files make up a data set, and what is in them."""

    train: tuple[str, ...]      # files of training pictures, in order
    test: str                   # file of test pictures
    records: int                # in each training file; the test file has 10 000
    labels: int                 # label bytes of a record; the last one is the class
    names: str                  # file of the classes' names, a line each
    classes: int

    def sizes(self):
        """{file: its bytes}, of pictures; the names have no fixed size."""
        return {
            file: (self.labels + PIXELS) * (10_000 if file == self.test else self.records)
            for file in (*self.train, self.test)
        }


CIFAR10 = Layout(
    tuple(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin",
    records=10_000, labels=1, names="batches.meta.txt", classes=10,
)
CIFAR100 = Layout(
    ("train.bin",), "test.bin",
    records=50_000, labels=2, names="fine_label_names.txt", classes=100,
)


def read_cifar(records, layout, where):
    """Pictures and classes in the bytes of one file.   -> (N, 3, 32, 32) uint8, (N,) int64

    Raises DataError, naming `where`, unless these are whole records with labels in range.
    """
    width = layout.labels + PIXELS
    if not records or len(records) % width:
        raise DataError(f"{where}: {len(records)} bytes are not whole records of {width}")
    table = np.frombuffer(records, np.uint8).reshape(-1, width)
    labels = table[:, layout.labels - 1].astype(np.int64)
    if labels.max() >= layout.classes:
        first = int(np.argmax(labels >= layout.classes))
        raise DataError(
            f"{where}: record {first} has label {labels[first]}; they go from 0 to "
            f"{layout.classes - 1}"
        )
    return table[:, layout.labels :].reshape(-1, 3, 32, 32), labels


def cifar_folder(folder):
    """The `Layout` whose files a folder holds, or None."""
    for layout in (CIFAR10, CIFAR100):
        if any((folder / name).is_file() for name in layout.train):
            return layout
    return None


def cifar_source(path, layout):
    """The pictures of a data set, with its test set, as a `Source`.

    path: the .tar.gz archive, or the folder with its files. Raises DataError, naming the file, for
    one that is missing, of another length, or has a label out of range.
    """
    sizes = layout.sizes()
    limits = sizes | {layout.names: 1 << 16}
    found = _folder_members(path, limits) if path.is_dir() else tar_members(path, limits)
    if missing := [name for name in sizes if name not in found]:
        raise DataError(f"{path}: missing: {', '.join(missing)}")
    for name, size in sizes.items():
        if len(found[name]) != size:
            raise DataError(f"{path}: {name} has {len(found[name])} bytes; CIFAR's has {size}")

    def read(names):
        parts = [read_cifar(found[name], layout, f"{path}, {name}") for name in names]
        images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return images, classes[labels]

    classes = _class_names(found.get(layout.names), layout, path)
    test = array_source(f"{path}, {layout.test}", *read([layout.test]))
    return array_source(path, *read(layout.train), test)


def _folder_members(folder, limits):
    """The files of these names in a folder.   -> {name: bytes}, at most one byte above the limit"""
    found = {}
    for name, limit in limits.items():
        path = folder / name
        if path.is_file():
            with naming(path), open(path, "rb") as file:
                found[name] = file.read(limit + 1)
    return found


def _class_names(text, layout, path):
    """The classes' names in order of label, or the labels where no file names them.   (classes,)"""
    if text is None:
        return np.arange(layout.classes)
    with naming(f"{path}, {layout.names}"):
        names = text.decode("ascii").split()
    if len(set(names)) != layout.classes:
        raise DataError(
            f"{path}: {layout.names} names {len(set(names))} classes, not {layout.classes}"
        )
    return np.array(names)
