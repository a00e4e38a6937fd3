"""Attention: each query reads a mixture of the values, weighed by how well it matches their keys.

Idea: `_reference` is the formula; the fused op does the same in blocks of rows, and never holds the
whole matrix of weights. Dropout draws one number, the seed of all the bits that it needs, so that
every derivative drops the same weights.
Read next: ../backend/attention.py (the blocks), softmax.py, linalg.py.
"""

import math
from numbers import Real

from minigen.backend import array_module, attention
from minigen.backend.heads import leading
from minigen.ops._define import composite, fused
from minigen.ops.elementwise import cast, where
from minigen.ops.linalg import matmul
from minigen.ops.random import _generator, _probability
from minigen.ops.shape import transpose
from minigen.ops.softmax import softmax
from minigen.tensor import Tensor


def _reference(query, key, value, attn_mask, is_causal, scale, dropout_p, seed):
    xp = array_module(query._data)
    scores = matmul(query * scale, transpose(key, -2, -1))
    allowed = xp.ones(scores.shape[-2:], bool)
    if is_causal:
        allowed = xp.tri(*scores.shape[-2:], dtype=bool)
    if attn_mask is not None and attn_mask.dtype.kind == "b":
        allowed = attn_mask._data
    elif attn_mask is not None:
        scores, allowed = scores + attn_mask, attn_mask._data > -math.inf
    some = allowed.any(-1, keepdims=True)  # -inf in a whole row would make it nan
    scores = where(allowed, scores, xp.where(some, -math.inf, 0.0).astype(scores.dtype))
    weights = softmax(scores, -1) * some.astype(scores.dtype)
    if dropout_p:
        shape = *leading(query, key, value), *weights.shape[-2:]
        kept = attention.dropout_mask(xp, shape, dropout_p, seed)
        weights = weights * (kept.astype(scores.dtype) * attention.keep_scale(dropout_p))
    return matmul(weights, value)


@fused("query", "key", "value", "attn_mask", reference=_reference)
def _scaled_dot_product_attention(query, key, value, attn_mask, is_causal, scale, dropout_p, seed):
    run = attention.call(query, key, value, attn_mask, is_causal, scale, dropout_p, seed)
    return run.forward(), lambda g, needs: run.backward(g, *needs)


@composite
def scaled_dot_product_attention(
    query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, *, rng=None
):
    """softmax(query·keyᵀ·scale) value: for each row of queries, a weighted mean of the values.

    query (..., L, E), key (..., S, E), value (..., S, Ev) -> (..., L, Ev); leading sizes (samples,
    heads) broadcast. attn_mask, broadcast to (..., L, S): booleans, True where the query may look,
    or floats, which are added to the scores before the softmax and get a gradient. is_causal: row i
    looks at keys 0 to i. scale: 1/√E by default. dropout_p: each weight is dropped with this
    probability, whether or not anything trains; its bits come from rng.

    A query that may look at nothing gets zeros, and gives none a gradient (PyTorch: nan). Memory
    grows with L + S, not L·S. ValueError for shapes that do not fit, is_causal with a mask.
    Source: Vaswani et al., Attention Is All You Need, 2017.
    """
    lead = _check(query, key, value, attn_mask, is_causal)
    p = _probability("scaled_dot_product_attention", "dropout_p", dropout_p)
    seed = None
    if p:
        seed = _generator("scaled_dot_product_attention", rng, query.device).fresh_seed()
    if 0 in (*lead, query.shape[-2], key.shape[-2]):  # nobody asks, or nothing answers: zeros
        return matmul(matmul(query, transpose(key, -2, -1)), value)
    if scale is None:
        scale = 1 / math.sqrt(query.shape[-1] or 1)
    elif not isinstance(scale, Real):
        raise TypeError(
            f"scaled_dot_product_attention: scale is {type(scale).__name__}, not a number; "
            "multiply query by what takes a gradient, with scale=1.0"
        )
    if attn_mask is not None and attn_mask.dtype.kind != "b" and attn_mask.dtype != query.dtype:
        # float16 has no -1e9: the scores are float32 there, and so may the mask be
        attn_mask = cast(attn_mask, "float32" if query.dtype.itemsize == 2 else query.dtype)
    y = _scaled_dot_product_attention(query, key, value, attn_mask, is_causal, scale, p, seed)
    return y if y.dtype == query.dtype else cast(y, query.dtype)


def _check(query, key, value, attn_mask, is_causal):
    """The leading sizes. TypeError or ValueError for what does not go together."""
    name = "scaled_dot_product_attention"
    given = dict(query=query, key=key, value=value)
    if attn_mask is not None:
        given["attn_mask"] = attn_mask
    for role, x in given.items():
        if not isinstance(x, Tensor):
            raise TypeError(f"{name}: {role} is {type(x).__name__} {x!r}, not a tensor")
    q, k, v = (tuple(x.shape) for x in (query, key, value))
    shapes = f"query {q}, key {k}, value {v}"
    if not query.dtype == key.dtype == value.dtype or query.dtype.kind not in "fV":
        dtypes = sorted({x.dtype.name for x in (query, key, value)})
        raise TypeError(
            f"{name}: query, key and value must have one float dtype, not {', '.join(dtypes)}; "
            "cast with .to() or .float()"
        )
    if min(map(len, (q, k, v))) < 2:
        raise ValueError(f"{name}: {shapes}: each needs two dimensions, (length, width); unsqueeze")
    if q[-1] != k[-1]:
        raise ValueError(f"{name}: {shapes}: the last sizes of query and key must be equal")
    if k[-2] != v[-2]:
        raise ValueError(f"{name}: {shapes}: key and value must have the same length, dimension -2")
    try:
        lead = leading(query, key, value)
    except ValueError as error:
        raise ValueError(
            f"{name}: {shapes}: the leading sizes (samples, heads) do not broadcast; heads come "
            "before the length: transpose(1, 2)"
        ) from error
    if attn_mask is not None:
        _check_mask(name, attn_mask, is_causal, (*lead, q[-2], k[-2]))
    return lead


def _check_mask(name, attn_mask, is_causal, scores):
    if is_causal:
        raise ValueError(
            f"{name}: give attn_mask or is_causal, not both; a mask can hold the causal one too: "
            "attn_mask & (arange(S) <= arange(L)[:, None])"
        )
    if attn_mask.dtype.kind not in "bfV":
        raise TypeError(
            f"{name}: attn_mask is {attn_mask.dtype}; give booleans (True: may look), such as "
            "attn_mask != 0, or floats to add to the scores"
        )
    mask = tuple(attn_mask.shape)
    fits = len(mask) <= len(scores) and all(
        a in (1, b) for a, b in zip(mask[::-1], scores[::-1], strict=False)
    )
    if not fits:
        raise ValueError(
            f"{name}: attn_mask {mask} does not broadcast to the scores {scores}; per sample, "
            "(N, S) needs the shape (N, 1, 1, S)"
        )
