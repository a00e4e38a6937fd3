"""Adding to rows that repeat, on a device; see ../scatter.py, and kernels/embedding.cu.

Idea: sorted by where they go, the values of one row stand together, and each row of the result is
one sum, always in the same order. Adding with atomics, as CuPy does, takes them as they come.
Read next: ../scatter.py.
"""

from minigen.backend import array_module
from minigen.backend.kernels import launch
from minigen.kernels.embedding import CHUNK


def summed_rows(values, rows, count):
    """(count, D), whose row r is the sum of those values (n, D) that have rows[i] = r."""
    order = array_module(rows).argsort(rows)
    ids = rows[order]
    sums = launch("embedding_chunks", values, ids, order, chunks=len(rows) // CHUNK)
    return launch("embedding_gradient", values, ids, order, sums, rows=count)
