"""Figures made of pictures: a grid, labelled rows, a decoder's map, feature maps, small arrays.

Idea: many small pictures are pasted into one array and shown in one go, each pixel as a square of
whole screen pixels, never smoothed: what one sees is what the network sees.
Read next: style.py (fonts and colours), plots.py.
"""

import math

import matplotlib
import numpy as np
from scipy.stats import norm

from minigen import from_numpy, no_grad
from minigen.draw.style import as_array, as_images, new_figure, styled

WIDTH = 800         # of a figure, about, in 1/100 inch
GAP = 2             # picture pixels between pictures
LABEL = 120         # width of the column of names, in 1/100 inch
CAPTION = 20        # height of a line under a picture, in 1/100 inch
MOST_MAPS = 64      # feature maps shown of a layer


@styled
def grid(images, columns=None, captions=()):
    """Pictures side by side, row after row.

    images: Tensor or array (N, 1 or 3, H, W) in [0, 1]. columns: by default about as many as rows.
    captions: N short texts, one under each picture, or none: classes, distances.   -> Figure
    """
    pictures = as_images(images)
    if len(captions) not in (0, len(pictures)):
        raise ValueError(f"grid: {len(captions)} captions for {len(pictures)} pictures")
    columns = columns or math.ceil(math.sqrt(len(pictures)))
    zoom = _zoom(columns * (pictures.shape[2] + GAP) + GAP, WIDTH)
    high = pictures.shape[1]
    if captions:                                        # white below each, to write on
        below = math.ceil(CAPTION / zoom)
        pictures = np.pad(pictures, ((0, 0), (0, below), (0, 0), (0, 0)), constant_values=1)
    mosaic = paste(pictures, columns)
    height, width = mosaic.shape[0] * zoom, mosaic.shape[1] * zoom
    figure = new_figure(width, height)
    _show(figure, mosaic, 0, 0, zoom)
    for i, caption in enumerate(captions):
        (top, left), (cell, wide) = divmod(i, columns), pictures.shape[1:3]
        x = (GAP + left * (wide + GAP) + wide / 2) * zoom
        y = (GAP + top * (cell + GAP) + high) * zoom + CAPTION / 2
        figure.text(x / width, 1 - y / height, caption, ha="center", va="center", fontsize=9)
    return figure


@styled
def rows(**images):
    """Rows of pictures, each with its name on the left: rows(input=x, reconstruction=y).

    images: Tensors or arrays (N, 1 or 3, H, W) in [0, 1], all of one shape. Underscores in a name
    become spaces.   -> Figure
    """
    pictures = [as_images(x) for x in images.values()]
    for name, these in zip(images, pictures, strict=True):
        if these.shape != pictures[0].shape:
            raise ValueError(f"rows: {name} are {len(these)} of {these.shape[1]} × {these.shape[2]}"
                             f", {next(iter(images))} {len(pictures[0])} of {pictures[0].shape[1]} "
                             f"× {pictures[0].shape[2]}; all rows must be alike")
    mosaic = paste(np.concatenate(pictures), len(pictures[0]))
    zoom = _zoom(mosaic.shape[1], WIDTH - LABEL)
    height, width = mosaic.shape[0] * zoom, mosaic.shape[1] * zoom
    figure = new_figure(LABEL + width, height)
    _show(figure, mosaic, LABEL, 0, zoom)
    for i, name in enumerate(images):
        middle = (GAP + (i + 0.5) * (mosaic.shape[0] - GAP) / len(pictures)) * zoom
        figure.text((LABEL - 8) / (LABEL + width), 1 - middle / height, name.replace("_", " "),
                    ha="right", va="center")
    return figure


