"""The data sets that everybody compares with, fetched once and kept.

Idea: a file is known by its checksum, not by where it came from: any mirror will do, and so will a
copy that was put into the folder by hand. What is in the folder already is not fetched again, and
then neither a network nor pooch is needed.
Source: file names, mirrors and checksums are those of the data sets' own pages and of torchvision.
Read next: images.py (`load("mnist")` comes here), arrays.py and cifar.py, which read the files.
"""

import hashlib
import sys
from dataclasses import dataclass

from minigen.data.source import DataError, naming
from minigen.environment import cache_folder

TIMEOUT = 30            # seconds without a byte, after which the next mirror is tried
MNIST_FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


@dataclass(frozen=True)
class Remote:
    """A data set somewhere else. The first file is the one to open."""

    files: dict[str, str]           # name: MD5, as the authors publish it
    mirrors: tuple[str, ...]        # folders that hold all of them, the likeliest first
    classes: tuple[str, ...] = ()   # in order of label, where the files do not name them


def _mnist(mirrors, checksums, classes=""):
    files = dict(zip(MNIST_FILES, checksums.split(), strict=True))
    return Remote(files, mirrors, tuple(classes.split(", ")) if classes else ())


REMOTE = {
    "mnist": _mnist(
        ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"),
        """
        f68b3c2dcbeaaa9fbdd348bbdeb94873
        d53e105ee54ea40749a09fcbcd1e9432
        9fb629c4189551a2d022fa330f9573f3
        ec29112dd5afa0611ce80d1b7f02629c
        """,
    ),
    "fashion_mnist": _mnist(
        ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
        """
        8d4fb7e6c68d591d4c3dfef9ec88bf0d
        25c81989df183df01b3e8a0aad5dffbe
        bef4ecab320f06d8554ea6380940ec79
        bb300cfdad3c16e7a12a480ee83cd310
        """,
        "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot",
    ),
    "kmnist": _mnist(
        ("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
        """
        bdb82020997e1d708af4cf47b453dcf7
        e144d726b3acfaa3e44228e80efcd344
        5c965bf0a639b31b8f53240b1b52f4d7
        7320c461ea6c1c855c0b718fb2a4b134
        """,
        "o, ki, su, tsu, na, ha, ma, ya, re, wo",
    ),
    "cifar10": Remote(
        {"cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530"},
        ("https://www.cs.toronto.edu/~kriz/",),
    ),
    "cifar100": Remote(
        {"cifar-100-binary.tar.gz": "03b5dce01913d631647c71ecec9e9cb8"},
        ("https://www.cs.toronto.edu/~kriz/",),
    ),
}


def download(name):
    """Fetch a data set, unless it is here already.   -> path of the file to open

    name: a key of REMOTE. The folder is the cache's: MINIGEN_CACHE, or the platform's usual place.
    Raises DataError for a file that no mirror gives, saying what to put where by hand.
    """
    if name not in REMOTE:
        raise ValueError(f"download: no data set {name!r}; there are {', '.join(REMOTE)}")
    remote, folder = REMOTE[name], cache_folder() / name
    for file, checksum in remote.files.items():
        if not (folder / file).is_file() or _md5(folder / file) != checksum:
            _fetch(name, file, folder)
    return folder / next(iter(remote.files))


def _fetch(name, file, folder):
    """One file from the first mirror that gives it whole."""
    remote, reasons = REMOTE[name], []
    there = " (the one there has another checksum)" if (folder / file).exists() else ""
    try:
        import pooch
    except ImportError:
        reasons.append("pooch is not installed: pip install pooch")
    else:
        for mirror in remote.mirrors:
            try:
                pooch.retrieve(
                    mirror + file, f"md5:{remote.files[file]}", file, folder,
                    downloader=pooch.HTTPDownloader(sys.stderr.isatty(), timeout=TIMEOUT),
                )
                return
            except Exception as error:      # of the network, the server, the disk, the checksum
                reasons.append(f"{mirror} {_words(error)}")
    raise DataError(
        f"{name}: {file} cannot be fetched: {'; '.join(reasons)}. By hand: put "
        f"{', '.join(remote.files)} of {remote.mirrors[0]} into {folder}{there}"
    )


def _words(error):
    """Why a mirror failed, without the pages that network libraries write about it."""
    if isinstance(error, ValueError):
        return "sends a file with another checksum"
    status = getattr(getattr(error, "response", None), "status_code", None)
    more = status or getattr(error, "strerror", None)
    return f"fails: {type(error).__name__}{f' {more}' if more else ''}"


def _md5(path):
    with naming(path), open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
