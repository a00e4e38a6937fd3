r"""Lossy compression: a transform, a quantizer, and what each bit buys.

To store a picture in few bits, map it to a few numbers z, round each to one of 2^b levels, and
store which: k numbers of b bits. The decoder maps the rounded numbers back. Distortion is the
squared error of the picture, rate the k·b bits spent on it; a method is a curve of one against the
other, and the lower curve is the better method.

$$ q_i = \operatorname{clip}\Big(\Big\lfloor \frac{z_i - l_i}{\Delta_i} \Big\rfloor, 0, 2^b - 1
   \Big), \qquad \hat z_i = l_i + (q_i + \tfrac12)\, \Delta_i, \qquad
   \mathbb{E}\,(z_i - \hat z_i)^2 \approx \Delta_i^2 / 12 $$

What differs is where the numbers come from. A cosine transform (DCT) knows only that pictures are
smooth, and keeps the slowest waves, as JPEG does. PCA knows the pictures, but only their planes. An
auto-encoder bends the plane: its codes z = f(x) need fewer numbers for the same error, but its
decoder may blow up what rounding does to them. DCT and PCA are orthogonal: there the two errors,
what was cut off and what was rounded, just add.

Symbols: x (n, D) · z (n, k) · q (n, k) whole numbers · l, Δ (k,) start and width of the levels
Course: deck A, « Compression », deck B, « métriques induites »; item A-18.
Source: Ahmed, Natarajan & Rao, Discrete Cosine Transform, 1974; Wallace, The JPEG Still Picture
Compression Standard, 1991; Max, Quantizing for Minimum Distortion, 1960.
Read next: mlp.py (the auto-encoder), ../classical/pca.py.
"""

import numpy as np
from scipy.fft import dctn, idctn

SHARES = np.linspace(0.1, 1, 19)    # of the farthest number, tried as ends of the range


class Quantizer:
    """Rounds each number to the middle of one of 2^bits equal levels.

    With few levels a range as wide as all numbers wastes them on the rare ones: the range of each
    number is the one, around the mean, that rounds the numbers of `fit` with the least error.
    After fit: low_, step_ (k,). Numbers beyond the range get its first or last level.
    """

    def __init__(self, bits):
        if bits < 1 or bits != int(bits):
            raise ValueError(f"Quantizer: bits={bits}; it must be a whole number, at least 1")
        self.bits = int(bits)

    def fit(self, z):
        """Choose the levels.   z (n, k) -> self"""
        mean = z.mean(0)
        farthest = abs(z - mean).max(0)
        errors, tried = [], []
        for share in SHARES:
            self.low_ = mean - share * farthest
            self.step_ = 2 * share * farthest / 2**self.bits
            tried.append((self.low_, self.step_))
            errors.append(((z - self.decode(self.encode(z))) ** 2).sum(0))
        best = np.argmin(errors, 0)                                             # (k,)
        self.low_, self.step_ = np.array(tried)[best, :, np.arange(len(best))].T
        return self

    def encode(self, z):
        """q: which level.   (n, k) -> (n, k) int64 in [0, 2^bits)"""
        step = np.where(self.step_ > 0, self.step_, 1)      # a number that never varies: level 0
        return np.clip((z - self.low_) // step, 0, 2**self.bits - 1).astype(np.int64)

    def decode(self, q):
        """ẑ: the middle of the level.   (n, k) -> (n, k), within Δ/2 of z inside of the range"""
        return self.low_ + (q + 0.5) * self.step_


class DCT:
    """Pictures as sums of cosine waves, of which the k slowest are kept.

    size: pixels a side; channels: each has waves of its own, and they are kept in turn. The waves
    are orthonormal: `encode` is the transpose of `decode`, and both keep lengths.
    ValueError for more waves than a picture has pixels.
    """

    def __init__(self, k, channels, size):
        if not 1 <= k <= channels * size * size:
            raise ValueError(f"DCT: k={k}; pictures of {channels} × {size} × {size} have "
                             f"1 to {channels * size * size} waves")
        self.shape = (channels, size, size)
        row, column, channel = np.meshgrid(*map(np.arange, (size, size, channels)), indexing="ij")
        # diagonal after diagonal, as JPEG's zigzag: waves of one total frequency together
        order = np.lexsort([v.ravel() for v in (channel, row, row + column)])[:k]
        self.kept = tuple(v.ravel()[order] for v in (channel, row, column))

    def encode(self, x):
        """The weights of the slowest waves.   (n, D) -> (n, k)"""
        waves = dctn(x.reshape(-1, *self.shape), axes=(2, 3), norm="ortho")
        return waves[:, *self.kept]

    def decode(self, z):
        """The sum of the waves.   (n, k) -> (n, D)"""
        waves = np.zeros((len(z), *self.shape), z.dtype)
        waves[:, *self.kept] = z
        return idctn(waves, axes=(2, 3), norm="ortho").reshape(len(z), -1)


def entropy(q):
    """Bits that levels need at least, each number coded by itself.   (n, k) -> float

    Σ_i H(q_i), H = -Σ p log2 p: at most k·b, less where some levels are used more than others.
    """
    bits = 0.0
    for column in q.T:
        p = np.unique(column, return_counts=True)[1] / len(column)
        bits -= float((p * np.log2(p)).sum())
    return bits


def lower_envelope(rates, distortions, budgets):
    """The least distortion that each budget of bits pays for; inf where nothing is so cheap.

    rates, distortions: (P,), the points that a method has; budgets: (R,).   -> (R,)
    """
    paid = np.asarray(rates) <= np.asarray(budgets)[:, None]                    # (R, P)
    return np.where(paid, distortions, np.inf).min(1)
