"""Weighted sums of a few pixels along each axis of a batch: what resizing and blurring come to.

Idea: new pixel i of an axis takes T old ones, its taps; their places and weights may differ from
picture to picture. All taps of a batch are the rows of one sparse matrix, so that SciPy does the
batch in one product: the time is that of the taps, not of the pictures' sides squared.
"""

import numpy as np
from scipy import sparse


def apply_taps(x, rows, columns):
    """new[n, c, i, j] = Σ_s Σ_t a[n, i, s] b[n, j, t] x[n, c, r[n, i, s], q[n, j, t]].

    x (N, C, H, W) float32. rows = (r, a), each (N or 1, H', S); columns = (q, b), each
    (N or 1, W', T); places are integers within the picture.   -> (N, C, H', W') float32
    """
    new = _along_rows(x, *rows)                                             # (N, C, H', W)
    new = _along_rows(new.swapaxes(2, 3), *columns)                         # (N, C, W', H')
    return np.ascontiguousarray(new.swapaxes(2, 3))


def _along_rows(x, place, weight):
    """(N, C, H, W), (N or 1, H', T) twice -> (N, C, H', W)"""
    count, channels, height, width = x.shape
    shape = (count, channels, *place.shape[1:])                             # (N, C, H', T)
    above = height * np.arange(count * channels).reshape(count, channels, 1, 1)
    matrix = sparse.csr_array(
        (
            np.broadcast_to(weight[:, None], shape).astype(np.float32).ravel(),
            (place[:, None] + above).ravel(),
            np.arange(0, np.prod(shape) + 1, shape[3]),
        ),
        shape=(np.prod(shape[:3]), count * channels * height),
    )
    return (matrix @ x.reshape(-1, width)).reshape(*shape[:3], width)
