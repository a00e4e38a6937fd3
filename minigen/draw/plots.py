"""Figures with axes: points by class or value, lines, densities of numbers, training curves.

Read next: style.py (fonts, colours, panels), fields.py (what fills a plane).
"""

import json

import matplotlib
import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter

from minigen.draw.style import (
    BOTTOM,
    COLOURS,
    GREY,
    INK,
    LEFT,
    PALE,
    as_array,
    named,
    panel,
    styled,
)

FEW = 25        # points of a line up to which each is marked
SCALE = 42      # width of a scale of colours with its numbers
MAP = "viridis"  # colours of values: equal steps look equal, to colour-blind people too


@styled
def scatter(points, labels=None, classes=(), title="", axes_names=("", ""), *, values=None,
            equal=False, axes=None):
    """Points of the plane or of space, coloured by class or by a value.

    points: Tensor or array (N, 2) or (N, 3). labels: (N,) whole numbers, indices into classes; the
    name of each class is written on its middle; there are ten colours, which then repeat. values:
    (N,), in place of labels: from dark to bright, with a scale. equal: one unit is as long on
    either axis. axes: a panel, see `panels`.   -> Figure
    """
    points = as_array(points)
    if points.ndim != 2 or points.shape[1] not in (2, 3):
        raise ValueError(f"scatter: points have shape {points.shape}, not (N, 2) or (N, 3)")
    for name, given in (("labels", labels), ("values", values)):
        if given is not None and len(given) != len(points):
            raise ValueError(f"scatter: {len(given)} {name} for {len(points)} points")
    axes = panel(axes, 700, 640, title, axes_names)
    if points.shape[1] == 3:
        axes = _in_space(axes, axes_names)
    # in random order: no class lies on top because its number is the last
    order = np.random.default_rng(0).permutation(len(points))
    look = {"s": 9, "alpha": 0.75, "linewidths": 0}
    if values is None:
        kinds = np.zeros(len(points), int) if labels is None else as_array(labels)
        colours = np.array(COLOURS)[kinds[order] % len(COLOURS)]
        axes.scatter(*points[order].T, c=colours, **look)
        for k, name in enumerate(classes):
            if (kinds == k).any():
                _name(axes, np.median(points[kinds == k], 0), name, COLOURS[k % len(COLOURS)])
    else:
        dots = axes.scatter(*points[order].T, c=as_array(values)[order], cmap=MAP, **look)
        scale(axes, dots)
    if equal:
        axes.set_aspect("equal", "datalim" if points.shape[1] == 2 else None)
    return axes.figure


def _name(axes, place, name, colour):
    """A class's name in a box of its colour."""
    box = {"boxstyle": "round,pad=0.25", "facecolor": "white", "linewidth": 2, "edgecolor": colour}
    axes.text(*place, name, ha="center", va="center", fontsize=11, fontweight="bold", color=INK,
              bbox=box)


def _in_space(flat, axes_names):
    """Axes of three dimensions in the place of flat ones."""
    figure, box, title = flat.figure, flat.get_position(), flat.get_title()
    flat.remove()
    # its names stand inside of the box: it takes the room for those of flat axes too
    width, height = 100 * figure.get_size_inches()
    left, bottom = 0.9 * LEFT / width, 0.8 * BOTTOM / height
    box = (box.x0 - left, box.y0 - bottom, box.width + left, box.height + bottom)
    axes = figure.add_axes(box, projection="3d", title=title, anchor="N")
    axes.set(**{f"{which}label": name for which, name in zip("xyz", axes_names, strict=False)})
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_pane_color("white")
        axis.line.set_color(GREY)
    axes.tick_params(labelsize=8, pad=0)
    axes.zaxis.labelpad = 0
    axes.set_box_aspect(None, zoom=0.94)                # room for the name of the third axis
    return axes


def scale(axes, coloured, name=""):
    """The scale of colours at the right of a panel; `coloured` is what matplotlib drew with it."""
    box, pixel = axes.get_position(original=True), 0.01 / axes.figure.get_size_inches()[0]
    gap = 34 if axes.name == "3d" else 10               # the third axis has its name there
    room = (SCALE + gap + 18 * bool(name)) * pixel
    axes.set_position((box.x0, box.y0, box.width - room, box.height))
    pixel /= box.width - room                           # now as a part of the axes' new width
    bar = axes.figure.colorbar(coloured, cax=axes.inset_axes((1 + gap * pixel, 0, 10 * pixel, 1)))
    bar.set_label(name)
    bar.outline.set_visible(False)
    bar.solids.set(alpha=1)