@styled
def latent_map(decoder, span=2.5, side=15, axes_names=("$z_1$", "$z_2$"), *, device="cpu"):
    """What a decoder makes of a plane of codes, each picture where its code is.

    decoder: Tensor (N, 2) -> (N, 1 or 3, H, W) in [0, 1], on the device; without gradients. Codes
    lie on a grid of side² from -span to span; span=None: at equal shares of N(0, 1), so that each
    picture stands for as many samples of the prior as any other (Kingma & Welling, Auto-encoding
    variational Bayes, 2014, figure 4). axes_names: of the two numbers.   -> Figure
    """
    share = (np.arange(side) + 0.5) / side
    steps = norm.ppf(share) if span is None else np.linspace(-span, span, side)
    codes = np.stack(np.meshgrid(steps, steps[::-1]), -1).reshape(-1, 2)    # the first row on top
    with no_grad():
        pictures = as_images(decoder(from_numpy(codes.astype(np.float32)).to(device)))
    mosaic = paste(pictures, side)
    zoom, room = _zoom(mosaic.shape[1], WIDTH), 50
    height, width = mosaic.shape[0] * zoom + room, mosaic.shape[1] * zoom + room
    figure = new_figure(width, height)
    _show(figure, mosaic, room, 0, zoom)
    high, wide = pictures.shape[1:3]
    look = {"ha": "center", "va": "center", "fontsize": 9}
    for i in {0, side // 2, side - 1}:
        number = f"{steps[i]:.3g}".replace("-", "−")
        x = room + (GAP + wide / 2 + i * (wide + GAP)) * zoom
        y = room + (GAP + high / 2 + i * (high + GAP)) * zoom
        figure.text(x / width, 34 / height, number, **look)
        figure.text(34 / width, y / height, number, rotation=90, **look)
    figure.text((room + width) / 2 / width, 12 / height, axes_names[0], **look)
    figure.text(12 / width, (room + height) / 2 / height, axes_names[1], rotation=90, **look)
    return figure


@styled
def feature_maps(image, layers):
    """What each layer of a network makes of one picture.

    image: Tensor or array (1 or 3, H, W) in [0, 1]; layers: {name: maps (C, H, W)}. All maps of a
    layer share one colour scale, from its least value to its largest; 64 are shown at most.
    -> Figure
    """
    parts = [("input", as_images(as_array(image)[None]), 1)]
    for name, maps in layers.items():
        maps = as_array(maps)
        low, high = maps.min(), maps.max()
        title = f"{name}: {len(maps)} maps of {maps.shape[1]} × {maps.shape[2]}"
        title += f", from {low:.2g} (dark) to {high:.2g} (bright)"
        if len(maps) > MOST_MAPS:
            title += f"; the first {MOST_MAPS}"
        scaled = (maps[:MOST_MAPS] - low) / max(high - low, 1e-12)
        parts.append((title, matplotlib.colormaps["magma"](scaled)[..., :3], 16))
    mosaics = [(title, paste(p, min(columns, len(p)))) for title, p, columns in parts]
    zooms = [_zoom(m.shape[1], WIDTH if i else WIDTH / 8) for i, (_, m) in enumerate(mosaics)]
    line = 30                                                       # height of a title
    sizes = [(m.shape[0] * zoom, m.shape[1] * zoom)
             for (_, m), zoom in zip(mosaics, zooms, strict=True)]
    height = sum(line + down for down, _ in sizes)
    width = max(520, 12 + max(across for _, across in sizes))       # room for the titles
    figure = new_figure(width, height)
    top = 0
    for (title, mosaic), zoom in zip(mosaics, zooms, strict=True):
        figure.text(6 / width, 1 - (top + line - 5) / height, title, va="baseline")
        _show(figure, mosaic, 6 - GAP * zoom, top + line, zoom)
        top += line + mosaic.shape[0] * zoom
    return figure


@styled
def counts(panels, title=""):
    """Small arrays as coloured cells with their numbers in them.

    panels: {name: array (H, W)}, H and W up to about 12. Each has its own colour scale, from 0 to
    its largest value.   -> Figure
    """
    side, head = 300, 80
    figure = new_figure(side * len(panels), side + head)
    figure.suptitle(title, y=1 - 16 / (side + head), fontsize=11)
    for i, (name, values) in enumerate(panels.items()):
        values = as_array(values)
        box = ((i + 0.05) / len(panels), 0.03, 0.9 / len(panels), side * 0.9 / (side + head))
        axes = figure.add_axes(box)
        axes.imshow(values, cmap="cividis", vmin=0, vmax=values.max())
        axes.set_title(name, fontsize=10)
        axes.axis("off")
        for (row, column), value in np.ndenumerate(values):
            dark = value < 0.6 * values.max()
            axes.text(column, row, f"{value:g}", ha="center", va="center", fontsize=8,
                      color="white" if dark else "black")
    return figure


def paste(pictures, columns):
    """Pictures into one, row after row, white between.   (N, H, W, 3) -> (H', W', 3)"""
    count, height, width, _ = pictures.shape
    lines = -(-count // columns)
    mosaic = np.ones((lines * (height + GAP) + GAP, columns * (width + GAP) + GAP, 3))
    for i, picture in enumerate(pictures):
        top, left = (n * (size + GAP) + GAP
                     for n, size in zip(divmod(i, columns), (height, width), strict=True))
        mosaic[top : top + height, left : left + width] = picture
    return mosaic


def _zoom(pixels, width):
    """1/100 inch per picture pixel that fills the width: halves, each one pixel of the file."""
    return max(0.5, math.floor(2 * width / pixels) / 2)


def _show(figure, mosaic, left, top, zoom):
    """The mosaic in the figure, its upper left corner at (left, top) in 1/100 inch."""
    width, height = figure.get_size_inches() * 100
    across, down = mosaic.shape[1] * zoom, mosaic.shape[0] * zoom
    axes = figure.add_axes((left / width, 1 - (top + down) / height, across / width, down / height))
    axes.imshow(mosaic, aspect="auto")
    axes.axis("off")
