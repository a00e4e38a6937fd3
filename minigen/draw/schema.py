"""The drawing of an auto-encoder: picture, encoder, code, decoder, picture.

Read next: style.py, ../models/autoencoders/mlp.py (the network that is drawn).
"""

import math

import numpy as np
from matplotlib.patches import FancyBboxPatch, Polygon, Rectangle

from minigen.draw.style import COLOURS, GREY, INK, as_array, as_images, new_figure, styled

ENCODER, DECODER = COLOURS[0], COLOURS[6]
WIDTH, HEIGHT = 1000, 310


@styled
def schema(sizes, image, code, reconstruction):
    """An auto-encoder at work on one picture; the height of a layer grows with the log of its size.

    sizes: of the encoder's layers, input first, code last: (784, 128, 32); the decoder mirrors it.
    image, reconstruction: (1 or 3, H, W) in [0, 1]; code: (K,); Tensors or arrays.   -> Figure
    """
    figure = new_figure(WIDTH, HEIGHT)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(0, HEIGHT))
    axes.axis("off")
    middle, side = 135, 150
    _picture(axes, image, 20, middle, side, "$x$")
    _picture(axes, reconstruction, WIDTH - 20 - side, middle, side, r"$\hat x$")

    mirrored = [*sizes, *sizes[-2::-1]]                                     # 784 128 32 128 784
    places = np.linspace(225, WIDTH - 225, len(mirrored))
    heights = [40 + 220 * math.log(size) / math.log(max(sizes)) - 80 for size in mirrored]
    bottleneck = len(sizes) - 1
    for i in range(len(mirrored) - 1):
        colour = ENCODER if i < bottleneck else DECODER
        left, right = places[i] + 9, places[i + 1] - 9
        corners = [(left, middle - heights[i] / 2), (left, middle + heights[i] / 2),
                   (right, middle + heights[i + 1] / 2), (right, middle - heights[i + 1] / 2)]
        axes.add_patch(Polygon(corners, facecolor=colour, alpha=0.18, linewidth=0))
    for i, (x, height, size) in enumerate(zip(places, heights, mirrored, strict=True)):
        axes.text(x, middle + height / 2 + 10, f"{size}", ha="center", va="bottom")
        if i == bottleneck:
            _code(axes, code, x, middle, height)
        else:
            colour = ENCODER if i < bottleneck else DECODER
            box = FancyBboxPatch((x - 5, middle - height / 2), 10, height, linewidth=0,
                                 boxstyle="round,pad=0,rounding_size=4", facecolor=colour)
            axes.add_patch(box)
    top = middle + max(heights) / 2 + 45
    for name, part, colour in (("encoder  $f$", places[: bottleneck + 1], ENCODER),
                               ("decoder  $g$", places[bottleneck:], DECODER)):
        axes.text(part.mean(), top, name, color=colour, fontsize=14, ha="center")
    axes.text(places[bottleneck], middle - heights[bottleneck] / 2 - 14, "code  $z = f(x)$",
              ha="center", va="top", fontsize=12, color=INK)
    return figure


def _picture(axes, image, left, middle, side, name):
    """A square picture with its name below."""
    extent = (left, left + side, middle - side / 2, middle + side / 2)
    axes.imshow(as_images(as_array(image)[None])[0], extent=extent, aspect="auto", zorder=3)
    axes.text(left + side / 2, middle - side / 2 - 14, name, ha="center", va="top", fontsize=14)


def _code(axes, code, x, middle, height):
    """The code as a column of cells: blue below 0, white, red above."""
    code = as_array(code)
    reach = max(abs(code).max(), 1e-12)
    extent = (x - 9, x + 9, middle - height / 2, middle + height / 2)
    axes.imshow(code[:, None], extent=extent, aspect="auto", cmap="RdBu_r", vmin=-reach, vmax=reach,
                zorder=3)
    axes.add_patch(Rectangle((x - 9, middle - height / 2), 18, height, fill=False,
                             edgecolor=GREY, linewidth=0.8, zorder=4))
