"""Attention on arrays, in blocks of rows: memory grows with the length, not with its square.

Idea: softmax needs a whole row of scores and nothing of the other rows. So a block of rows is
scored, exponentiated and multiplied by the values while it is in the cache, and forgotten; the
backward scores it again. Kept are the output and, per row, the reciprocal of its sum. A block takes
the heads of several samples where sequences are short, a few rows of one head where they are long.

    E = exp(q kᵀ·scale + mask) ∘ allowed      r = 1 / Σ E      y = r·(E ∘ M) v / keep

(M and keep = 1 - p are dropout's.) E is never normalised: r scales the rows of y, which are
shorter. With g' = r·g / keep and D = r·Σ g·y, two passes over a block make all gradients from E:

    dv = (E ∘ M)ᵀ g'      dS = E ∘ (M ∘ (g' vᵀ) - D)      dq = dS k·scale      dk = dSᵀ q·scale

exp is taken of the scores as they are where none exceeds LARGEST and no row's sum is below SMALLEST
(then r·g neither overflows nor vanishes, whatever the scale of g); else, and always on a GPU, each
row's maximum is subtracted first. A row with nothing allowed has E = 0, and r = 0.

M is never stored: each row owns words of a stream of random bits that can be entered anywhere. So
no result depends on how the work is cut.

Heads may be strided views (of a fused projection, say): BLAS reads and writes them as they are. On
a device kernels do all this, unless there is dropout.
Source: Dao et al., FlashAttention, 2022 (recomputing; rows are whole here: no running maximum).
Read next: heads.py, numpy.py (halves), ../ops/attention.py (what it means, on tensors).
"""

import math
from itertools import pairwise, product
from typing import NamedTuple

import numpy

from minigen.backend import array_module, quiet
from minigen.backend.device import attention as device
from minigen.backend.heads import leading, stacked, stacked_mask, two
from minigen.backend.kernels import active
from minigen.backend.work import computable, share, workspace

# Measured on two cores with 1 MB of L2 each; half or double changes little.
BLOCK = 1 << 17  # scores in a block: 512 kB in float32
GPU_BLOCK = 1 << 24  # there a launch costs more than the cache gains
ROWS = 32  # a block has at least so many rows ...
CAUSAL_ROWS = 64  # ... or, of a quarter of a causal head, these
LARGEST, SMALLEST = 20.0, 1e-8


class Block(NamedTuple):
    """A part of the scores (N, H, L, S): slices of samples, heads, rows; the columns [0, stop)."""

    samples: slice
    heads: slice
    rows: slice
    stop: int

    @property
    def key(self):
        """Its first element, which no other block has."""
        return self.samples.start, self.heads.start, self.rows.start

    @property
    def queries(self):
        """Its part of q, y and their gradients."""
        return self.samples, self.heads, self.rows

    @property
    def keys(self):
        """Its part of k, v and their gradients."""
        return self.samples, self.heads, slice(0, self.stop)


def call(q, k, v, mask, causal, scale, p, seed):
    """The Attention of these arguments; on a device that of our kernels.

    Not with dropout: M is a stream of NumPy's own generator, which the CPU draws.
    """
    if not p and active(q):
        return device.Attention(q, k, v, mask, causal, scale)
    return Attention(q, k, v, mask, causal, scale, p, seed)


