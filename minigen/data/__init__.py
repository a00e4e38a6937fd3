"""Data as plain NumPy arrays: made-up sets, a user's pictures, the order to visit them in.

Read next: toy2d.py (points), digits.py, images.py (`load`, what demos call), loader.py, augment/;
of what is made up, also shapes.py and faces.py (pictures), speechlike.py, grammar.py (text).
"""

from minigen.data import augment, toy2d
from minigen.data.anomaly import anomaly
from minigen.data.arrays import read_idx, read_npz
from minigen.data.audio import read_wav, write_wav
from minigen.data.capitals import capitals
from minigen.data.captions import captions
from minigen.data.digits import digits, digits_binary
from minigen.data.faces import faces
from minigen.data.grammar import char_corpus, grammar_text
from minigen.data.images import Images, load
from minigen.data.landscapes import landscapes
from minigen.data.loader import DataLoader, epoch_order
from minigen.data.multi_sprites import multi_sprites
from minigen.data.pictures import ImageFolder
from minigen.data.remote import download
from minigen.data.scene3d import scene3d
from minigen.data.sentences import instructions, sentiment
from minigen.data.shapes import shapes, shapes_upright
from minigen.data.source import DataError
from minigen.data.speechlike import speechlike
from minigen.data.text import read_analogies, read_documents, read_text, split_text
from minigen.data.text_overlay import text_overlay
from minigen.data.views import Views, load_views, rays, save_views

__all__ = [
    "DataError",
    "DataLoader",
    "ImageFolder",
    "Images",
    "Views",
    "anomaly",
    "augment",
    "capitals",
    "captions",
    "char_corpus",
    "digits",
    "digits_binary",
    "download",
    "epoch_order",
    "faces",
    "grammar_text",
    "instructions",
    "landscapes",
    "load",
    "load_views",
    "multi_sprites",
    "rays",
    "read_analogies",
    "read_documents",
    "read_idx",
    "read_npz",
    "read_text",
    "read_wav",
    "save_views",
    "scene3d",
    "sentiment",
    "shapes",
    "shapes_upright",
    "speechlike",
    "split_text",
    "text_overlay",
    "toy2d",
    "write_wav",
]
