"""Entries of embedding.cu.

Read next: embedding.cu, entry.py.
"""

import numpy as np
from minigen.kernels.entry import In, Kernel, Out, Scalar, ceil_div

CHUNK = 64  # places that are summed beforehand if they have one id, as in embedding.cu


def _grid(rows, s):
    few = 2 if s.T == "float64" else 4  # columns of a thread
    return (ceil_div(rows * ceil_div(s.width, few), 256),)


def _chunks(g, ids, order, chunks):
    sums = np.zeros((chunks, g.shape[1]))
    for chunk in range(chunks):
        places = slice(chunk * CHUNK, (chunk + 1) * CHUNK)
        if ids[places].min() == ids[places].max():
            sums[chunk] = g[order[places]].sum(0)
    return sums


def _gradient(g, ids, order, sums, rows):
    table = np.zeros((rows, g.shape[1]))
    for first in range(0, len(ids), CHUNK):
        places = slice(first, first + CHUNK)
        if first + CHUNK <= len(ids) and ids[places].min() == ids[places].max():
            table[ids[first]] += sums[first // CHUNK]
        else:
            np.add.at(table, ids[places], g[order[places]])
    return table


def _ids(rng, s):
    """Sorted ids of the table's rows (of 5, where no table is meant).

    One fills the second chunk but for its first place, the third, and the fourth but for its last.
    """
    rows = getattr(s, "rows", 5)
    often = rows // 2
    before = np.sort(rng.integers(0, max(often, 1), CHUNK + 1))
    after = np.sort(rng.integers(min(often + 1, rows - 1), rows, s.places))
    return np.concatenate([before, np.full(3 * CHUNK - 2, often), after])[: s.places]


_LOOKUPS = (
    In("g", "T", "places width"),
    In("ids", "int64", "places", draw=_ids),
    In("order", "int64", "places", draw=lambda rng, s: rng.permutation(s.places)),
)

KERNELS = (
    Kernel(
        "embedding_chunks",
        "embedding.cu",
        (*_LOOKUPS, Out("sums", "A", "chunks width"), Scalar("chunks"), Scalar("width")),
        grid=lambda s: _grid(s.chunks, s),
        block=(256,),
        reference=_chunks,
        samples=(
            {"places": 64, "chunks": 1, "width": 1},
            {"places": 331, "chunks": 5, "width": 7},
            {"places": 640, "chunks": 10, "width": 132},
        ),
        bench={"places": 32768, "chunks": 512, "width": 768},
        bytes=lambda s: s.width * (s.places * s.itemsize + s.chunks * 4) + 16 * s.places,
        flops=lambda s: s.places * s.width,
        registers=40,
    ),
    Kernel(
        "embedding_gradient",
        "embedding.cu",
        (
            *_LOOKUPS,
            In("sums", "A", "chunks width"),
            Out("table", "T", "rows width"),
            *map(Scalar, ("places", "rows", "width")),
        ),
        grid=lambda s: _grid(s.rows, s),
        block=(256,),
        reference=_gradient,
        samples=(
            {"places": 0, "chunks": 0, "rows": 3, "width": 2},
            {"places": 192, "chunks": 3, "rows": 1, "width": 1},
            {"places": 63, "chunks": 0, "rows": 70, "width": 3},
            {"places": 331, "chunks": 5, "rows": 9, "width": 7},
            {"places": 640, "chunks": 10, "rows": 6, "width": 132},
        ),
        bench={"places": 32768, "chunks": 512, "rows": 50304, "width": 768},
        bytes=lambda s: s.width * s.itemsize * (s.places + s.rows) + 16 * s.places,
        flops=lambda s: s.places * s.width,
        registers=40,
    ),
)
