"""What fills a plane: densities, regions of classes, vector fields.

Idea: a function of the plane is shown on a grid of points, `plane(extent)`, and the data on top.
Extents are (left, right, bottom, top). Read next: style.py (panels), plots.py.
"""

import numpy as np
from matplotlib.colors import ListedColormap, to_rgb
from scipy.ndimage import gaussian_filter

from minigen.draw.plots import MAP, scale
from minigen.draw.style import COLOURS, GREY, INK, as_array, panel, styled

SIDE = 300      # points of a grid along each axis, for pictures
DOTS = {"s": 7, "color": INK, "alpha": 0.5, "linewidths": 0}


def plane(extent, side=20):
    """The middles of side × side equal cells of a rectangle, row after row from the bottom.

    extent: (left, right, bottom, top).   -> (side², 2) float64
    """
    if np.shape(extent) != (4,):
        raise ValueError(f"draw: extent is {extent!r}, not (left, right, bottom, top)")
    left, right, bottom, top = extent
    steps = (np.arange(side) + 0.5) / side
    x, y = left + (right - left) * steps, bottom + (top - bottom) * steps
    return np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)


def _on_plane(function, extent, name):
    """The function's values on a fine grid.   -> (SIDE, SIDE), the lowest row first"""
    values = as_array(function(plane(extent, SIDE)))
    if values.size != SIDE**2:
        raise ValueError(f"{name}: for points (N, 2) the function gave {values.shape} values, "
                         "not one for each of the N")
    return values.reshape(SIDE, SIDE)


@styled
def density_map(function, extent, points=None, title="", axes_names=("", ""), *, axes=None):
    """A function of the plane by colour, the darker the higher, with ten lines of equal value.

    function: (N, 2) array -> (N,), a density for example. points: (M, 2) shown on it, or none.
    axes: a panel, see `panels`.   -> Figure
    """
    values = _on_plane(function, extent, "density_map")
    axes = _flat(axes, extent, title, axes_names)
    image = axes.imshow(values, cmap="Blues", extent=extent, origin="lower", aspect="auto",
                        interpolation="bilinear")
    if values.min() < values.max():
        axes.contour(values, 10, extent=extent, origin="lower", colors=GREY, linewidths=0.5)
    if points is not None:
        axes.scatter(*as_array(points).T, **DOTS | {"color": COLOURS[6]})
    scale(axes, image)
    return axes.figure


@styled
def regions(function, extent, points=None, labels=None, title="", axes_names=("", ""), *,
            axes=None):
    """Which class each place of the plane belongs to: cells of clusters, borders of a classifier.

    function: (N, 2) array -> (N,) whole numbers from 0. points: (M, 2), in the colours of their
    labels (M,), or in ink. axes: a panel, see `panels`.   -> Figure
    """
    kinds = _on_plane(function, extent, "regions").astype(int) % len(COLOURS)
    axes = _flat(axes, extent, title, axes_names)
    pale = ListedColormap([0.25 * np.array(to_rgb(c)) + 0.75 for c in COLOURS])
    axes.imshow(kinds, cmap=pale, vmin=-0.5, vmax=len(COLOURS) - 0.5, extent=extent,
                origin="lower", aspect="auto")
    for kind in np.unique(kinds):
        border = gaussian_filter((kinds == kind).astype(float), 1)  # no stairs from cell to cell
        axes.contour(border, [0.5], extent=extent, origin="lower", colors=GREY,
                     linewidths=0.8)
    if points is not None:
        look = DOTS if labels is None else DOTS | {
            "color": np.array(COLOURS)[as_array(labels) % len(COLOURS)], "alpha": 0.9}
        axes.scatter(*as_array(points).T, **look)
    return axes.figure


@styled
def quiver(points, vectors, extent=None, title="", axes_names=("", ""), *, background=None,
           axes=None):
    """A vector at each of some points, as an arrow; the brighter, the longer the vector is.

    points, vectors: Tensors or arrays (N, 2); for a field take points from `plane`. Arrows are as
    long as their vectors where these fit, and all shrunk by one factor otherwise. extent: what is
    shown, by default where the points are. background: (M, 2) points in grey, such as the data.
    axes: a panel, see `panels`.   -> Figure
    """
    points, vectors = as_array(points), as_array(vectors)
    if points.shape != vectors.shape or points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"quiver: points {points.shape}, vectors {vectors.shape}; both must be "
                         "(N, 2)")
    low, high = points.min(0), points.max(0)
    margin = 0.05 * (high - low).max()
    axes = _flat(axes, extent or (low[0] - margin, high[0] + margin, low[1] - margin,
                                  high[1] + margin), title, axes_names)
    if background is not None:
        axes.scatter(*as_array(background).T, s=7, color=GREY, alpha=0.35, linewidths=0)
    length = np.linalg.norm(vectors, axis=1)
    spacing = (high - low).max() / max(np.sqrt(len(points)) - 1, 1)
    shrink = max(1, length.max() / (1.5 * spacing))
    arrows = axes.quiver(*points.T, *(vectors / shrink).T, length, cmap=MAP, angles="xy",
                         scale_units="xy", scale=1, width=0.004)
    scale(axes, arrows, "length")
    return axes.figure


def _flat(axes, extent, title, axes_names):
    """A panel that shows the extent, one unit as long on either axis, without lines."""
    axes = panel(axes, 700, 640, title, axes_names)
    axes.grid(visible=False)
    axes.set(xlim=extent[:2], ylim=extent[2:])
    axes.set_aspect("equal", anchor="N")                # titles of neighbours in one line
    return axes
