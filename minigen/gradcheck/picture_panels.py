"""The three panels that a picture has for each argument: map, scatter, Taylor remainder.

Idea: one question each. *Where* is the gradient wrong: the tensor itself, each entry coloured by
its error in units of what would still be right. *How*: yours against numeric, where a factor is a
line of another slope and a wrong sign the anti-diagonal. *Is it a gradient at all*: the remainder
falls like h² if it is, like h if not.

Blue is right and orange to dark red wrong, which colour-blind people tell apart, and each kind of
point has a shape of its own.
Read next: picture.py, the page around them; picture_data.py, the arrays.
"""

import math

import numpy as np
from matplotlib.colors import LinearSegmentedColormap

INK, GREY, PALE = "#1f2430", "#7a808c", "#e6e8ec"
RIGHT, WRONG, UNDECIDED, KINK = "#2b6cb0", "#d1480f", "#8a63b5", "#1f2430"
UNSEEN, OUTSIDE = (0.91, 0.91, 0.92), (1.0, 1.0, 1.0)
CALM, ALARM = ("#c3dcf2", "#4189c7"), ("#ffb55c", "#e0570f", "#6d0d00")
LEAST = -3.0            # of the colour scale: a thousandth of the tolerance
PIXELS = 4, 24          # a cell of the map is painted at least and at most so wide
CANVAS = 800            # ... and all of them together about so wide
CELLS = 64              # most cells along a side of a tile
TILES = 36              # most tiles of a map
POINTS = 4000           # most points of a scatter
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
SHAPES = {              # verdict: marker, colour, size, in words
    "pass": ("o", RIGHT, 16, "right"),
    "undecided": ("^", UNDECIDED, 22, "undecided"),
    "fail": ("X", WRONG, 26, "wrong"),
}


def power(value, _=None):
    """10⁻³ for 0.001."""
    return "10" + str(round(math.log10(value))).translate(SUPERSCRIPTS)


# Where: the map ---------------------------------------------------------------------------------


def draw_map(axes, bar, argument):
    """The errors over the tensor, in axes; the colour scale in the narrow axes `bar`."""
    tiles = tiles_of(argument)
    most = max(2.0, math.ceil(max(t.top for t in tiles)))
    cells = math.sqrt(len(tiles) * tiles[0].values.size)
    fine = int(np.clip(CANVAS / cells, *PIXELS))
    canvas, corners = _canvas([_painted(t, most, fine) for t in tiles])
    axes.imshow(canvas, aspect="auto", interpolation="auto")
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)
    shape = argument.shape
    if len(tiles) > 1:
        for tile, (top, left) in zip(tiles, corners, strict=True):
            axes.text(left, top - 1, tile.label, fontsize=7, color=INK, va="bottom")
    else:
        _ticks(axes, shape, tiles[0], fine)
        rows, columns = tiles[0].values.shape
        axes.set_box_aspect(np.clip(1.5 * rows / columns, 0.12, 0.65))
        axes.set_anchor("NW")
    axes.set_title("error / tolerance", loc="left")
    axes.set_xlabel(_map_words(argument, tiles), fontsize=8, color=GREY)
    _scale(bar, most)


class Tile:
    """A rectangle of a tensor's last two axes: log10 of error over tolerance in each cell.

    values: (rows, columns), NaN where nothing was looked at, -inf for an error of 0; kinks and
    undecided: bool; step: entries in a cell, by axis.
    """

    def __init__(self, label, values, kinks, undecided, there, step):
        self.label, self.values, self.kinks, self.undecided = label, values, kinks, undecided
        self.there, self.step = there, step
        finite = values[np.isfinite(values)]
        self.top = min(finite.max(initial=0.0), 12.0)
        self.worst = np.nan_to_num(values, nan=-20.0, posinf=20.0, neginf=-19.0).max(initial=-20.0)


