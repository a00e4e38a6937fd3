r"""Lossy compression: a transform, a quantizer, and what each bit buys.

To store a picture in few bits, map it to a few numbers z, round each to one of 2^b levels, and
store which: k numbers of b bits. The decoder maps the rounded numbers back. Distortion is the
squared error of the picture, rate the k·b bits spent on it; a method is a curve of one against the
other, and the lower curve is the better method.

$$ q_i = \operatorname{clip}\Big(\Big\lfloor \frac{z_i - l_i}{\Delta_i} \Big\rfloor, 0, 2^b - 1
   \Big), \qquad \hat z_i = l_i + (q_i + \tfrac12) \Delta_i, \qquad \Delta_i = (u_i - l_i) / 2^b $$

What differs is where the numbers come from. A cosine transform (DCT) knows that pictures are
smooth and keeps the slowest waves, as JPEG does. PCA knows the pictures, but only their planes. An
auto-encoder bends the plane: its codes z = f(x) need fewer numbers for the same error.
If the map is orthogonal, errors add: what is cut off, plus k·Δ²/12 for rounding. A decoder that
is not may blow rounding up, so that codes are given what they will have to bear: noise of half a
level, uniform, added while training (the last lines of `noisy`).

Symbols: x (n, D) · z (n, k) · q (n, k) whole numbers · l, u (k,) the range of z_i in training
Course: deck A, « Compression », deck B, « métriques induites »; item A-18.
Source: Ahmed, Natarajan & Rao, Discrete Cosine Transform, 1974; Wallace, The JPEG Still Picture
Compression Standard, 1991; Ballé, Laparra & Simoncelli, End-to-end Optimized Image Compression,
ICLR 2017 (noise in place of rounding).
Read next: mlp.py (the auto-encoder), ../classical/pca.py.
"""

import numpy as np
from scipy.fft import dctn, idctn


class Quantizer:
    """Rounds each number to the middle of one of 2^bits equal steps of its range.

    After fit: low_, step_ (k,). Numbers outside of the range get its first or last level.
    """

    def __init__(self, bits):
        if bits < 1 or bits != int(bits):
            raise ValueError(f"Quantizer: bits={bits}; it must be a whole number, at least 1")
        self.bits = int(bits)

    def fit(self, z):
        """The range of each number.   z (n, k) -> self"""
        self.low_ = z.min(0)
        self.step_ = (z.max(0) - self.low_) / 2**self.bits
        return self

    def encode(self, z):
        """q: which level.   (n, k) -> (n, k) int64 in [0, 2^bits)"""
        step = np.where(self.step_ > 0, self.step_, 1)      # a number that never varies: level 0
        return np.clip((z - self.low_) // step, 0, 2**self.bits - 1).astype(np.int64)

    def decode(self, q):
        """ẑ: the middle of the level.   (n, k) -> (n, k), within step/2 of z inside of the range"""
        return self.low_ + (q + 0.5) * self.step_


class DCT:
    """Pictures as sums of cosine waves, of which the k slowest are kept.

    encode and decode are orthogonal: they keep lengths, and decode is the transpose of encode.
    size: pixels a side; channels: each has waves of its own, and they are kept in turn.
    """

    def __init__(self, k, channels, size):
        if not 1 <= k <= channels * size * size:
            raise ValueError(f"DCT: k={k}; pictures of {channels} x {size} x {size} have "
                             f"1 to {channels * size * size} waves")
        self.shape = (channels, size, size)
        row, column, channel = np.meshgrid(*(np.arange(s) for s in (size, size, channels)),
                                           indexing="ij")
        # along falling diagonals, as JPEG's zigzag: waves of one total frequency together
        order = np.lexsort([v.ravel() for v in (channel, row, row + column)])[:k]
        self.kept = tuple(v.ravel()[order] for v in (channel, row, column))

    def encode(self, x):
        """The slowest waves' weights.   (n, D) -> (n, k)"""
        waves = dctn(x.reshape(-1, *self.shape), axes=(2, 3), norm="ortho")
        return waves[:, *self.kept]

    def decode(self, z):
        """The sum of the waves.   (n, k) -> (n, D)"""
        waves = np.zeros((len(z), *self.shape), z.dtype)
        waves[:, *self.kept] = z
        return idctn(waves, axes=(2, 3), norm="ortho").reshape(len(z), -1)


def entropy(q):
    """Bits that the levels need at least if each number is coded by itself.   (n, k) -> float

    Σ_i H(q_i), H = -Σ p log2 p: at most k·b, less where some levels are used more than others.
    """
    bits = 0.0
    for column in np.asarray(q).T:
        p = np.unique(column, return_counts=True)[1] / len(column)
        bits -= float((p * np.log2(p)).sum())
    return bits


def lower_envelope(points, rates):
    """The least distortion that is to be had for each rate.   -> (R,), inf where there is none

    points: (rate, distortion) pairs; rates: (R,). More bits are never worse: some may stay unused.
    """
    points = np.asarray(points, np.float64)
    return np.array([points[points[:, 0] <= r, 1].min(initial=np.inf) for r in rates])
