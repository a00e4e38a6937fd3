"""Attention on a device; see ../attention.py for what it means, and kernels/attention.cu.

The kernels take rows before heads, (samples, rows, heads, columns): so do the memory of a
projection's output and of the next one's input, and heads that are views of it are not copied. Of
the scores nothing is kept but two numbers a row. Masks go to the kernels as they are, each size its
own or 1.
Read next: ../attention.py, ../heads.py.
"""

import math

from minigen.backend import array_module
from minigen.backend.heads import leading, stacked, stacked_mask
from minigen.backend.kernels import launch
from minigen.backend.work import computable

MASK_SIZES = ("mask_samples", "mask_heads", "mask_queries", "mask_keys")


class Attention:
    """attention.Attention, without dropout."""

    def __init__(self, q, k, v, mask, causal, scale):
        self.lead = leading(q, k, v)
        self.qkv = [self._rows(x) for x in (q, k, v)]
        self.masks = [None, None]  # booleans; floats
        sizes = (1,) * 4
        if mask is not None:
            mask, self.mask_shape = stacked_mask(mask, self.lead)
            boolean = mask.dtype.kind == "b"
            self.masks = [mask, None] if boolean else [None, *computable(mask)]
            sizes = mask.shape
        self.options = dict(zip(MASK_SIZES, sizes, strict=True), causal=int(causal), scale=scale)

    def forward(self):
        """y (*lead, L, Ev), its memory (samples, rows, heads, Ev)."""
        self.y, *self.kept = launch("attention_forward", *self.qkv, *self.masks, **self.options)
        return self._whole(self.y)

    def backward(self, g, query, key, value, mask):
        """The gradients of q, k and v, broadcast to *lead, and of the mask; the flags say which."""
        g = self._rows(g.astype(self.y.dtype, copy=False))
        rows = (math.prod(g.shape[:-1]), g.shape[-1])
        delta = launch("attention_delta", g.reshape(rows), self.y.reshape(rows))
        given = *self.qkv, g, *self.masks, *self.kept, delta.reshape(g.shape[:-1])
        gq = gk = gv = gmask = None
        if query:
            gq = self._whole(launch("attention_backward_query", *given, **self.options))
        if key or value:
            gk, gv = launch("attention_backward_key_value", *given, **self.options)
            gk, gv = self._whole(gk), self._whole(gv)
        if mask:
            given, scale = given[:4] + given[5:], self.options["scale"]  # there are no booleans
            gmask = launch("attention_backward_mask", *given, scale=scale).reshape(self.mask_shape)
        return gq, gk if key else None, gv if value else None, gmask

    def _rows(self, x):
        """x as the kernels read it."""
        rows = stacked(x, self.lead).swapaxes(1, 2)
        return array_module(x).ascontiguousarray(rows)

    def _whole(self, x):
        """What a kernel made, as (*lead, rows, columns)."""
        x = x.swapaxes(1, 2)
        return x.reshape(*self.lead, *x.shape[2:])