def tiles_of(argument):
    """The Tiles of an argument's map, in order; of too many the worst."""
    found, shape = argument.map, tuple(argument.shape)
    full = np.full(math.prod(shape), np.nan)
    kinks, undecided = np.zeros(full.shape, bool), np.zeros(full.shape, bool)
    with np.errstate(divide="ignore"):
        full[found.index] = np.log10(found.ratio)
    kinks[found.index] = found.kink
    undecided[found.index] = found.verdict == "undecided"
    there = np.ones(full.shape, bool)
    rows, columns = _plane(shape)
    short = math.ceil(full.size / (rows * columns)) * rows * columns - full.size
    if short:                                       # the last row of a long vector is not full
        full = np.append(full, np.full(short, np.nan))
        kinks, undecided, there = (np.append(a, np.zeros(short, bool))
                                   for a in (kinks, undecided, there))
    planes = [a.reshape(-1, rows, columns) for a in (full, kinks, undecided, there)]
    heads = shape[:-2] if len(shape) > 2 else (1,)
    tiles = []
    step = math.ceil(rows / CELLS), math.ceil(columns / CELLS)
    chosen = range(len(planes[0]))
    if len(chosen) > TILES:
        worst = np.nan_to_num(planes[0], nan=-20.0, posinf=20.0, neginf=-19.0).max((1, 2))
        chosen = sorted(np.argsort(-worst, kind="stable")[:TILES])
    for i in chosen:
        label = f"[{', '.join(map(str, np.unravel_index(i, heads)))}]" if len(shape) > 2 else ""
        values, *masks = (_blocks(a[i], step) for a in planes)
        tiles.append(Tile(label, values, *masks, step))
    return tiles


def _plane(shape):
    """Rows and columns of a tile: the last two axes; a long vector is wrapped."""
    if len(shape) >= 2:
        return shape[-2:]
    size = math.prod(shape)
    if size <= CELLS:
        return 1, size
    columns = 2 ** math.ceil(math.log2(size) / 2)
    return math.ceil(size / columns), columns


