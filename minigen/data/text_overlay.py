"""Words written over pictures: what inpainting is to take off.

Idea: random words in capitals of a 5 by 7 bitmap font fill a few lines. The picture before, the
picture after and the mask of what was overwritten are all returned.
Invariant: picture i's words depend on the seed and i; its pixels, where the mask is 0, are clean's.
Read next: landscapes.py, the pictures below the words.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from minigen.data.factors import check_count, settle, streams
from minigen.data.landscapes import landscapes
from minigen.data.source import DataError

# A to M, then N to Z
FONT = """
.###. ####. .###. ####. ##### ##### .###. #...# .###. ..### #...# #.... #...#
#...# #...# #...# #...# #.... #.... #...# #...# ..#.. ...#. #..#. #.... ##.##
#...# #...# #.... #...# #.... #.... #.... #...# ..#.. ...#. #.#.. #.... #.#.#
##### ####. #.... #...# ####. ####. #.### ##### ..#.. ...#. ##... #.... #.#.#
#...# #...# #.... #...# #.... #.... #...# #...# ..#.. ...#. #.#.. #.... #...#
#...# #...# #...# #...# #.... #.... #...# #...# ..#.. #..#. #..#. #.... #...#
#...# ####. .###. ####. ##### #.... .###. #...# .###. .##.. #...# ##### #...#

#...# .###. ####. .###. ####. .#### ##### #...# #...# #...# #...# #...# #####
##..# #...# #...# #...# #...# #.... ..#.. #...# #...# #...# #...# #...# ....#
#.#.# #...# #...# #...# #...# #.... ..#.. #...# #...# #...# .#.#. .#.#. ...#.
#..## #...# ####. #...# ####. .###. ..#.. #...# #...# #.#.# ..#.. ..#.. ..#..
#...# #...# #.... #.#.# #.#.. ....# ..#.. #...# #...# #.#.# .#.#. ..#.. .#...
#...# #...# #.... #..#. #..#. ....# ..#.. #...# .#.#. ##.## #...# ..#.. #....
#...# .###. #.... .##.# #...# ####. ..#.. .###. ..#.. #...# #...# ..#.. #####
"""
LEXICON = """
A THE OF AND TO IN IT ON SKY SUN HOUSE TREE ROOF DOOR GRASS HILL LIGHT NIGHT DAY WIND RAIN SNOW BIRD
CLOUD RIVER STONE FIELD HOME GREEN BLUE RED WALK SING LOOK QUIET WARM JUMP FOX LAZY VEXED
"""
WORDS = tuple(LEXICON.split())
ADVANCE = (6, 8)        # pixels from a letter to the next, and the least from a line to the next
INKS = np.array([[0, 0, 0], [1, 1, 1], [0.9, 0.1, 0.1], [1, 0.9, 0.1]], np.float32)


@dataclass(frozen=True)
class Overlaid:
    """n pictures with words over them."""

    clean: np.ndarray       # (n, C, h, w) float32 in [0, 1]: before
    corrupted: np.ndarray   # (n, C, h, w) after
    mask: np.ndarray        # (n, 1, h, w) float32: 1 where ink is, else 0
    words: tuple            # n strings: the words written, lines apart by newlines
    ink: np.ndarray         # (n,) int64: 0 black, 1 white, 2 red, 3 yellow


def text_overlay(n, seed=0, *, images=None, size=48, lines=3, zoom=1, **factors):
    """n pictures with `lines` lines of words over them, as `Overlaid`.

    images: (n, C, h, w) in [0, 1], C 1 or 3; None draws `landscapes(n, seed, size)`. zoom: pixels
    of the picture a pixel of the font. factors: ink, one value for all or one each.
    Raises DataError where the lines do not fit, ValueError for images or factors that are wrong.
    """
    check_count("text_overlay", n, seed)
    clean = landscapes(n, seed, size).images if images is None else np.asarray(images, np.float32)
    if clean.ndim != 4 or len(clean) != n or clean.shape[1] not in (1, 3):
        raise ValueError(f"text_overlay: images has shape {clean.shape}, not ({n}, 1 or 3, h, w)")
    height, width = clean.shape[2:]
    if zoom < 1:
        raise ValueError(f"text_overlay: zoom is {zoom}; it must be 1 or more")
    room = height // lines if lines > 0 else 0
    if room < ADVANCE[1] * zoom or width < 4 * ADVANCE[0] * zoom:
        raise DataError(
            f"text_overlay: {lines} lines of words at zoom {zoom} do not fit {height}x{width} "
            f"pixels; a line takes {ADVANCE[1] * zoom}, four letters {4 * ADVANCE[0] * zoom}: take "
            "larger pictures (size), or fewer lines"
        )
    # the first two streams are those that `landscapes` uses
    *_, latent = streams("text_overlay", n, seed, 3)
    columns = width // (ADVANCE[0] * zoom)                          # letters a line
    unit = latent.random((n, 1 + lines * (3 + columns)))            # row i is for picture i
    drawn = {"ink": (unit[:, 0] * len(INKS)).astype(np.int64)}
    ink = settle("text_overlay", drawn, factors, {"ink": (0, len(INKS) - 1)})["ink"]
    mask, words = np.zeros((n, 1, height, width), np.float32), []
    for i, row in enumerate(unit[:, 1:].reshape(n, lines, -1)):
        # a line is at least half full
        said = [_words(numbers[3:], columns * (1 + numbers[2]) / 2) for numbers in row]
        words.append("\n".join(said))
        for line, (text, (down, right)) in enumerate(zip(said, row[:, :2], strict=True)):
            letters = np.kron(_letters(text), np.ones((zoom, zoom), np.float32))
            top = line * room + int(down * (room - len(letters) + 1))
            left = int(right * (width - letters.shape[1] + 1))
            mask[i, 0, top : top + len(letters), left : left + letters.shape[1]] = letters
    colour = INKS[ink][:, : clean.shape[1], None, None]
    return Overlaid(clean, np.where(mask == 1, colour, clean), mask, tuple(words), ink)


def _words(numbers, columns):
    """Random words with spaces, at most so many letters, and as many as fit."""
    text = ""
    for number in numbers:
        fits = [word for word in WORDS if len(text) + len(word) + bool(text) <= columns]
        if not fits:
            break
        text += " " * bool(text) + fits[int(number * len(fits))]
    return text


def _letters(text):
    """A line of text in pixels.   -> (7, 6 len(text) - 1) float32, 1 where ink is"""
    space = np.zeros((7, 6), np.float32)
    cells = [space if letter == " " else _font()[letter] for letter in text]
    return np.concatenate(cells, 1)[:, :-1]


@cache
def _font():
    """{letter: (7, 6) float32}, the last column empty."""
    cells = [
        [[mark == "#" for mark in row + "."] for row in rows]
        for block in FONT.strip().split("\n\n")
        for rows in zip(*(line.split() for line in block.split("\n")), strict=True)
    ]
    return dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", np.array(cells, np.float32), strict=True))
