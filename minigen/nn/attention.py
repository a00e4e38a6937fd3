r"""Attention with several heads: every position reads from all others, in several ways at once.

Idea: queries, keys and values are projected, cut into heads of width d = embed_dim / num_heads, and
each head reads on its own; what the heads read is put side by side and projected once more.

$$ \mathrm{head}_i = \mathrm{softmax}\left(\frac{q_i k_i^\top}{\sqrt d}\right) v_i \qquad
   y = W_o\,[\mathrm{head}_1 \dots \mathrm{head}_h] + b_o $$

Masks are PyTorch's: in both, True means *may not* look (in scaled_dot_product_attention it means
may); float masks are added to the scores.
Source: Vaswani et al., Attention Is All You Need, 2017.
Read next: ../ops/attention.py (one head's mathematics), transformer.py (what is made of it).
"""

import math

from minigen import ops
from minigen.nn import init
from minigen.nn.dropout import check_probability
from minigen.nn.linear import Linear
from minigen.nn.module import Module, Parameter, check_sizes
from minigen.ops import zeros
from minigen.tensor import Tensor


class KVCache:
    """Keys and values of the positions so far: a sequence that grows projects each only once.

    key, value: (N, heads, length, d), None at first. One for each attention layer and sequence.
    """

    def __init__(self):
        self.key = None
        self.value = None

    def __len__(self):
        return 0 if self.key is None else self.key.shape[-2]

    def append(self, key, value):
        """Add (N, heads, L, d) at the end. -> all keys, all values"""
        if self.key is not None:
            key, value = ops.cat([self.key, key], -2), ops.cat([self.value, value], -2)
        self.key, self.value = key, value
        return key, value


