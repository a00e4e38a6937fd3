"""Wrong calls of attention and what minigen says of them; see test_errors.py."""

import minigen as mg
from minigen import ops

one, T = mg.ones, mg.tensor
attend, NAME = ops.scaled_dot_product_attention, "scaled_dot_product_attention: "

ATTENTION = [
    (call, error, NAME + text)
    for call, error, text in [
        (lambda: attend(one(2, 3), one(4, 5), one(4, 5)), ValueError,
         "query (2, 3), key (4, 5), value (4, 5): the last sizes of query and key must be equal"),
        (lambda: attend(one(2, 3), one(4, 3), one(5, 3)), ValueError,
         "query (2, 3), key (4, 3), value (5, 3): key and value must have the same length, "
         "dimension -2"),
        (lambda: attend(one(3), one(4, 3), one(4, 3)), ValueError,
         "query (3,), key (4, 3), value (4, 3): each needs two dimensions, (length, width); "
         "unsqueeze"),
        (lambda: attend(one(2, 8, 4, 3), one(2, 6, 4, 3), one(2, 6, 4, 3)), ValueError,
         "query (2, 8, 4, 3), key (2, 6, 4, 3), value (2, 6, 4, 3): the leading sizes (samples, "
         "heads) do not broadcast; heads come before the length: transpose(1, 2)"),
        (lambda: attend(one(2, 3), one(4, 3).double(), one(4, 3)), TypeError,
         "query, key and value must have one float dtype, not float32, float64; cast with .to() "
         "or .float()"),
        (lambda: attend(*[one(2, 3, dtype="int64")] * 3), TypeError,
         "query, key and value must have one float dtype, not int64; cast with .to() or .float()"),
        (lambda: attend(*[one(2, 3)] * 3, one(2, 2) > 0, is_causal=True), ValueError,
         "give attn_mask or is_causal, not both; a mask can hold the causal one too: attn_mask & "
         "(arange(S) <= arange(L)[:, None])"),
        (lambda: attend(*[one(2, 3)] * 3, one(2, 2, dtype="int64")), TypeError,
         "attn_mask is int64; give booleans (True: may look), such as attn_mask != 0, or floats to "
         "add to the scores"),
        (lambda: attend(*[one(5, 2, 4, 3)] * 3, one(5, 4)), ValueError,
         "attn_mask (5, 4) does not broadcast to the scores (5, 2, 4, 4); per sample, (N, S) needs "
         "the shape (N, 1, 1, S)"),
        (lambda: attend(*[one(2, 3)] * 3, one(1, 2, 2)), ValueError,
         "attn_mask (1, 2, 2) does not broadcast to the scores (2, 2); per sample, (N, S) needs"),
        (lambda: attend(*[one(2, 3)] * 3, scale=one(1)), TypeError,
         "scale is Tensor, not a number; multiply query by what takes a gradient, with scale=1.0"),
        (lambda: attend(*[one(2, 3)] * 3, dropout_p=1.5), ValueError,
         "dropout_p is a probability, 1.5 is not in [0, 1]"),
        (lambda: attend(*[one(2, 3)] * 3, dropout_p=0.5, rng=3), TypeError,
         "rng must be a generator, such as minigen.Generator(0), not 3"),
        (lambda: attend(*[one(2, 3)] * 3, causal=True), TypeError,
         "no argument causal (it takes query, key, value, attn_mask, dropout_p, is_causal, scale, "
         "rng); did you mean is_causal?"),
        (lambda: attend(one(2, 3), one(2, 3), None), TypeError,
         "value is NoneType None, not a tensor"),
        (lambda: attend(*[one(2, 3)] * 3, [[True, True]]), TypeError,
         "attn_mask is list [[True, True]], not a tensor"),
    ]
]  # fmt: skip
