"""Normalisation on a device; see ../norm.py for what the functions mean, and kernels/layer_norm.cu,
group_norm.cu and batch_norm.cu for how it is done.

Idea: x may have 16 bits, and keeps them; its parameters and all statistics are in the type in which
kernels accumulate. Of a norm's forward only means and inverse standard deviations stay, per row,
group or channel.
Read next: ../norm.py.
"""

from minigen.backend import byte_range
from minigen.backend.kernels import dtype_of, launch
from minigen.kernels.entry import ceil_div
from minigen.kernels.layer_norm import HELD, team


def _accumulated(x, *arrays):
    """The arrays in the dtype in which a kernel for x accumulates; None stays None."""
    dtype = dtype_of("A", x.dtype.name)
    return [None if v is None else v.astype(dtype, copy=False) for v in arrays]


def _wide(count, x, *arrays):
    """Whether a kernel may access 16 bytes at a time: counts and addresses must be multiples."""
    if count % (16 // x.itemsize):
        return False
    given = [v for v in (x, *arrays) if v is not None and v.flags.c_contiguous]  # else copied
    return all(byte_range(v)[0] % 16 == 0 for v in given)


# ---- rows: layer norm and RMS norm


def row_norm(x, weight, bias, eps, centre):
    """norm.row_norm, also for 16 bits."""
    (rows, columns), size = x.shape, x.itemsize
    weight, bias = _accumulated(x, weight, bias)
    how = {"centre": int(centre), "wide": _wide(columns, x, weight, bias)}
    held = int(columns * size * team(columns, size, how["wide"])[1] <= HELD)
    y, *statistics = launch("layer_norm_forward", x, weight, bias, eps=eps, held=held, **how)

    def backward(g, needs):
        g = g.astype(x.dtype, copy=False)
        wide = _wide(columns, g, x, weight)
        band = max(1, rows * max(columns, 256) >> 17)  # for 512 teams, more if the rows are short
        held = 2 * columns * max(4, size) * team(columns, size, wide)[1] <= HELD
        dx, sums = launch(
            "layer_norm_backward", g, x, *statistics, weight, bands=ceil_div(rows, band),
            band=band, held=int(held), **how | {"wide": wide},
        )  # fmt: skip
        return dx, *_added(sums)

    return y, backward


def _added(sums):
    """(dweight, dbias) from parts of them (bands, 2, columns)."""
    bands, _, columns = sums.shape
    return launch("layer_norm_sums", sums.reshape(bands, 2 * columns)).reshape(2, columns)