class MultiheadAttention(Module):
    """y, weights = attention(query, key, value): see the formula above.

    query (L, N, embed_dim), key (S, N, kdim), value (S, N, vdim) -> y (L, N, embed_dim), weights
    (N, L, S); with batch_first=True N comes first, and everything may come without N.

    dropout: probability with which a weight is dropped in training. bias=False: no biases. kdim,
    vdim: widths of key and value, embed_dim by default. rng draws the first weights and the
    dropout (None: the default generator).
    in_proj_weight (3·embed_dim, embed_dim), the rows of q, k and v in this order, and in_proj_bias;
    for another kdim or vdim q_proj_weight, k_proj_weight, v_proj_weight; out_proj: a Linear.
    ValueError unless num_heads divides embed_dim.
    """

    def __init__(
        self,
        embed_dim,
        num_heads,
        dropout=0.0,
        bias=True,
        *,
        kdim=None,
        vdim=None,
        batch_first=False,
        rng=None,
        dtype="float32",
    ):
        super().__init__()
        self.embed_dim, self.num_heads = embed_dim, num_heads
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        for name in ("embed_dim", "num_heads", "kdim", "vdim"):
            check_sizes(self, name, getattr(self, name))
        if embed_dim % num_heads:
            raise ValueError(
                f"MultiheadAttention: num_heads {num_heads} must divide embed_dim {embed_dim}"
            )
        check_probability(self, "dropout", dropout)
        self.dropout = dropout
        self.batch_first = batch_first
        self.rng = rng
        if self.kdim == self.vdim == embed_dim:
            sizes = {"in_proj_weight": (3 * embed_dim, embed_dim)}
        else:
            widths = {"q": embed_dim, "k": self.kdim, "v": self.vdim}
            sizes = {f"{x}_proj_weight": (embed_dim, width) for x, width in widths.items()}
        self.in_proj_weight = None
        for name, size in sizes.items():
            setattr(self, name, Parameter(zeros(size, dtype=dtype)))
            init.xavier_uniform_(getattr(self, name), rng=rng)
        self.in_proj_bias = Parameter(zeros(3 * embed_dim, dtype=dtype)) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias, rng=rng, dtype=dtype)
        if bias:
            init.zeros_(self.out_proj.bias)

    def forward(
        self,
        query,
        key=None,
        value=None,
        key_padding_mask=None,
        need_weights=True,
        attn_mask=None,
        average_attn_weights=True,
        is_causal=False,
        *,
        cache=None,
    ):
        """-> (y, weights); shapes as in the class's docstring.

        key_padding_mask (N, S): keys that nobody may look at. attn_mask (L, S), or (N·num_heads,
        L, S): which query may not look at which key. is_causal: query i looks at keys 0 to i.
        need_weights=False: weights is None, and the memory for them is saved;
        average_attn_weights=False: (N, num_heads, L, S), not their mean over the heads.
        cache: a `KVCache`. What it holds comes before key and value, which are added to it; S is
        the length of both together, and is_causal lets query i look at all that it held and at the
        keys 0 to i after that. key=None reads only what it holds.
        A query that may look at nothing reads zeros.
        """
        self._check(query, key, value, cache)
        past = 0 if cache is None else len(cache)
        q, k, v = self._projected(query, key, value)  # each (N, num_heads, length, d)
        if key is None:
            k, v = cache.key, cache.value
        elif cache is not None:
            k, v = cache.append(k, v)
        plain = past == 0 and attn_mask is None and key_padding_mask is None
        if not (plain and is_causal):  # that needs no mask
            attn_mask = self._mask(q, k, attn_mask, key_padding_mask, is_causal, past)
            is_causal = False
        heads, weights = self._read(q, k, v, attn_mask, is_causal, need_weights)
        if need_weights:
            weights = weights.mean(1) if average_attn_weights else weights
            weights = weights if query.ndim == 3 else ops.squeeze(weights, 0)
        return self.out_proj(self._joined(heads, query)), weights

    def _read(self, q, k, v, mask, is_causal, need_weights):
        """(what each head reads (N, num_heads, L, d), its weights (N, num_heads, L, S) or None)"""

        def attend(values):
            p = self.dropout if self.training else 0.0
            return ops.scaled_dot_product_attention(q, k, values, mask, p, is_causal, rng=self.rng)

        if not need_weights:
            return attend(v), None
        # what reads the rows of the identity is the weights themselves
        weights = attend(ops.eye(k.shape[-2], dtype=q.dtype, device=q.device))
        return ops.matmul(weights, v), weights

    # ---- projections

    def _projected(self, query, key, value):
        """q, k, v of all heads; k and v None where key is."""
        if query is key is value and self.in_proj_weight is not None:  # one product for all three
            three = ops.chunk(ops.linear(query, self.in_proj_weight, self.in_proj_bias), 3, -1)
            return [self._split(x) for x in three]
        weights, biases = self._weights()
        return [
            None if x is None else self._split(ops.linear(x, weight, bias))
            for x, weight, bias in zip((query, key, value), weights, biases, strict=True)
        ]

    def _weights(self):
        """([the weights of q, k, v], [their biases])"""
        if self.in_proj_weight is None:
            weights = [self.q_proj_weight, self.k_proj_weight, self.v_proj_weight]
        else:
            weights = ops.chunk(self.in_proj_weight, 3, 0)
        bias = self.in_proj_bias
        return weights, [None] * 3 if bias is None else ops.chunk(bias, 3, 0)

    def _split(self, x):
        """(L, N, embed_dim), or as batch_first says -> (N, num_heads, L, d)"""
        if x.ndim == 2:
            x = ops.unsqueeze(x, 0 if self.batch_first else 1)
        x = ops.unflatten(x, -1, (self.num_heads, self.embed_dim // self.num_heads))
        return ops.permute(x, (0, 2, 1, 3) if self.batch_first else (1, 2, 0, 3))

    def _joined(self, heads, query):
        """(N, num_heads, L, d) -> like query"""
        order = (0, 2, 1, 3) if self.batch_first else (2, 0, 1, 3)
        return ops.reshape(ops.permute(heads, order), query.shape)

    # ---- masks

    def _mask(self, q, k, attn_mask, key_padding_mask, is_causal, past):
        """All masks as one for scaled_dot_product_attention, (N or 1, heads or 1, L, S), or None.

        There booleans say what may be looked at.
        """
        (n, heads, rows, _), columns = q.shape, k.shape[-2]
        masks = []
        if attn_mask is not None:
            self._fits("attn_mask", attn_mask, [(rows, columns), (n * heads, rows, columns)])
            shape = (n, heads) if attn_mask.ndim == 3 else (1, 1)
            masks.append(ops.reshape(attn_mask, (*shape, rows, columns)))
        if key_padding_mask is not None:
            shapes = [(n, columns)] + [(columns,)] * (n == 1)
            self._fits("key_padding_mask", key_padding_mask, shapes)
            masks.append(ops.reshape(key_padding_mask, (n, 1, 1, columns)))
        if is_causal and columns > past + 1:  # else the first query may look at all
            row = ops.arange(past, past + rows, device=q.device)
            later = ops.arange(columns, device=q.device) > ops.unsqueeze(row, -1)
            masks.append(ops.reshape(later, (1, 1, rows, columns)))
        if not masks:
            return None
        if all(mask.dtype.kind == "b" for mask in masks):
            return ~_union(masks)
        return sum(map(_added, masks[1:]), start=_added(masks[0]))

    def _fits(self, name, mask, shapes):
        """ValueError for another shape, TypeError for integers and for what is no tensor."""
        if not isinstance(mask, Tensor):
            raise TypeError(
                f"MultiheadAttention: {name} is a {type(mask).__name__}, expected a Tensor; "
                "minigen.tensor(...) makes one"
            )
        if tuple(mask.shape) not in shapes:
            expected = " or ".join(map(str, shapes))
            raise ValueError(
                f"MultiheadAttention: {name} {tuple(mask.shape)}, expected {expected}"
            )
        if mask.dtype.kind not in "bfV":
            raise TypeError(
                f"MultiheadAttention: {name} is {mask.dtype}; give booleans (True: may not look), "
                f"such as {name} != 0, or floats to add to the scores"
            )

    # ---- errors

    def _check(self, query, key, value, cache):
        if (key is None) != (value is None):
            raise ValueError("MultiheadAttention: give key and value, or neither")
        if key is None and not cache:
            raise ValueError(
                "MultiheadAttention: without key and value there must be a cache that holds some; "
                "attention to itself is attention(x, x, x)"
            )
        given = {"query": (query, self.embed_dim)}
        if key is not None:
            given |= {"key": (key, self.kdim), "value": (value, self.vdim)}
        layout = "(N, L, width)" if self.batch_first else "(L, N, width)"
        batch = 0 if self.batch_first else 1
        for name, (x, width) in given.items():
            fits = x.ndim in (2, 3) and x.ndim == query.ndim and x.shape[-1] == width
            if not fits or (x.ndim == 3 and x.shape[batch] != query.shape[batch]):
                beside = "" if name == "query" else f" with query {query.shape}"
                raise ValueError(
                    f"MultiheadAttention({self.embed_dim}, {self.num_heads}, batch_first="
                    f"{self.batch_first}): {name} {x.shape}{beside}: expected {layout} of width "
                    f"{width}, with one N"
                )
        length = -2 if self.batch_first else 0
        if key is not None and key.shape[length] != value.shape[length]:
            raise ValueError(
                f"MultiheadAttention: key {key.shape} and value {value.shape} differ in length"
            )

    def extra_repr(self):
        """The constructor's arguments."""
        text = f"{self.embed_dim}, {self.num_heads}, batch_first={self.batch_first}"
        return text + (f", dropout={self.dropout}" if self.dropout else "")


def _union(masks):
    """Booleans that are true where any mask is; the masks broadcast."""
    union = masks[0]
    for mask in masks[1:]:
        union = union | mask
    return union


def _added(mask):
    """A mask as floats to add to scores."""
    if mask.dtype.kind != "b":
        return mask
    return ops.where(mask, -math.inf, 0.0)
