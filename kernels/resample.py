"""The entry of resample.cu.

Read next: resample.cu, entry.py.
"""

import numpy as np

from minigen.kernels.entry import In, Kernel, Out, Scalar, ceil_div

THREADS = 256


def resample(x, row_start, row, row_weight, column_start, column, column_weight):
    """x by the one matrix along its rows, by the other along its columns."""
    rows = _dense(row_start, row, row_weight, x.shape[1])
    columns = _dense(column_start, column, column_weight, x.shape[2])
    return np.einsum("ia,pab,jb->pij", rows, x, columns)


def _dense(start, column, weight, width):
    matrix = np.zeros((len(start) - 1, width))
    rows = np.arange(len(start) - 1).repeat(np.diff(start))
    np.add.at(matrix, (rows, column), weight)
    return matrix


def _start(rows, entries):
    """Draws where rows begin: the entries spread over them; some have none where there are few."""

    def draw(rng, s):
        count = getattr(s, rows)
        return np.arange(count + 1) * getattr(s, entries) // count

    return draw


def _places(size, entries):
    return lambda rng, s: rng.integers(0, getattr(s, size), getattr(s, entries))


def _sample(planes, height, width, out_height, out_width, row_entries, column_entries):
    return {
        "planes": planes,
        "height": height,
        "width": width,
        "out_height": out_height,
        "out_width": out_width,
        "row_starts": out_height + 1,
        "column_starts": out_width + 1,
        "row_entries": row_entries,
        "column_entries": column_entries,
        "count": planes * out_height * out_width,
    }


_ROWS = _start("out_height", "row_entries")
_COLUMNS = _start("out_width", "column_entries")

KERNELS = (
    Kernel(
        "resample_plane",
        "resample.cu",
        (
            In("x", "T", "planes height width"),
            In("row_start", "int32", "row_starts", draw=_ROWS),
            In("row", "int32", "row_entries", draw=_places("height", "row_entries")),
            In("row_weight", "A", "row_entries"),
            In("column_start", "int32", "column_starts", draw=_COLUMNS),
            In("column", "int32", "column_entries", draw=_places("width", "column_entries")),
            In("column_weight", "A", "column_entries"),
            Out("y", "T", "planes out_height out_width"),
            Scalar("height"),
            Scalar("width"),
            Scalar("out_height"),
            Scalar("out_width"),
            Scalar("count", "int64"),
        ),
        grid=lambda s: (ceil_div(s.count, THREADS),),
        block=(THREADS,),
        reference=resample,
        samples=(
            _sample(3, 5, 7, 9, 11, 18, 22),
            _sample(1, 4, 4, 16, 16, 16, 16),  # exactly one block
            _sample(2, 6, 5, 3, 2, 24, 7),
            _sample(1, 1, 1, 2, 3, 2, 2),  # a row of nothing
        ),
        bench=_sample(8192, 32, 32, 64, 64, 128, 128),  # bilinear, doubled
        bytes=lambda s: s.planes * s.itemsize * (s.height * s.width + s.out_height * s.out_width),
        flops=lambda s: 8 * s.count,
    ),
)