@styled
def lines(curves, title="", axes_names=("", ""), *, log="", axes=None):
    """Named lines, the first on top: error against dimension, accuracy against parameters, ROC.

    curves: {name: (x, y)}, Tensors or arrays (N,); with a third, (x, y, spread), a pale band shows
    y ± spread. Up to 25 points are marked. log: "", "x", "y" or "xy", which axes are logarithmic.
    axes: a panel, see `panels`.   -> Figure
    """
    if log not in ("", "x", "y", "xy"):
        raise ValueError(f'lines: log={log!r}; it must be "", "x", "y" or "xy"')
    axes = panel(axes, 700, 420, title, axes_names)
    for i, (name, curve) in enumerate(named(curves, "lines")):
        x, y, *spread = (as_array(part) for part in curve)
        if x.shape != y.shape or x.ndim != 1:
            raise ValueError(f"lines: {name!r}: x {x.shape}, y {y.shape}; both must be (N,)")
        colour = COLOURS[i % len(COLOURS)]
        marker = "o" if len(x) <= FEW else None
        axes.plot(x, y, color=colour, linewidth=2, marker=marker, markersize=4, label=name,
                  zorder=3 - i / len(curves))           # the first lies on top
        for s in spread:
            axes.fill_between(x, y - s, y + s, color=colour, alpha=0.2, linewidth=0)
    for which in log:
        _logarithmic(axes, which)
    if any(curves):                                     # a single line may go without a name
        axes.legend(frameon=False)
    return axes.figure


def _logarithmic(axes, which):
    """A logarithmic axis, "x" or "y", its ticks written as plain numbers."""
    axes.set(**{f"{which}scale": "log"})
    axis = getattr(axes, f"{which}axis")
    low, high = axis.get_view_interval()
    if high < 1000 * low:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


@styled
def density(x, curves, samples=None, title="", axes_names=("", "density"), *, axes=None):
    """Densities of numbers, as lines over a pale histogram of samples.

    x: (N,) where they were computed; curves: {name: p(x)}, each (N,), may be empty. samples: (M,)
    that they describe, or none. axes: a panel, see `panels`.   -> Figure
    """
    if samples is not None:
        axes = panel(axes, 700, 420, title, axes_names)
        axes.hist(as_array(samples), bins=_bins(as_array(samples)), density=True, color=PALE,
                  edgecolor="white", linewidth=0.5, label="samples")
    x = as_array(x)
    curves = {name: (x, p) for name, p in named(curves, "density")}
    return lines.__wrapped__(curves, title, axes_names, axes=axes)


@styled
def histogram(samples, title="", axes_names=("", "density"), *, bins=60, axes=None):
    """Where numbers lie, several sets over each other, all in the same bins.

    samples: {name: (N,)}, Tensors or arrays of any number. Areas are 1.   -> Figure
    """
    axes = panel(axes, 700, 420, title, axes_names)
    samples = {name: as_array(values).ravel() for name, values in named(samples, "histogram")}
    low = min(values.min() for values in samples.values())
    high = max(values.max() for values in samples.values())
    for i, (name, values) in enumerate(samples.items()):
        colour = COLOURS[i % len(COLOURS)]
        axes.hist(values, bins=bins, range=(low, high), density=True, histtype="stepfilled",
                  facecolor=matplotlib.colors.to_rgba(colour, 0.3), edgecolor=colour,
                  linewidth=1.5, label=name)
    axes.legend(frameon=False)
    return axes.figure


def _bins(samples):
    """How many bins show the shape of a sample: √N, from 10 to 100."""
    return int(np.clip(np.sqrt(len(samples)), 10, 100))


@styled
def curves(path, title=""):
    """What a run logged, a line a term, over the steps.

    path: its metrics.jsonl. Pale: every step; strong: the mean over a fiftieth of the run. The
    scale is logarithmic where all values are positive and span more than a factor of 5.   -> Figure
    """
    with open(path, encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    names = list(dict.fromkeys(name for r in records for name in r if name != "step"))
    axes = panel(None, 700, 420, title, ("step", ""))
    everything = np.array([r[name] for r in records for name in names if name in r])
    for colour, name in zip(COLOURS, names, strict=False):
        step, value = np.array([(r["step"], r[name]) for r in records if name in r]).T
        axes.plot(step, value, color=colour, alpha=0.3, linewidth=0.8)
        width = 2 * (len(value) // 100) + 1                         # odd: it has a middle
        smooth = np.convolve(value, np.ones(width) / width, "valid")
        axes.plot(step[width // 2 :][: len(smooth)], smooth, color=colour, linewidth=2, label=name)
    if len(everything) and everything.min() > 0 and everything.max() > 5 * everything.min():
        _logarithmic(axes, "y")
    axes.legend(frameon=False)
    return axes.figure
