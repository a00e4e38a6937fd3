"""The drawing of a U-Net: the maps of each level, down one arm of the U and up the other.

Read next: style.py, ../models/autoencoders/unet.py (the network that is drawn).
"""

import math

from matplotlib.patches import Rectangle

from minigen.draw.style import COLOURS, GREY, new_figure, styled

WIDTH, HEAD, GAP, MARGIN = 1000, 16, 58, 30     # in 1/100 inch; GAP between levels
TALLEST, LEAST = 90, 12                 # height of the largest maps, and what all have at least
ARROWS = {"convolution 3 × 3, ReLU": COLOURS[0], "maximum of 2 × 2": COLOURS[2],
          "transposed convolution 2 × 2": COLOURS[6], "convolution 1 × 1": COLOURS[4],
          "skip connection": GREY}
CONVOLUTION, HALVED, DOUBLED, LAST, SKIP = ARROWS.values()


@styled
def u_schema(levels):
    """A U-Net's maps as bars, as high as their side and as wide as the log of their channels.

    levels: the (channels, side) of the maps in each, down and up again: [[(1, 28), (16, 28),
    (16, 28)], [(16, 14), ...], ..., [(32, 28), (16, 28), (16, 28), (1, 28)]]; the last has one
    more, the output. The encoder's maps, joined to the decoder's, are the pale half of a bar.
    -> Figure
    """
    deepest, largest = len(levels) // 2, levels[0][0][1]
    bottom = [HEAD]                                     # where the bars of each level stand
    for level in levels[: deepest + 1]:
        bottom.append(bottom[-1] + GAP + LEAST + TALLEST * level[0][1] / largest)
    figure = new_figure(WIDTH, bottom[-1] + 30)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(bottom[-1] + 30, 0))
    axes.axis("off")
    step = (WIDTH - 2 * MARGIN) / sum(map(len, levels))
    number, before, left = 0, None, {}
    for i, level in enumerate(levels):
        depth = min(i, 2 * deepest - i)
        for j, (channels, side) in enumerate(level):
            height = LEAST + TALLEST * side / largest
            x, width = MARGIN + (number + 0.5) * step, 2 + math.log2(channels)
            box = (x, bottom[depth + 1], width, height)
            _bar(axes, box, channels, side, i > deepest and j == 0)
            if before:
                colour = (HALVED if i <= deepest else DOUBLED) if j == 0 else CONVOLUTION
                _arrow(axes, before, box, LAST if j == 3 else colour)
            if j == 0 and i > deepest:
                _arrow(axes, left[depth], box, SKIP)
            if j == 2:
                left.setdefault(depth, box)
            before, number = box, number + 1
    _names(axes)
    return figure


def _bar(axes, box, channels, side, joined):
    """One level's maps: a bar that stands at (x, y), channels above, side below."""
    x, y, width, height = box
    corner = (x - width / 2, y - height)
    axes.add_patch(Rectangle(corner, width, height, facecolor=CONVOLUTION))
    if joined:
        axes.add_patch(Rectangle(corner, width / 2, height, facecolor="#c9def2"))
    axes.text(x, y - height - 5, f"{channels}", ha="center", va="bottom", fontsize=8)
    axes.text(x, y + 5, f"{side}²", ha="center", va="top", fontsize=8, color=GREY)


def _arrow(axes, start, end, colour):
    """From one bar to another: level if they stand level, else from foot to head or back."""
    (x0, y0, w0, h0), (x1, y1, w1, h1) = start, end
    if y0 == y1:
        middle = y1 - min(h0, h1) / 2
        ends = (x0 + w0 / 2 + 2, middle), (x1 - w1 / 2 - 2, middle)
    elif y0 < y1:
        ends = (x0 + 4, y0 + 18), (x1, y1 - h1 - 19)
    else:
        ends = (x0, y0 - h0 - 20), (x1 - 4, y1 + 18)
    axes.annotate("", ends[1], ends[0], arrowprops={
        "arrowstyle": "-|>", "color": colour, "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0})


def _names(axes):
    """What the colours of the arrows mean, in a line on top."""
    x = MARGIN
    for name, colour in ARROWS.items():
        axes.annotate("", (x + 24, 20), (x, 20), arrowprops={
            "arrowstyle": "-|>", "color": colour, "linewidth": 1.6})
        axes.text(x + 30, 20, name, va="center", fontsize=9)
        x += 66 + 6 * len(name)
