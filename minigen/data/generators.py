"""The made-up pictures that `load` knows by name.

Idea: a table of what differs: the generator, the side that its pictures have where none is asked
for, the names of the classes. Generators draw (n, seed, size) and return at least `images`.
Read next: images.py, which splits them into train and test.
"""

from collections.abc import Callable
from dataclasses import dataclass

from minigen.data.digits import digits, digits_binary
from minigen.data.faces import faces
from minigen.data.landscapes import TREES, landscapes
from minigen.data.multi_sprites import multi_sprites
from minigen.data.shapes import shapes, shapes_upright
from minigen.data.stencils import GLYPHS, SHAPES


@dataclass(frozen=True)
class Maker:
    """A generator of pictures."""

    draw: Callable                      # n, seed, size -> images (n, C, size, size), and factors
    size: int                           # pixels a side, where none is asked for
    classes: tuple[str, ...] = ()       # names of what `labels` has; () where there are no labels
    either: bool = False                # takes channels=1 or 3 too: draws grey, or colour if asked


GENERATORS = {
    "digits": Maker(digits, 28, tuple("0123456789")),
    "digits_binary": Maker(digits_binary, 28, tuple("0123456789")),
    "faces": Maker(faces, 32, either=True),
    "landscapes": Maker(landscapes, 48, TREES),
    "multi_sprites": Maker(multi_sprites, 32),
    "shapes": Maker(shapes, 32, SHAPES),
    "shapes_upright": Maker(shapes_upright, 32, GLYPHS),
}