class Attention:
    """One call: `forward()` once, then `backward` as often as asked.

    q (*lead, L, E), k (*lead, S, E), v (*lead, S, Ev), their leading sizes broadcast; mask: None,
    booleans (True: allowed) or floats (added to the scores) that broadcast to (*lead, L, S).
    causal: row i sees columns 0 to i. p: dropout's probability, its bits the stream of `seed`. No
    size of the scores may be 0.
    """

    def __init__(self, q, k, v, mask, causal, scale, p, seed):
        self.xp, self.dtype = array_module(q), q.dtype
        self.lead = leading(q, k, v)
        self.q, self.k, self.v = (self._stacked(x) for x in computable(q, k, v))
        self.mask = None
        if mask is not None:
            self.mask, self.mask_shape = stacked_mask(mask, self.lead)
        self.size = (*self.q.shape[:3], self.k.shape[2])  # N, H, L, S
        self.causal, self.scale, self.p, self.seed = causal, scale, p, seed
        self.block = BLOCK if self.xp is numpy else GPU_BLOCK
        self.units = self._units()
        self.maxima = {}  # of a block's rows, where they were subtracted, else None; by block.key

    def forward(self):
        """y (*lead, L, Ev), its memory (samples, rows, heads, Ev): as the next projection reads."""
        xp, (n, h, length, _), width = self.xp, self.size, self.v.shape[-1]
        self.y = xp.empty((n, length, h, width), self.v.dtype).swapaxes(1, 2)
        self.reciprocal = xp.empty((n, h, length, 1), self.v.dtype)

        def run(lo, hi):
            for unit in self.units[lo:hi]:
                for block in self._blocks(*unit):
                    exponentials, reciprocal = self._weights(block)
                    self.reciprocal[block.queries] = reciprocal
                    if self.p:
                        exponentials *= self._kept(block)
                        reciprocal = reciprocal * keep_scale(self.p)
                    y = self.y[block.queries]
                    xp.matmul(exponentials, self.v[block.keys], out=y)
                    y *= reciprocal

        with quiet():
            share(xp, run, len(self.units))
        return self.y.reshape(*self.lead, *self.y.shape[2:]).astype(self.dtype, copy=False)

    def backward(self, g, query, key, value, mask):
        """The gradients of q, k and v, broadcast to *lead, and of the mask; the flags say which."""
        xp, g = self.xp, self._stacked(*computable(g))
        pairs = (self.q, query), (self.k, key), (self.v, value)
        gq, gk, gv = (self._like(x) if wanted else None for x, wanted in pairs)
        masks = {}  # a half's sums over what it has seen

        def run(lo, hi):
            if mask:
                masks[lo] = xp.zeros(self.mask.shape, self.q.dtype)
            for unit in self.units[lo:hi]:
                for block in self._blocks(*unit):
                    self._pull(block, g, gq, gk, gv, masks.get(lo))

        share(xp, run, len(self.units))
        grads = [None if x is None else x.reshape(*self.lead, *x.shape[2:]) for x in (gq, gk, gv)]
        total = sum(masks[lo] for lo in sorted(masks)).reshape(self.mask_shape) if mask else None
        return (*grads, total)

    def _pull(self, block, g, gq, gk, gv, gmask):
        """What the block adds to each of the gradients that are wanted."""
        xp, g, v = self.xp, g[block.queries], self.v[block.keys]
        exponentials, queries = self._exponentials(block)
        reciprocal = self.reciprocal[block.queries]
        kept = self._kept(block) if self.p else None
        scaled = g * (reciprocal * keep_scale(self.p))
        if gv is not None:
            weights = exponentials if kept is None else exponentials * kept
            self._add(gv, block, weights, scaled)
        if gq is None and gk is None and gmask is None:
            return
        slopes = workspace(xp, "slopes", exponentials.shape, g.dtype)
        xp.matmul(scaled, v.swapaxes(-1, -2), out=slopes)
        if kept is not None:
            slopes *= kept
        along = xp.einsum("nhle,nhle->nhl", g, self.y[block.queries])
        slopes -= along[..., None] * reciprocal
        slopes *= exponentials
        if gq is not None:
            part = gq[block.queries]
            xp.matmul(slopes, self.k[block.keys], out=part)
            part *= self.scale
        if gk is not None:
            self._add(gk, block, slopes, queries)
        if gmask is not None:
            over = tuple(i for i, size in enumerate(gmask.shape) if size == 1)
            gmask[_within(gmask, block)] += slopes.sum(over, keepdims=True)

    def _add(self, total, block, weights, rows):
        """weightsᵀ rows to what the rows after the block, which come first, have left in total."""
        part = total[block.keys]
        if block.rows.stop == self.size[2]:
            self.xp.matmul(weights.swapaxes(-1, -2), rows, out=part)
            total[(*block.keys[:2], slice(block.stop, None))] = 0
        else:
            part += self.xp.matmul(weights.swapaxes(-1, -2), rows)

    # ---- how the work is cut

    def _stacked(self, x):
        """x as (N, H, rows, columns), the columns neighbours in memory, as BLAS wants."""
        x = stacked(x, self.lead)
        return x if x.strides[-1] == x.itemsize else self.xp.ascontiguousarray(x)

    def _like(self, x):
        """Memory for a gradient of x (n, h, rows, columns), as that of y."""
        n, h, rows, columns = x.shape
        return self.xp.empty((n, rows, h, columns), x.dtype).swapaxes(1, 2)

    def _units(self):
        """[(samples, heads)]: no two units share heads, so they may run at the same time."""
        n, h, length, columns = self.size
        count = -(-n * h * length * columns // self.block)
        count += count % 2 if count > 1 else 0
        return list(product(_cut(n, min(n, count)), _cut(h, min(h, -(-count // n)))))

    def _blocks(self, samples, heads):
        """The blocks of a unit, the last rows, which see most columns, first."""
        _, _, length, columns = self.size
        most = max(ROWS, self.block // columns)
        if self.causal:  # the fewer rows, the more of what nobody sees is left out
            most = min(most, max(CAUSAL_ROWS, -(-length // 4)))
        for rows in reversed(_cut(length, -(-length // most))):
            yield Block(samples, heads, rows, min(rows.stop, columns) if self.causal else columns)

    # ---- the exponentials of a block

    def _weights(self, block):
        """E and the reciprocals of its row sums, which are 0 where nothing is allowed."""
        xp = self.xp
        exponentials, _ = self._exponentials(block)
        total = _row_sums(xp, exponentials)
        if self.maxima[block.key] is None and not total.min() >= SMALLEST:
            del self.maxima[block.key]
            exponentials, _ = self._exponentials(block, careful=True)
            total = _row_sums(xp, exponentials)
        return exponentials, xp.where(total == 0, 0, 1 / total)

    def _exponentials(self, block, careful=False):
        """E of the block, and q·scale, both in this thread's workspace until the next call.

        The first call for a block decides whether to subtract the maxima of its rows.
        """
        xp, q = self.xp, self.q[block.queries]
        queries = workspace(xp, "queries", q.shape, q.dtype)
        xp.multiply(q, self.scale, out=queries)
        scores = workspace(xp, "scores", (*q.shape[:3], block.stop), q.dtype)
        xp.matmul(queries, self.k[block.keys].swapaxes(-1, -2), out=scores)
        if self.mask is not None and self.mask.dtype.kind != "b":
            scores += self.mask[_within(self.mask, block)]
        first, maxima = block.key not in self.maxima, self.maxima.get(block.key)
        if first:
            careful = careful or xp is not numpy or not scores.max() <= LARGEST
        if maxima is None and not careful:
            xp.exp(scores, out=scores)
            for part, allowed in self._allowed(scores, block):
                part *= allowed
        else:
            for part, allowed in self._allowed(scores, block):
                part[...] = xp.where(allowed, part, -math.inf)
            if first:
                maxima = scores.max(-1, keepdims=True)
                maxima = xp.where(maxima == -math.inf, 0, maxima)
            scores -= maxima
            xp.exp(scores, out=scores)
        self.maxima[block.key] = maxima
        return scores, queries

    def _allowed(self, scores, block):
        """Parts of the block's scores, and which of their elements are allowed."""
        if self.mask is not None and self.mask.dtype.kind == "b":
            yield scores, self.mask[_within(self.mask, block)]
        if self.causal:  # before the block's first row all columns are
            rows, first = block.rows.stop - block.rows.start, block.rows.start
            yield scores[..., first:], self.xp.tri(rows, max(block.stop - first, 0), dtype=bool)

    def _kept(self, block):
        return kept(self.xp, self.size, block, self.p, self.seed)


# ---- dropout


def kept(xp, size, block, p, seed):
    """Booleans for a block of scores (N, H, L, S), true with probability 1 - p, to 1/65536."""
    _, h, length, columns = size
    rows, words = block.rows.stop - block.rows.start, -(-columns // 4)
    heads = range(block.heads.start, block.heads.stop)
    samples = range(block.samples.start, block.samples.stop)
    starts = [(i * h + j) * length + block.rows.start for i in samples for j in heads]
    merged = 1  # heads that follow each other in the stream without a gap
    if rows == length:
        merged = len(starts) if len(heads) == h else len(heads)
    raw = numpy.empty((len(starts) // merged, merged * rows * words), numpy.uint64)
    bits, at = numpy.random.PCG64(seed), 0
    for i, start in enumerate(starts[::merged]):
        bits.advance(start * words - at)
        raw[i] = bits.random_raw(raw.shape[1])
        at = start * words + raw.shape[1]
    drawn = raw.view(numpy.uint16).reshape(len(samples), len(heads), rows, 4 * words)
    return xp.asarray(drawn[..., : block.stop] >= round(p * 65536))


def dropout_mask(xp, shape, p, seed):
    """All of what the blocks of scores (*lead, L, S) draw."""
    size = (*two(shape[:-2]), *shape[-2:])
    return kept(xp, size, Block(*(slice(0, n) for n in size[:3]), size[3]), p, seed).reshape(shape)


def keep_scale(p):
    """What those that are kept are multiplied by, so that the mean stays."""
    return 1 / (1 - p) if p < 1 else 0.0


# ---- shapes


def _cut(n, parts):
    """[0, n) as slices of nearly equal lengths."""
    bounds = [n * i // parts for i in range(parts + 1)]
    return [slice(a, b) for a, b in pairwise(bounds)]


def _within(mask, block):
    """Where the block's part of a mask lies."""
    place = (*block.queries, slice(0, block.stop))
    return tuple(s if n > 1 else slice(None) for s, n in zip(place, mask.shape, strict=True))


def _row_sums(xp, x):
    """Sums over the last dimension, which is kept, by a matrix product: five times as fast."""
    ones = xp.ones((x.shape[-1],), x.dtype)
    rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
    return xp.matmul(rows, ones).reshape(*x.shape[:-1], 1)
