"""Embedding: rows of a table, picked by their number.

Idea: a one-hot vector times a matrix, without the zeros. Looking rows up and adding to rows are
adjoints of each other; the row of padding is looked up, but never added to.
Read next: index.py, ../nn/embedding.py (the layer), ../backend/scatter.py (the fast sum).
"""

from functools import partial
from numbers import Integral

from minigen import backend
from minigen.backend.scatter import scattered
from minigen.ops._define import composite, primitive
from minigen.ops.gather import masked_fill
from minigen.tensor import Tensor


@primitive(
    lambda g, weight_shape, ids, padding_idx: _add_rows(g, ids, padding_idx, tuple(weight_shape))
)
def _rows(weight, ids, padding_idx):
    return weight.take(ids, 0)


def _rows_but_padding(g, ids, padding_idx):
    rows = _rows(g, ids, None)
    if padding_idx is None:
        return rows
    return masked_fill(rows, (ids == padding_idx)[..., None], 0.0)


@primitive(_rows_but_padding)
def _add_rows(g, ids, padding_idx, shape):
    """Zeros of a shape with the rows of g (*ids.shape, D) added at ids, except those of padding."""
    y = scattered(g, ids, shape)
    if padding_idx is not None:
        y[padding_idx] = 0
    return y


def _no_row(shape, table, id):
    return (
        f"embedding: x {tuple(shape)} holds id {id}; weight {tuple(table)} has rows 0 to "
        f"{table[0] - 1}"
    )


@composite
def embedding(x, weight, padding_idx=None):
    """The row of weight for each id in x.   y[...] = weight[x[...]]

    x (...) of integers in [0, V), weight (V, D) -> (..., D). The row padding_idx gets no gradient.
    IndexError for an id out of range (of ids on a GPU: when values next come to the CPU, see
    backend/bounds.py), TypeError for ids that are floats.
    """
    ids = x._data if isinstance(x, Tensor) else x
    if getattr(getattr(ids, "dtype", None), "kind", "") not in ("i", "u"):
        held = getattr(ids, "dtype", type(ids).__name__)
        swapped = getattr(getattr(weight, "dtype", None), "kind", "") in ("i", "u")
        fix = "the ids come first, then weight" if swapped else "use x.long()"
        raise TypeError(f"embedding: x must be a tensor of integers, not {held}; {fix}")
    if weight.ndim != 2:
        raise ValueError(f"embedding: weight {tuple(weight.shape)} must be a table (V, D)")
    count = weight.shape[0]
    if padding_idx is not None:
        if not isinstance(padding_idx, Integral) or not -count <= padding_idx < count:
            raise ValueError(
                f"embedding: padding_idx {padding_idx} is no row of weight {tuple(weight.shape)}"
            )
        padding_idx %= count
    backend.watch_index(ids, 0, count, partial(_no_row, ids.shape, weight.shape))
    return _rows(weight, ids, padding_idx)
