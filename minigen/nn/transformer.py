r"""Transformer blocks: attention mixes positions, a small network works on each by itself.

Idea: both are branches beside a path that carries x through unchanged. norm_first says where the
normalisation is: on the branch (pre-norm, which trains without a warm-up), or on the path after it
(post-norm, as in the first paper).

$$ \text{pre-norm: } x \leftarrow x + f(\mathrm{norm}(x)) \qquad
   \text{post-norm: } x \leftarrow \mathrm{norm}(x + f(x)) $$

An encoder block has f = attention to itself, then f = linear2(activation(linear1(x))); a decoder
block reads from `memory`, the encoder's output, between the two. With is_causal=True an encoder is
a language model's stack. Names, keys and the layout (L, N, d_model) are PyTorch's; batch_first=True
makes it (N, L, d_model).
Sources: Vaswani et al., Attention Is All You Need, 2017; Xiong et al., On Layer Normalization in
the Transformer Architecture, ICML 2020.
Read next: attention.py (masks, KVCache).
"""

import copy

from minigen import ops
from minigen.nn.attention import MultiheadAttention
from minigen.nn.containers import ModuleList
from minigen.nn.dropout import Dropout
from minigen.nn.linear import Linear
from minigen.nn.module import Module, check_sizes
from minigen.nn.norm import LayerNorm

ACTIVATIONS = {"relu": ops.relu, "gelu": ops.gelu}


class _Layer(Module):
    """What both blocks share: settings, and the order of branch and norm."""

    attentions: tuple[str, ...] = ()  # names of the branches with attention

    def __init__(
        self,
        d_model,
        nhead,
        dim_feedforward=2048,
        dropout=0.1,
        activation="relu",
        layer_norm_eps=1e-5,
        batch_first=False,
        norm_first=False,
        bias=True,
        *,
        rng=None,
        dtype="float32",
    ):
        super().__init__()
        if activation not in ACTIVATIONS and not callable(activation):
            raise ValueError(
                f'{type(self).__name__}: activation is "relu", "gelu" or a function, not '
                f"{activation!r}"
            )
        made = {"bias": bias, "dtype": dtype}
        for name in self.attentions:
            attention = MultiheadAttention(
                d_model, nhead, dropout, batch_first=batch_first, rng=rng, **made
            )
            setattr(self, name, attention)
        self.linear1 = Linear(d_model, dim_feedforward, rng=rng, **made)
        self.dropout = Dropout(dropout, rng=rng)
        self.linear2 = Linear(dim_feedforward, d_model, rng=rng, **made)
        branches = range(1, len(self.attentions) + 2)
        for i in branches:
            setattr(self, f"norm{i}", LayerNorm(d_model, layer_norm_eps, **made))
        for i in branches:
            setattr(self, f"dropout{i}", Dropout(dropout, rng=rng))
        self.norm_first = norm_first
        self.activation = ACTIVATIONS.get(activation, activation)

    def _branch(self, x, number, function):
        """x with the branch number 1, 2 ... added to it.   (L, N, d_model) -> the same"""
        norm, dropout = getattr(self, f"norm{number}"), getattr(self, f"dropout{number}")
        if self.norm_first:
            return x + dropout(function(norm(x)))
        return norm(x + dropout(function(x)))

    def _feedforward(self, x):
        return self.linear2(self.dropout(self.activation(self.linear1(x))))

    def extra_repr(self):
        """Where the norms are."""
        return f"norm_first={self.norm_first}"


class TransformerEncoderLayer(_Layer):
    """A block of attention to itself.   (L, N, d_model) -> the same shape, or without N

    nhead: number of heads; dim_feedforward: width between linear1 and linear2; dropout: in both
    branches, on the weights of attention and after the activation; activation: "relu", "gelu" or a
    function; the others see above. rng draws the first weights and the dropout.
    """

    attentions = ("self_attn",)

    def forward(
        self, src, src_mask=None, src_key_padding_mask=None, is_causal=False, *, cache=None
    ):
        """src (L, N, d_model) -> like src.   Masks, is_causal and cache: see MultiheadAttention"""

        masks = (src_mask, src_key_padding_mask, is_causal)
        x = self._branch(src, 1, lambda x: _read(self.self_attn, x, x, masks, cache))
        return self._branch(x, 2, self._feedforward)


