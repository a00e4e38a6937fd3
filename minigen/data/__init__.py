"""Data as plain NumPy arrays: made-up sets, a user's pictures, the order to visit them in.

Read next: toy2d.py (points), digits.py, images.py (`load`, what demos call), loader.py.
"""

from minigen.data import toy2d
from minigen.data.anomaly import anomaly
from minigen.data.digits import digits, digits_binary
from minigen.data.faces import faces
from minigen.data.images import Images, load
from minigen.data.landscapes import landscapes
from minigen.data.loader import epoch_order
from minigen.data.multi_sprites import multi_sprites
from minigen.data.shapes import shapes, shapes_upright
from minigen.data.source import DataError
from minigen.data.speechlike import speechlike
from minigen.data.text_overlay import text_overlay

__all__ = [
    "DataError",
    "Images",
    "anomaly",
    "digits",
    "digits_binary",
    "epoch_order",
    "faces",
    "landscapes",
    "load",
    "multi_sprites",
    "shapes",
    "shapes_upright",
    "speechlike",
    "text_overlay",
    "toy2d",
]
