"""Data as plain NumPy arrays: made-up sets, a user's pictures, the order to visit them in.

Read next: images.py (`load`, the one call that demos make), digits.py, loader.py, augment/.
"""

from minigen.data import augment
from minigen.data.arrays import read_idx, read_npz
from minigen.data.audio import read_wav, write_wav
from minigen.data.digits import digits, digits_binary
from minigen.data.images import Images, load
from minigen.data.loader import DataLoader, epoch_order
from minigen.data.pictures import ImageFolder
from minigen.data.remote import download
from minigen.data.source import DataError
from minigen.data.text import read_analogies, read_documents, read_text, split_text

__all__ = [
    "DataError",
    "DataLoader",
    "ImageFolder",
    "Images",
    "augment",
    "digits",
    "digits_binary",
    "download",
    "epoch_order",
    "load",
    "read_analogies",
    "read_documents",
    "read_idx",
    "read_npz",
    "read_text",
    "read_wav",
    "split_text",
    "write_wav",
]