def _blocks(plane, step):
    """The largest of each block of step[0] x step[1] entries, NaN (or False) only if all are."""
    if step == (1, 1):
        return plane
    rows, columns = (math.ceil(n / s) * s for n, s in zip(plane.shape, step, strict=True))
    empty = np.nan if plane.dtype.kind == "f" else False
    padded = np.full((rows, columns), empty, plane.dtype)
    padded[: plane.shape[0], : plane.shape[1]] = plane
    blocks = padded.reshape(rows // step[0], step[0], columns // step[1], step[1])
    return np.fmax.reduce(np.fmax.reduce(blocks, 3), 1)


def _painted(tile, most, fine):
    """A tile as colours, (rows * fine, columns * fine, 3), kinks hatched."""
    right = LinearSegmentedColormap.from_list("right", CALM)
    wrong = LinearSegmentedColormap.from_list("wrong", ALARM)
    value = np.clip(np.nan_to_num(tile.values, nan=0.0), LEAST, most)
    colours = np.where((value > 0)[..., None], wrong(value / most)[..., :3],
                       right(1 - value / LEAST)[..., :3])
    colours[tile.undecided] = (0.54, 0.39, 0.71)
    colours[np.isnan(tile.values)] = UNSEEN
    colours[~tile.there] = OUTSIDE
    large = colours.repeat(fine, 0).repeat(fine, 1)
    rows, columns = np.indices(large.shape[:2])
    period = max(4, fine // 3)
    stripes = (rows + columns) % period < max(1, period // 4)
    large[stripes & tile.kinks.repeat(fine, 0).repeat(fine, 1)] = (0.12, 0.14, 0.19)
    if fine == PIXELS[1]:                           # few cells: thin lines between them
        large[fine - 1 :: fine] = large[:, fine - 1 :: fine] = OUTSIDE
    return large


def _canvas(painted):
    """All tiles on one canvas, and (top, left) of each."""
    height, width = painted[0].shape[:2]
    if len(painted) == 1:
        return painted[0], [(0, 0)]
    columns = max(1, round(math.sqrt(len(painted) * height / width * 1.3)))
    columns = min(len(painted), columns)
    rows = math.ceil(len(painted) / columns)
    # a label needs a seventh of a tile, or of the panel's height by the number of rows
    above, beside = max(8, round(height * (0.10 + 0.06 * rows))), max(2, width // 16)
    canvas = np.ones((rows * (height + above), columns * (width + beside), 3))
    corners = []
    for i, one in enumerate(painted):
        top, left = i // columns * (height + above) + above, i % columns * (width + beside)
        canvas[top : top + height, left : left + width] = one
        corners.append((top, left))
    return canvas, corners


def _ticks(axes, shape, tile, fine):
    """Indices of rows and columns at a few cells."""
    rows, columns = tile.values.shape
    wrapped = len(shape) == 1 and rows > 1
    down = tile.step[0] * (columns * tile.step[1] if wrapped else 1)
    for axis, cells, each in ((axes.xaxis, columns, tile.step[1]), (axes.yaxis, rows, down)):
        every = max(1, math.ceil(cells / 8))
        at = np.arange(0, cells, every)
        axis.set_ticks((at + 0.5) * fine - 0.5, [str(i * each) for i in at])
    axes.tick_params(length=0, labelsize=8)
    if len(shape) < 2 and not wrapped:
        axes.set_yticks([])
    if not shape:
        axes.set_xticks([])


def _map_words(argument, tiles):
    """What the map shows, below it."""
    total, found = math.prod(argument.shape), argument.map
    words = []
    if len(argument.shape) > 2:
        count = math.prod(argument.shape[:-2])
        shown = f"the worst {len(tiles)} of {count}" if count > len(tiles) else f"{count}"
        down, right = len(argument.shape) - 2, len(argument.shape) - 1
        words.append(f"{shown} tiles, ↓ axis {down}, → axis {right}")
    elif len(argument.shape) == 2:
        words.append("↓ axis 0, → axis 1")
    elif total > CELLS:
        words.append(f"wrapped: {tiles[0].values.shape[1] * tiles[0].step[1]} entries a row")
    if tiles[0].step != (1, 1):
        words.append("a cell: the worst of {}×{} entries".format(*tiles[0].step))
    if len(found.index) < total:
        words.append(f"grey: not looked at ({total - len(found.index):,} of {total:,})")
    if found.kink.any():
        words.append(f"hatched: at a kink ({found.kink.sum()})")
    if (found.verdict == "undecided").any():
        words.append("violet: undecided")
    half = (len(words) + 1) // 2
    return "\n".join("; ".join(part) for part in (words[:half], words[half:]) if part)


def _scale(bar, most):
    """The colour scale: blue up to the tolerance, then orange to dark red."""
    right = LinearSegmentedColormap.from_list("right", CALM)
    wrong = LinearSegmentedColormap.from_list("wrong", ALARM)
    value = np.linspace(most, LEAST, 240)
    colours = np.where((value > 0)[:, None], wrong(value / most)[:, :3],
                       right(1 - value / LEAST)[:, :3])
    bar.imshow(colours[:, None], aspect="auto", extent=(0, 1, LEAST, most))
    bar.axhline(0, color=INK, linewidth=1)
    every = max(1, math.ceil((most - LEAST) / 6))
    ticks = [t for t in range(int(LEAST), int(most) + 1) if t % every == 0]
    bar.set(xticks=[])
    bar.yaxis.tick_right()
    bar.set_yticks(ticks, [power(10.0**t) if t else "1: tolerance" for t in ticks], fontsize=7)
    bar.tick_params(length=2)


# How: yours against numeric ---------------------------------------------------------------------


def draw_scatter(axes, argument):
    """Yours against numeric, with the line of equality and, if there is one, another line."""
    found = argument.map
    finite = np.isfinite(found.yours) & np.isfinite(found.numeric)
    chosen = _thinned(found, finite)
    limit = np.abs(np.concatenate([found.yours[finite], found.numeric[finite]])).max(initial=0)
    limit = 1.12 * (limit or 1.0)
    axes.axhline(0, color=PALE, linewidth=0.8, zorder=0)
    axes.axvline(0, color=PALE, linewidth=0.8, zorder=0)
    axes.plot([-limit, limit], [-limit, limit], color=GREY, linewidth=1.2, label="equal", zorder=1)
    factor = factor_of(found)
    if factor is not None:
        ends = np.array([-limit, limit]) / max(1.0, abs(factor))
        axes.plot(ends, factor * ends, color=WRONG, linewidth=1, linestyle="--", zorder=1,
                  label=f"yours = {factor:.4g} × numeric".replace("-", "−"))
    for verdict, (marker, colour, size, words) in SHAPES.items():
        here = chosen & (found.verdict == verdict)
        if here.any():
            axes.scatter(found.numeric[here], found.yours[here], s=size, marker=marker, c=colour,
                         alpha=0.75, linewidths=0, label=words, zorder=3)
    kinks = chosen & found.kink
    if kinks.any():
        ends = np.stack([found.low[kinks], found.high[kinks], np.full(kinks.sum(), np.nan)], 1)
        axes.plot(ends.ravel(), found.yours[kinks].repeat(3), color=KINK, linewidth=1.2, zorder=2,
                  label="kink: all of the bar is right")
    axes.set(xlim=(-limit, limit), ylim=(-limit, limit), xlabel="numeric", ylabel="yours")
    axes.set_title("yours against numeric", loc="left")
    axes.ticklabel_format(scilimits=(-3, 4), useMathText=False)
    axes.legend(frameon=True, framealpha=0.7, edgecolor="none", fontsize=7, loc="best")
    lost = int((~finite).sum())
    if lost:
        axes.text(0.98, 0.02, f"{lost} not finite, not shown", transform=axes.transAxes,
                  ha="right", fontsize=8, color=WRONG)


def factor_of(found):
    """c if yours = c × numeric at all entries (two or more) to a millionth, and c is not 1."""
    finite = np.isfinite(found.yours) & np.isfinite(found.numeric) & ~found.kink
    a, n = found.yours[finite], found.numeric[finite]
    if len(a) < 2 or not (found.verdict == "fail").any() or not n.any() or not a.any():
        return None
    c = (a @ n) / (n @ n)
    close = np.linalg.norm(a - c * n) < 1e-6 * np.linalg.norm(a)
    return float(c) if close and abs(c - 1) > 1e-6 else None


def _thinned(found, finite):
    """Of very many points the wrong ones first, at most POINTS in all."""
    order = np.argsort(found.verdict != "fail", kind="stable")
    order = order[finite[order]]
    chosen = np.zeros(finite.shape, bool)
    chosen[order[:: max(1, math.ceil(len(order) / POINTS))]] = True
    return chosen


# Is it a gradient: the Taylor remainder ----------------------------------------------------------


def draw_remainder(axes, argument):
    """The remainders against the step, with lines of slopes 1 and 2."""
    taylor = argument.map.taylor
    axes.set_title("what is left after a step of size h", loc="left")
    if taylor is None:
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, "not measured: forward is too slow,\nor no entry is smooth",
                  transform=axes.transAxes, ha="center", va="center", color=GREY)
        return
    h, floor = taylor.steps, max(taylor.rounding, 1e-300)
    shown = np.concatenate([taylor.yours, taylor.numeric])
    shown = shown[np.isfinite(shown) & (shown > 0)]
    bottom, start = floor / 30, shown.max(initial=10 * floor)
    top = max(start, 1e6 * floor)
    top *= (top / bottom) ** 0.45           # room for the legend
    linear = start < 1e4 * floor
    if linear:
        axes.text(0.5, 0.45, "f is (almost) linear along d: what is left is rounding", color=GREY,
                  fontsize=8, transform=axes.transAxes, ha="center")
    for order, style in ((1, "-."), (2, ":")) if not linear else ():
        line = 2 * start * (h / h[0]) ** order
        axes.plot(h, line, color=GREY, linewidth=1, linestyle=style, label=f"slope {order}")
    axes.plot(h, np.maximum(taylor.numeric, 1.5 * bottom), color=RIGHT, marker="s", markersize=4,
              linewidth=1.2, label="with the numeric gradient")
    wrong = argument.verdict == "fail"
    axes.plot(h, np.maximum(taylor.yours, 1.5 * bottom), color=WRONG if wrong else INK, marker="o",
              markersize=5, fillstyle="none", linewidth=1.2, label="with yours")
    axes.axhspan(bottom, floor, color=PALE, zorder=0, linewidth=0)
    if not linear:
        axes.text(h[0], 1.3 * floor, "rounding of f", fontsize=7, color=GREY, ha="right")
    axes.set(xscale="log", yscale="log", ylim=(bottom, top), xlabel="h, in units of x",
             ylabel="|f(x + hd) − f(x) − h g·d|")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(power)
        axis.set_minor_formatter("")
    axes.legend(frameon=True, framealpha=0.7, edgecolor="none", fontsize=7, loc="upper left")
