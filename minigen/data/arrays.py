"""Files of arrays: IDX (MNIST's format), .npy and .npz.

Idea: a header states the type and the shape, the data must then be exactly that long. Headers are
judged before anything is allocated, and data are read piece by piece, so that a file that lies
about its size costs nothing. Pickles are refused: reading one runs whatever code it holds.
Read next: source.py, images.py.
"""

import gzip
import math
import struct
import zipfile
from pathlib import Path

import numpy as np

from minigen.data.archive import check_inside
from minigen.data.source import DataError, Source, fit, naming, on_white, white_level

LIMIT = 4 << 30         # bytes of the largest array read: 4 GiB
IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
# the names that image sets in .npz files use, the likeliest first
IMAGES = ("x_train", "train_images", "images_train", "train_x", "images", "x", "data", "arr_0")
LABELS = ("y_train", "train_labels", "labels_train", "train_y", "labels", "y", "targets")
TEST_IMAGES = ("x_test", "test_images", "images_test", "test_x")
TEST_LABELS = ("y_test", "test_labels", "labels_test", "test_y")


def read_idx(path):
    """The array in an IDX file, gzipped or not: any of the six types, 1 to 4 dimensions.

    Raises DataError for a wrong magic number, and for data shorter or longer than announced.
    Source: the format's description on the MNIST page, LeCun, Cortes & Burges.
    """
    with naming(path), open(path, "rb") as file:
        zipped = file.peek(2)[:2] == b"\x1f\x8b"        # browsers unpack without renaming
        stream = gzip.GzipFile(fileobj=file) if zipped else file
        magic = bytes(_take(stream, 4, path))
        if magic[:2] != b"\0\0" or magic[2] not in IDX_TYPES or not 1 <= magic[3] <= 4:
            raise DataError(
                f"{path}: not an IDX file: it starts with {magic.hex(' ')}, not with 00 00, a type "
                "(08 to 0e) and a number of dimensions (01 to 04)"
            )
        shape = struct.unpack(f">{magic[3]}i", _take(stream, 4 * magic[3], path))
        return _take_array(stream, np.dtype(IDX_TYPES[magic[2]]), shape, "C", path)


def read_npy(stream, where):
    """The array in an open .npy stream. DataError, naming `where`, if it is broken or pickled."""
    with naming(where):
        if np.lib.format.read_magic(stream) == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
        else:
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(stream)
    if dtype.hasobject:
        raise DataError(f"{where}: holds pickled Python objects, which may run any code; not read")
    return _take_array(stream, dtype, shape, "F" if fortran else "C", where)


def read_npz(path, names=None):
    """The arrays of these names in a .npz file, or all.   -> {name: array}

    Raises DataError for a broken file, a name that it lacks or has twice, pickled objects, and
    members that point outside.
    """
    arrays, present = {}, npz_names(path)
    for name in present if names is None else names:
        if name not in present:
            raise DataError(f"{path}: no array {name!r}; there are {', '.join(present) or 'none'}")
        with naming(path), zipfile.ZipFile(path) as archive, archive.open(present[name]) as stream:
            arrays[name] = read_npy(stream, f"{path}, array {name!r}")
    return arrays


def npz_names(path):
    """The arrays in a .npz file.   -> {name: its member in the archive}"""
    with naming(path), zipfile.ZipFile(path) as archive:
        members = archive.namelist()
    for member in members:
        check_inside(member, path)
    names = {member.removesuffix(".npy"): member for member in members}
    if len(names) < len(members):
        raise DataError(f"{path}: two arrays have one name, among {', '.join(members)}")
    return names


def idx_source(path):
    """The pictures in an IDX file; labels and a test set are found beside it by MNIST's names."""
    test = _beside(path, ("train", "t10k")) or _beside(path, ("train", "test"))
    test = array_source(test, read_idx(test), _idx_labels(test)) if test else None
    return array_source(path, read_idx(path), _idx_labels(path), test)


def npy_picture(path):
    """One picture in a .npy file, (H, W), (H, W, C) or (C, H, W).   -> (1 or 3, H, W), its white

    The type says what is white: 255 for uint8, 65535 for uint16, else 1.
    """
    with naming(path), open(path, "rb") as file:
        array = read_npy(file, path)
    if array.ndim not in (2, 3) or array.dtype.kind not in "buf":
        raise DataError(
            f"{path}: {array.dtype} of shape {array.shape} is no picture: (H, W), (H, W, C) or "
            "(C, H, W), of type uint8, uint16, or floats in [0, 1]"
        )
    planes = _channels_first(array[None], path)[0]
    white = {1: 255, 2: 65535}.get(array.dtype.itemsize, 1) if array.dtype.kind == "u" else 1
    low, high = float(planes.min()), float(planes.max())
    if not (low >= -1e-3 and high <= white + 1e-3):
        raise DataError(f"{path}: {array.dtype} values run from {low:g} to {high:g}, not {white}")
    return on_white(planes, white), white