class TransformerDecoderLayer(_Layer):
    """A block that also reads from memory.

    tgt (L, N, d_model), memory (S, N, d_model) -> like tgt; arguments as in
    TransformerEncoderLayer. Branches: self_attn, multihead_attn (of memory), the small network.
    """

    attentions = ("self_attn", "multihead_attn")

    def forward(
        self,
        tgt,
        memory,
        tgt_mask=None,
        memory_mask=None,
        tgt_key_padding_mask=None,
        memory_key_padding_mask=None,
        tgt_is_causal=False,
        memory_is_causal=False,
        *,
        cache=None,
    ):
        """-> like tgt.   cache: a pair of KVCache, for tgt and for memory

        The second takes in the keys and values of memory at the first call; after that memory is no
        longer looked at.
        """
        own, read = cache or (None, None)
        source = None if read else memory
        masks = (tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        masks_of_memory = (memory_mask, memory_key_padding_mask, memory_is_causal)
        x = self._branch(tgt, 1, lambda x: _read(self.self_attn, x, x, masks, own))
        x = self._branch(
            x, 2, lambda x: _read(self.multihead_attn, x, source, masks_of_memory, read)
        )
        return self._branch(x, 3, self._feedforward)


def _read(attention, x, source, masks, cache):
    """What attention reads for x from source.   (L, N, d_model) -> the same shape"""
    attn_mask, key_padding_mask, is_causal = masks
    return attention(
        x, source, source, key_padding_mask, False, attn_mask, is_causal=is_causal, cache=cache
    )[0]


class _Stack(Module):
    """num_layers copies of a layer, one after the other, and perhaps a norm at the end."""

    def __init__(self, layer, num_layers, norm=None):
        super().__init__()
        if not isinstance(layer, Module):
            raise TypeError(
                f"{type(self).__name__}: expected one layer, to be copied num_layers times, got "
                f"{type(layer).__name__}"
            )
        check_sizes(self, "num_layers", num_layers)
        # the copies draw from the layer's own generators: twins would all drop the same
        generators = [getattr(module, "rng", None) for module in layer.modules()]
        copies = [copy.deepcopy(layer, {id(g): g for g in generators}) for _ in range(num_layers)]
        self.layers = ModuleList(copies)
        self.num_layers = num_layers
        self.norm = norm

    def _run(self, x, call, caches):
        """x through `call(layer, x, cache)` of every layer, and the norm."""
        caches = [None] * self.num_layers if caches is None else caches
        if len(caches) != self.num_layers:
            raise ValueError(
                f"{type(self).__name__}: {len(caches)} caches for {self.num_layers} layers"
            )
        for layer, cache in zip(self.layers, caches, strict=True):
            x = call(layer, x, cache)
        return x if self.norm is None else self.norm(x)


class TransformerEncoder(_Stack):
    """num_layers copies of encoder_layer, then norm (None: none).   (L, N, d_model) -> the same

    The copies start with the same weights, as in PyTorch. A pre-norm stack needs a norm at its end:
    nn.LayerNorm(d_model).
    """

    def __init__(self, encoder_layer, num_layers, norm=None):
        super().__init__(encoder_layer, num_layers, norm)

    def forward(self, src, mask=None, src_key_padding_mask=None, is_causal=False, *, cache=None):
        """src (L, N, d_model) -> like src.   cache: a list with one KVCache a layer"""

        def call(layer, x, layer_cache):
            return layer(x, mask, src_key_padding_mask, is_causal, cache=layer_cache)

        return self._run(src, call, cache)


class TransformerDecoder(_Stack):
    """num_layers copies of decoder_layer, then norm; see TransformerEncoder.

    tgt (L, N, d_model), memory (S, N, d_model) -> like tgt
    """

    def __init__(self, decoder_layer, num_layers, norm=None):
        super().__init__(decoder_layer, num_layers, norm)

    def forward(
        self,
        tgt,
        memory,
        tgt_mask=None,
        memory_mask=None,
        tgt_key_padding_mask=None,
        memory_key_padding_mask=None,
        tgt_is_causal=False,
        memory_is_causal=False,
        *,
        cache=None,
    ):
        """-> like tgt.   cache: a list with one pair of KVCache a layer"""
        masks = (tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)

        def call(layer, x, layer_cache):
            return layer(
                x, memory, *masks, tgt_is_causal, memory_is_causal, cache=layer_cache
            )

        return self._run(tgt, call, cache)
