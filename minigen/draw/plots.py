"""Figures with axes: points by class, training curves.

Read next: style.py (fonts and colours), images.py.
"""

import json

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter

from minigen.draw.style import COLOURS, INK, PALE, as_array, new_figure, styled


@styled
def scatter(points, labels=None, classes=(), title="", axes_names=("", "")):
    """Points of the plane, coloured by class, the name of each class written on its middle.

    points: Tensor or array (N, 2). labels: (N,) whole numbers, indices into classes; None for one
    colour. classes: names; there are ten colours, which then repeat.   -> Figure
    """
    points = as_array(points)
    figure = new_figure(700, 640)
    axes = figure.add_axes((0.11, 0.08, 0.86, 0.86))
    axes.set(title=title, xlabel=axes_names[0], ylabel=axes_names[1])
    axes.grid(color=PALE, linewidth=0.6)
    axes.set_axisbelow(True)
    kinds = np.zeros(len(points), int) if labels is None else as_array(labels)
    # in random order: no class lies on top because its number is the last
    order = np.random.default_rng(0).permutation(len(points))
    colours = np.array(COLOURS)[kinds[order] % len(COLOURS)]
    axes.scatter(*points[order].T, s=9, c=colours, alpha=0.75, linewidths=0)
    for k, name in enumerate(classes):
        if (kinds == k).any():
            label = {"boxstyle": "round,pad=0.25", "facecolor": "white", "linewidth": 2,
                     "edgecolor": COLOURS[k % len(COLOURS)]}
            axes.text(*np.median(points[kinds == k], 0), name, ha="center", va="center",
                      fontsize=11, fontweight="bold", color=INK, bbox=label)
    return figure


@styled
def curves(path, title=""):
    """What a run logged, a line a term, over the steps.

    path: its metrics.jsonl. Pale: every step; strong: the mean over a fiftieth of the run. The
    scale is logarithmic where all values are positive and span more than a factor of 5.   -> Figure
    """
    with open(path, encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    names = list(dict.fromkeys(name for r in records for name in r if name != "step"))
    figure = new_figure(700, 420)
    axes = figure.add_axes((0.09, 0.13, 0.88, 0.78))
    axes.set(title=title, xlabel="step")
    axes.grid(color=PALE, linewidth=0.6)
    everything = np.array([r[name] for r in records for name in names if name in r])
    if len(everything) and everything.min() > 0 and everything.max() > 5 * everything.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    for colour, name in zip(COLOURS, names, strict=False):
        step, value = np.array([(r["step"], r[name]) for r in records if name in r]).T
        axes.plot(step, value, color=colour, alpha=0.3, linewidth=0.8)
        width = 2 * (len(value) // 100) + 1                         # odd: it has a middle
        smooth = np.convolve(value, np.ones(width) / width, "valid")
        axes.plot(step[width // 2 :][: len(smooth)], smooth, color=colour, linewidth=2, label=name)
    axes.legend(frameon=False)
    return figure
