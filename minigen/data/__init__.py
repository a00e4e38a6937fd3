"""Data as plain NumPy arrays: made-up sets, a user's pictures, the order to visit them in.

Read next: images.py (`load`, the one call that demos make), digits.py, loader.py.
"""

from minigen.data.digits import digits, digits_binary
from minigen.data.images import Images, load
from minigen.data.loader import epoch_order
from minigen.data.source import DataError

__all__ = ["DataError", "Images", "digits", "digits_binary", "epoch_order", "load"]