def npy_source(path):
    """The pictures in a .npy file."""
    with naming(path), open(path, "rb") as file:
        images = read_npy(file, path)
    return array_source(path, images)


def npz_source(path):
    """The pictures in a .npz file, with labels and a test set where the usual names hold them."""
    present = {name.lower(): name for name in npz_names(path)}

    def first(names):
        return next((present[name] for name in names if name in present), None)

    pictures = IMAGES if len(present) > 1 else present
    wanted = [first(names) for names in (pictures, LABELS, TEST_IMAGES, TEST_LABELS)]
    arrays = read_npz(path, [name for name in wanted if name is not None])
    images, labels, test, test_labels = map(arrays.get, wanted)
    if images is None:
        raise DataError(
            f"{path}: no array is called {', '.join(IMAGES[:-1])} or {IMAGES[-1]}; "
            f"there are {', '.join(present) or 'none'}"
        )
    if test is not None:
        test = array_source(f"{path}, the test set", test, test_labels)
    return array_source(path, images, labels, test)


def array_source(where, images, labels=None, test=None):
    """Pictures from an array of one of three layouts.   labels (N,) or (N, 1)"""
    images = _channels_first(images, where)                             # (N, C, H, W)
    white = white_level(images, where)
    count, channels, height, width = images.shape
    if labels is not None and labels.shape not in ((count,), (count, 1)):
        raise DataError(f"{where}: {count} pictures, but labels of shape {labels.shape}")

    def picture(i, size):
        return fit(on_white(images[i], white), size, white)

    apart = f", for the test {test.found}" if test else ""
    return Source(
        found=f"{count} pictures of {height}x{width}{apart}",
        count=count,
        picture=picture,
        side=min(height, width),
        channels=min(channels, 3),
        labels=None if labels is None else labels.reshape(count),
        test=test,
    )


def _channels_first(images, where):
    """(N, H, W), (N, H, W, C), else (N, C, H, W) -> (N, C, H, W), a view."""
    if 0 in images.shape:
        raise DataError(f"{where}: empty, of shape {images.shape}")
    if images.ndim == 3:
        return images[:, None]
    if images.ndim == 4 and images.shape[3] in (1, 3, 4):
        return np.moveaxis(images, 3, 1)
    if images.ndim == 4 and images.shape[1] in (1, 3, 4):
        return images
    raise DataError(
        f"{where}: shape {images.shape} is not that of pictures: (N, H, W), (N, H, W, C) or "
        "(N, C, H, W), where C is 1, 3 or 4"
    )


def _idx_labels(images):
    """What train-labels-idx1-ubyte holds, for train-images-idx3-ubyte beside it; or None."""
    path = _beside(images, ("images", "labels"), ("idx3", "idx1"))
    return read_idx(path) if path else None


def _beside(path, *changes):
    """The file beside path whose name has these (old, new) changes, gzipped or not; or None."""
    plain = name = path.name.removesuffix(".gz")
    for old, new in changes:
        name = name.replace(old, new)
    files = [path.with_name(name), path.with_name(name + ".gz")] if name != plain else []
    return next(filter(Path.is_file, files), None)


def _take_array(stream, dtype, shape, order, where):
    """The rest of the stream, which must be exactly an array of this type and shape."""
    size = dtype.itemsize * math.prod(shape)
    if min(shape, default=0) < 0 or size > LIMIT:
        raise DataError(f"{where}: announces shape {shape}; the limit is {LIMIT >> 30} GiB")
    data = _take(stream, size, where)
    if stream.read(1):
        raise DataError(f"{where}: goes on after the {size} bytes that shape {shape} takes")
    return np.ndarray(shape, dtype, data, order=order)


def _take(stream, count, where):
    """Exactly count bytes."""
    data = bytearray()
    while len(data) < count:
        piece = stream.read(min(count - len(data), 1 << 20))
        if not piece:
            raise DataError(f"{where}: ends early: {len(data)} bytes where {count} are announced")
        data += piece
    return data
