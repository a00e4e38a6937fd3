"""Entries of attention.cu.

Read next: attention.cu, mg_attention.cuh (the tiles that the launches here must agree with).
"""

import numpy as np
from minigen.kernels.entry import In, Kernel, Out, Scalar, ceil_div

# ---- references: the whole matrix of scores, as attention.cu's formulas have it


def _scores(q, k, allowed, mask, causal, scale):
    """(samples, heads, queries, keys): -inf where a query may not look."""
    scores = np.einsum("nqhe,nkhe->nhqk", q, k) * scale
    if mask is not None:
        scores = scores + mask
    if allowed is not None:
        scores = np.where(allowed, scores, -np.inf)
    return np.where(np.tri(*scores.shape[-2:], dtype=bool), scores, -np.inf) if causal else scores


def attention(q, k, v, allowed, mask, causal, scale):
    """y, the largest score of each row (0 where there is none), 1 / the sum of its exponentials."""
    scores = _scores(q, k, allowed, mask, causal, scale)
    largest = scores.max(-1, keepdims=True)
    largest = np.where(largest == -np.inf, 0, largest)
    exponentials = np.exp(scores - largest)
    total = exponentials.sum(-1, keepdims=True)
    reciprocal = np.divide(1, total, out=np.zeros_like(total), where=total > 0)
    y = np.einsum("nhqk,nkhe->nqhe", exponentials * reciprocal, v)
    return y, largest[..., 0].swapaxes(1, 2), reciprocal[..., 0].swapaxes(1, 2)


def _weights_and_slopes(q, k, v, g, allowed, mask, largest, reciprocal, delta, causal, scale):
    """P and dS, from what the forward kept of each row."""
    high, inverse, along = (x.swapaxes(1, 2)[..., None] for x in (largest, reciprocal, delta))
    weights = np.exp(_scores(q, k, allowed, mask, causal, scale) - high) * inverse
    return weights, weights * (np.einsum("nqhe,nkhe->nhqk", g, v) - along)


def _backward_query(q, k, v, g, allowed, mask, largest, reciprocal, delta, causal, scale):
    given = q, k, v, g, allowed, mask, largest, reciprocal, delta, causal, scale
    return np.einsum("nhqk,nkhe->nqhe", _weights_and_slopes(*given)[1], k) * scale


def _backward_key_value(q, k, v, g, allowed, mask, largest, reciprocal, delta, causal, scale):
    given = q, k, v, g, allowed, mask, largest, reciprocal, delta, causal, scale
    weights, slopes = _weights_and_slopes(*given)
    dk = np.einsum("nhqk,nqhe->nkhe", slopes, q) * scale
    return dk, np.einsum("nhqk,nqhe->nkhe", weights, g)


def _backward_mask(q, k, v, g, mask, largest, reciprocal, delta, scale):
    given = q, k, v, g, None, mask, largest, reciprocal, delta, False, scale
    slopes = _weights_and_slopes(*given)[1]
    over = tuple(i for i in range(4) if mask.shape[i] == 1)
    return slopes.sum(over, keepdims=True)


# ---- launches


def _across(s):
    """Threads side by side: 8 columns of the result each."""
    return 4 if max(s.width, s.value_width) <= 32 else 8


def _side(s):
    """Numbers in 16 bytes, of the type to compute in."""
    return 2 if s.itemsize == 8 else 4


def _own(s):
    return 16 * _side(s)


def _others(s):
    return _side(s) * _across(s)


def _slices(s, width):
    return max(1, ceil_div(width, 8 * _across(s)))


def _block(s):
    return (16 * _across(s),)


