"""A picture of a report: a row for each argument, of its map, its scatter, its Taylor remainder.

Idea: matplotlib `Figure` objects made without pyplot: no window, no global state. matplotlib is
imported when a picture is drawn, and not before.
Invariants: a file is there whole or not at all; a label is text, never markup or mathematics.
Read next: picture_panels.py (the panels), picture_data.py (the arrays they show).
"""

import base64
import io
import math
import re
import warnings
from pathlib import Path

from minigen.gradcheck import report_json
from minigen.gradcheck import report_text as words

ROWS = 4                # arguments of a picture, failing ones first
FEWER = 2               # ... and in a notebook
WIDTH, HEIGHT = 13.5, 3.5       # inches: of the page, of a row
HEAD = 0.5
ORDER = ("fail", "undecided", "pass")
COLOURS = {"fail": "#b3390a", "undecided": "#6d4a97", "pass": "#1f2430"}
DENSE, INLINE = 110, 72         # dots an inch, in a file and in a notebook
LARGEST = 400_000               # bytes of a picture in a notebook
LONGEST = 80                    # characters of a pair's name in that of a file
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.parse_math": False,   # a homework's names may hold a $
    "axes.formatter.use_mathtext": False,
    "axes.titlesize": 10,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#7a808c",
    "text.color": "#1f2430",
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
}


def png(report, dense=DENSE, most=ROWS):
    """The picture of a report as PNG bytes; None if no argument has anything to be drawn.

    dense: dots an inch; most: arguments that are drawn.
    """
    shown = _shown(report)[:most]
    if not shown:
        return None
    from matplotlib import style  # the rest of a check needs no matplotlib

    stream = io.BytesIO()
    with style.context(["default", STYLE]), warnings.catch_warnings():
        warnings.simplefilter("ignore")         # a font lacks a letter: a box stands for it
        _figure(report, shown).savefig(stream, format="png", dpi=dense)
    return stream.getvalue()


def write(report, folder, name):
    """Draw a report into the file `name` of a folder; its path, or None if nothing was drawn.

    Raises OSError where the file cannot be made.
    """
    picture = png(report)
    if picture is None:
        return None
    path = Path(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    report_json.replace(path, picture)
    return str(path)


def file_name(file, pair, taken):
    """`<stem of file>-<pair>.png`, with a number where that name is taken; adds it to `taken`."""
    plain = [re.sub(r"[^\w.-]+", "_", part)[:LONGEST] for part in (Path(file).stem, pair)]
    stem, number = "-".join(plain), 1
    name = f"{stem}.png"
    while name.casefold() in taken:     # some systems take A.png and a.png as one
        number += 1
        name = f"{stem}-{number}.png"
    taken.add(name.casefold())
    return name


def inline(report):
    """An <img> with the picture inside it, or "" if there is none or it would be too large."""
    picture = png(report, INLINE, FEWER)
    if picture is None or len(picture) > LARGEST:
        return ""
    data = base64.b64encode(picture).decode("ascii")
    about = "map of the error, yours against numeric, Taylor remainder"
    return f'<img alt="{about}" style="max-width:100%" src="data:image/png;base64,{data}">'


def _shown(report):
    """The arguments that are drawn, failing ones first."""
    drawable = [a for a in report.arguments if a.map is not None and len(a.map.index)]
    return sorted(drawable, key=lambda a: ORDER.index(a.verdict))


def _figure(report, shown):
    """The page: a heading, and a row for each argument."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from minigen.gradcheck.picture_panels import draw_map, draw_remainder, draw_scatter

    height = HEAD + HEIGHT * len(shown)
    figure = Figure(figsize=(WIDTH, height), facecolor="white")
    FigureCanvasAgg(figure)
    head = words.clean(f"{report.name}: {words.WORDS[report.verdict]}")
    figure.text(0.02, 1 - 0.32 / height, words.cut(head, 100), fontsize=14, fontweight="bold")
    left = len(report.arguments) - len(shown)
    if left:
        figure.text(0.98, 1 - 0.32 / height, f"{left} more arguments are not drawn", ha="right")

    for row, argument in enumerate(shown):
        top = HEAD + row * HEIGHT           # inches from above

        def place(x, width, top=top):
            return figure.add_axes((x, 1 - (top + 2.9) / height, width, 2.2 / height))

        figure.text(0.02, 1 - (top + 0.25) / height, _about(argument), fontsize=11,
                    color=COLOURS[argument.verdict])
        draw_map(place(0.045, 0.235), place(0.287, 0.011), argument)
        draw_scatter(place(0.42, 0.23), argument)
        draw_remainder(place(0.735, 0.25), argument)
    return figure


def _about(argument):
    """The line above a row: which gradient, its shape, its verdict, what was looked at."""
    name = words.cut(words.gradient_of(argument.name), 40)
    total = math.prod(argument.shape)
    looked = f"{argument.wrong:,} wrong of {argument.checked:,} looked at, {total:,} in all"
    return f"{name} {tuple(argument.shape)}: {words.WORDS[argument.verdict]}; {looked}"
