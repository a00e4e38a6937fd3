"""How every figure looks: fonts, colours, sizes.

Idea: figures are matplotlib `Figure` objects, made without pyplot: no window, no global list of
open figures, nothing to close, and safe in any thread. Text is in DejaVu Sans, which comes with
matplotlib, so that a figure is the same on every machine. Sizes are in CSS pixels of 1/100 inch;
a picture is written with twice as many, so that it is sharp on paper and on dense screens.
What has axes makes a figure of its own, or draws into a panel of a figure that `panels` made; what
a plot lacks, matplotlib's methods of the panel add.
Read next: images.py, plots.py, fields.py, schema.py.
"""

import functools
import math
from collections.abc import Mapping

import numpy as np
from matplotlib import style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from minigen import Tensor
from minigen.backend import to_numpy

LEFT, RIGHT, BOTTOM, TOP = 66, 20, 54, 36      # of a panel, around its axes; TITLE above all
TITLE = 34

INK, GREY, PALE = "#1f2430", "#7a808c", "#e6e8ec"

# ten colours that colour-blind people tell apart, and that differ in lightness too
# (Petroff, Accessible Color Sequences for Data Visualization, 2021)
COLOURS = ("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
           "#a96b59", "#e76300", "#717581", "#92dadd", "#b9ac70")

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "mathtext.fontset": "dejavusans",
    "text.color": INK,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.labelsize": 10,
    "axes.titlesize": 11,
    "axes.linewidth": 0.8,
    "grid.color": PALE,
    "grid.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "image.interpolation": "nearest",
    "savefig.bbox": None,
}


def styled(draw):
    """Decorator: the function draws in our style, whatever the user's own settings are."""

    @functools.wraps(draw)
    def wrapped(*args, **kwargs):
        with style.context(["default", STYLE]):
            return draw(*args, **kwargs)

    return wrapped


def new_figure(width, height):
    """An empty Figure of width by height pixels of 1/100 inch, written at 200 dots an inch."""
    figure = Figure(figsize=(width / 100, height / 100), dpi=200, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


@styled
def panels(count, columns=None, width=380, height=360, title=""):
    """A figure of several panels, to be filled by functions that take `axes`.

    columns: panels in a row; by default up to four. width, height: of one panel with its names, in
    1/100 inch.   -> Figure, list of `count` axes, row after row

        figure, (left, right) = draw.panels(2)
        draw.scatter(pca, labels, title="PCA", axes=left)
        draw.scatter(tsne, labels, title="t-SNE", axes=right)
    """
    columns = columns or min(count, 4)
    lines, head = math.ceil(count / columns), TITLE if title else 0
    total = (columns * width, lines * height + head)
    figure = new_figure(*total)
    if title:
        figure.suptitle(title, y=1 - 0.5 * head / total[1], va="center", fontsize=13)
    across, down = (width - LEFT - RIGHT) / total[0], (height - BOTTOM - TOP) / total[1]
    axes = []
    for line, column in (divmod(i, columns) for i in range(count)):
        left, below = LEFT + column * width, head + (line + 1) * height - BOTTOM
        axes.append(figure.add_axes((left / total[0], 1 - below / total[1], across, down)))
    return figure, axes


def panel(axes, width, height, title, axes_names):
    """The given axes, or those of a new figure of this size, with a title, names and pale lines."""
    if axes is None:
        _, (axes,) = panels(1, width=width, height=height)
    axes.set(title=title, xlabel=axes_names[0], ylabel=axes_names[1])
    axes.grid()
    axes.set_axisbelow(True)
    return axes


def as_images(images):
    """Tensor or array (N, C, H, W), grey or colour, in [0, 1] -> array (N, H, W, 3), clipped."""
    images = as_array(images)
    if images.dtype.kind in "iu" and images.max(initial=0) > 1:
        raise ValueError(f"draw: images are {images.dtype} to {images.max()}; divide by 255 first")
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ValueError(f"draw: images have shape {images.shape}, not (N, 1 or 3, H, W)")
    images = np.clip(images.transpose(0, 2, 3, 1), 0, 1)
    return np.broadcast_to(images, (*images.shape[:3], 3))


def named(values, who):
    """The (name, values) of a dict. TypeError, naming the function, for anything else."""
    if not isinstance(values, Mapping):
        kind = type(values).__name__
        raise TypeError(f"{who}: expected a dict from names to values, got {kind}")
    return values.items()


def as_array(values):
    """A Tensor or array, on any device, as a NumPy array."""
    return to_numpy(values.data if isinstance(values, Tensor) else values)
