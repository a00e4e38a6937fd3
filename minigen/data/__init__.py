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
from minigen.data.scene3d import scene3d
from minigen.data.shapes import shapes, shapes_upright
from minigen.data.source import DataError
from minigen.data.speechlike import speechlike
from minigen.data.text_overlay import text_overlay
from minigen.data.views import Views, load_views, rays, save_views

__all__ = [
    "DataError",
    "Images",
    "Views",
    "anomaly",
    "digits",
    "digits_binary",
    "epoch_order",
    "faces",
    "landscapes",
    "load",
    "load_views",
    "multi_sprites",
    "rays",
    "save_views",
    "scene3d",
    "shapes",
    "shapes_upright",
    "speechlike",
    "text_overlay",
    "toy2d",
]