def _shared(own, others):
    """Bytes for so many tiles of own rows and of others', and one of weights."""

    def of(s):
        rows = own * _own(s) + others * _others(s)
        elements = rows * (8 * _across(s) + _side(s)) + _own(s) * (_others(s) + _side(s))
        return elements * (16 // _side(s))

    return of


def _pairs(s):
    return s.samples * s.heads


def _mask_tiles(s):
    """Blocks of the mask's gradient: one for each tile of the mask."""
    tiles = ceil_div(s.mask_queries, _own(s)) * ceil_div(s.mask_keys, _others(s))
    return (s.mask_samples * s.mask_heads * tiles,)


# ---- what to test with, and how large a benchmark is


def _sample(samples, heads, queries, keys, width, value_width, *, causal=0, scale=0.5, **masks):
    """Sizes; masks: `allowed` or `mask` and its sizes, else none."""
    sizes = dict(samples=samples, heads=heads, queries=queries, keys=keys)
    sizes |= dict(width=width, value_width=value_width, causal=causal, scale=scale)
    names = ("mask_samples", "mask_heads", "mask_queries", "mask_keys")
    shape = masks.get("allowed") or masks.get("mask") or (1, 1, 1, 1)
    sizes |= dict(zip(names, shape, strict=True))
    return sizes | {name: None for name in ("allowed", "mask") if name not in masks}


# Widths up to 32, up to 64 and beyond, odd and even; lengths around one tile of each.
_FREE = (
    _sample(2, 2, 5, 7, 3, 5),
    _sample(1, 2, 64, 16, 32, 16, scale=-0.25),
    _sample(1, 1, 65, 33, 8, 24, causal=1),
    _sample(1, 3, 70, 130, 40, 64, causal=1, scale=0.2),
    _sample(1, 1, 130, 34, 64, 33, causal=1, scale=0.2),
    _sample(2, 1, 3, 20, 136, 66, scale=0.1),
)
_ALLOWED = (
    _sample(2, 2, 33, 9, 5, 4, allowed=(2, 1, 33, 9)),
    _sample(2, 3, 4, 18, 2, 40, allowed=(2, 3, 1, 18)),
)
_MASKED = (
    _sample(2, 2, 34, 17, 4, 8, mask=(1, 2, 34, 17)),
    _sample(2, 2, 3, 5, 2, 2, mask=(2, 1, 3, 1)),
    _sample(3, 2, 66, 35, 6, 34, mask=(1, 1, 1, 35)),
    _sample(2, 1, 7, 40, 3, 1, mask=(2, 1, 7, 40)),
    _sample(1, 2, 66, 35, 1, 70, mask=(1, 1, 66, 1)),
    _sample(1, 2, 3, 2, 66, 7, mask=(1, 1, 1, 1)),
)
_BENCH = _sample(8, 12, 1024, 1024, 64, 64, causal=1, scale=0.125)
_BENCH_MASK = _sample(8, 12, 1024, 1024, 64, 64, scale=0.125, mask=(1, 12, 1024, 1024))


def _alone(sample):
    """The same for the mask's gradient, whose kernel knows no other kind of mask."""
    return {name: x for name, x in sample.items() if name not in ("allowed", "causal")}


def _draw_allowed(rng, s):
    """Booleans; the first row sees nothing."""
    allowed = rng.random((s.mask_samples, s.mask_heads, s.mask_queries, s.mask_keys)) < 0.6
    if s.mask_queries > 1:
        allowed[:, :, 0] = False
    return allowed


def _draw_mask(rng, s):
    """Numbers, -inf among them; a row of nothing else."""
    mask = rng.standard_normal((s.mask_samples, s.mask_heads, s.mask_queries, s.mask_keys))
    if s.mask_queries > 2:
        mask[rng.random(mask.shape) < 0.2] = -np.inf
        mask[:, :, 1] = -np.inf
    return mask


def _draw_rows(low, high):
    def draw(rng, s):
        return rng.uniform(low, high, (s.samples, s.queries, s.heads))

    return draw


_Q = In("q", "T", "samples queries heads width")
_K = In("k", "T", "samples keys heads width")
_V = In("v", "T", "samples keys heads value_width")
_G = In("g", "T", "samples queries heads value_width")
_SHAPE = "mask_samples mask_heads mask_queries mask_keys"
_ALLOW = In("allowed", "bool", _SHAPE, optional=True, draw=_draw_allowed)
_ADD = In("mask", "A", _SHAPE, optional=True, draw=_draw_mask)
_KEPT = (  # of each row: any numbers will do, such as make weights of usual size
    In("largest", "A", "samples queries heads", draw=_draw_rows(1, 3)),
    In("reciprocal", "A", "samples queries heads", draw=_draw_rows(0, 0.2)),
    In("delta", "A", "samples queries heads"),
)
_SIZES = tuple(map(Scalar, ("heads", "queries", "keys", "width", "value_width")))
_MASK_SIZES = tuple(map(Scalar, _SHAPE.split()))
_HOW = (Scalar("causal"), Scalar("scale", "A"))


def _work(products):
    """Operations of so many products of all queries with all keys."""

    def of(s):
        seen = s.queries * s.keys / (2 if getattr(s, "causal", 0) else 1)
        return products * _pairs(s) * seen * (s.width + s.value_width)

    return of


def _traffic(query_rows, key_rows):
    """Bytes of so many arrays of queries' rows and of keys' rows."""

    def of(s):
        rows = query_rows * s.queries + key_rows * s.keys
        return rows * _pairs(s) * (s.width + s.value_width) / 2 * s.itemsize

    return of


def _mask_bytes(s):
    elements = s.mask_samples * s.mask_heads * s.mask_queries * s.mask_keys
    return _traffic(2, 2)(s) + 2 * elements * max(4, s.itemsize)


KERNELS = (
    Kernel(
        "attention_forward",
        "attention.cu",
        (
            *(_Q, _K, _V, _ALLOW, _ADD),
            Out("y", "T", "samples queries heads value_width"),
            Out("largest", "A", "samples queries heads"),
            Out("reciprocal", "A", "samples queries heads"),
            *(*_SIZES, *_MASK_SIZES, *_HOW),
        ),
        grid=lambda s: (ceil_div(s.queries, _own(s)) * _pairs(s), _slices(s, s.value_width)),
        block=_block,
        shared=_shared(own=1, others=1),
        reference=attention,
        samples=_FREE + _ALLOWED + _MASKED[:2],
        bench=_BENCH,
        bytes=_traffic(2, 2),
        flops=_work(2),
        registers=128,
    ),
    Kernel(
        "attention_delta",
        "attention.cu",
        (
            In("g", "T", "rows value_width"),
            In("y", "T", "rows value_width"),
            Out("delta", "A", "rows"),
            *(Scalar("rows"), Scalar("value_width")),
        ),
        grid=lambda s: (ceil_div(s.rows, 4),),
        block=(128,),
        reference=lambda g, y: (g * y).sum(-1),
        samples=({"rows": 7, "value_width": 67}, {"rows": 4, "value_width": 1}),
        bench={"rows": 8 * 12 * 1024, "value_width": 64},
        bytes=lambda s: 2 * s.rows * s.value_width * s.itemsize,
        flops=lambda s: 2 * s.rows * s.value_width,
    ),
    Kernel(
        "attention_backward_query",
        "attention.cu",
        (
            *(_Q, _K, _V, _G, _ALLOW, _ADD, *_KEPT),
            Out("dq", "T", "samples queries heads width"),
            *(*_SIZES, *_MASK_SIZES, *_HOW),
        ),
        grid=lambda s: (ceil_div(s.queries, _own(s)) * _pairs(s), _slices(s, s.width)),
        block=_block,
        shared=_shared(own=2, others=1),
        reference=_backward_query,
        samples=_FREE + _ALLOWED + _MASKED[:2],
        bench=_BENCH,
        bytes=_traffic(3, 2),
        flops=_work(3),
        registers=168,
    ),
    Kernel(
        "attention_backward_key_value",
        "attention.cu",
        (
            *(_Q, _K, _V, _G, _ALLOW, _ADD, *_KEPT),
            Out("dk", "T", "samples keys heads width"),
            Out("dv", "T", "samples keys heads value_width"),
            *(*_SIZES, *_MASK_SIZES, *_HOW),
        ),
        grid=lambda s: (
            ceil_div(s.keys, _own(s)) * _pairs(s),
            _slices(s, max(s.width, s.value_width)),
        ),
        block=_block,
        shared=_shared(own=2, others=2),
        reference=_backward_key_value,
        samples=_FREE + _ALLOWED + _MASKED[:2],
        bench=_BENCH,
        bytes=_traffic(2, 4),
        flops=_work(4),
        registers=176,
    ),
    Kernel(
        "attention_backward_mask",
        "attention.cu",
        (
            *(_Q, _K, _V, _G, In("mask", "A", _SHAPE, draw=_draw_mask), *_KEPT),
            Out("dmask", "A", _SHAPE),
            *(Scalar("samples"), *_SIZES, *_MASK_SIZES, Scalar("scale", "A")),
        ),
        grid=_mask_tiles,
        block=_block,
        shared=_shared(own=1, others=1),
        reference=_backward_mask,
        samples=tuple(map(_alone, _MASKED)),
        bench=_alone(_BENCH_MASK),
        bytes=_mask_bytes,
        flops=_work(2),
        registers=160,
    ),
)
