"""Wrong calls of ops that draw random numbers and what minigen says of them; see test_errors.py."""

import math

import minigen as mg
from minigen import nn, ops

one, T = mg.ones, mg.tensor

RANDOM = [
    (lambda: ops.dropout(one(2), 1.5), ValueError,
     "dropout: p is a probability, 1.5 is not in [0, 1]"),
    (lambda: ops.dropout(one(2), -0.1, training=False), ValueError,
     "dropout: p is a probability, -0.1 is not in [0, 1]"),
    (lambda: ops.dropout(one(2), rng=0), TypeError,
     "dropout: rng must be a generator, such as minigen.Generator(0), not 0"),
    (lambda: ops.dropout(T([1, 2])), TypeError,
     "dropout: x must be floats, not int64; use .float()"),
    (lambda: ops.dropout2d(one(2, 3)), ValueError,
     "dropout2d: x (2, 3) must be (N, C, ...) with at least 3 dimensions; dropout() drops single "
     "elements"),
    (lambda: ops.dropout2d(one(1, 1, 1), math.nan), ValueError,
     "dropout2d: p is a probability, nan is not in [0, 1]"),
    (lambda: nn.Dropout2d(2), ValueError, "Dropout2d: p is a probability, in [0, 1], not 2"),
    (lambda: ops.bernoulli(T([0.5, -2.0])), ValueError,
     "bernoulli: probabilities lie in [0, 1]; these run from -2 to 0.5; sigmoid() makes "
     "probabilities of logits"),
    (lambda: ops.bernoulli(T([math.nan])), ValueError, "bernoulli: probabilities lie in [0, 1]"),
    (lambda: ops.bernoulli(T([0, 1])), TypeError,
     "bernoulli: x must be floats, not int64; use .float()"),
    (lambda: ops.multinomial(one(2, 2, 2), 1), ValueError,
     "multinomial: x (2, 2, 2) must be (C) or (rows, C) with C >= 1 weights"),
    (lambda: ops.multinomial(mg.zeros(2, 0), 1), ValueError,
     "multinomial: x (2, 0) must be (C) or (rows, C) with C >= 1 weights"),
    (lambda: ops.multinomial(T([3, 4]), 1), TypeError,
     "multinomial: x must be floats, not int64; use .float()"),
    (lambda: ops.multinomial(one(2), 0), ValueError,
     "multinomial: num_samples must be a whole number >= 1, not 0"),
    (lambda: ops.multinomial(one(2), 1.5), ValueError,
     "multinomial: num_samples must be a whole number >= 1, not 1.5"),
    *[(lambda w=w: ops.multinomial(T([1.0, w]), 1), ValueError,
       "multinomial: weights must be finite and >= 0; of logits, softmax() makes them")
      for w in (-1.0, math.inf, math.nan)],
    (lambda: ops.multinomial(T([[1.0, 1], [0, 0]]), 1, True), ValueError,
     "multinomial: all weights of row 1 are 0: nothing to draw"),
    (lambda: ops.multinomial(T([[1.0, 1], [0, 1]]), 2), ValueError,
     "multinomial: 2 samples without replacement, but row 1 has 1 weights above 0; pass "
     "replacement=True"),
    (lambda: ops.gumbel_softmax(one(2), 0), ValueError,
     "gumbel_softmax: tau is a temperature, > 0, not 0"),
    (lambda: ops.gumbel_softmax(one(2), dim=1), IndexError,
     "gumbel_softmax: dim 1 is out of range for a tensor of 1 dimensions (expected -1 to 0)"),
    (lambda: ops.gumbel_softmax(T([1, 2])), TypeError,
     "gumbel_softmax: logits must be floats, not int64; use .float()"),
    (lambda: ops.gumbel_softmax(one(2), eps=1e-10), TypeError,
     "gumbel_softmax: no argument eps (it takes logits, tau, hard, dim, rng)"),
    (lambda: ops.gumbel_softmax(mg.zeros(2, 0), hard=True), ValueError,
     "gumbel_softmax: logits (2, 0) have no categories along dim -1"),
    *[(lambda name=name, rest=rest: getattr(ops, name)([0.5], *rest), TypeError,
       f"{name}: list [0.5] is not a tensor")
      for name, *rest in [
          ("dropout",), ("dropout2d",), ("bernoulli",), ("multinomial", 1), ("gumbel_softmax",),
      ]],
    (lambda: ops.dropout(one(2), "0.5"), TypeError,
     "dropout: p is a probability, a number in [0, 1], not '0.5'"),
    (lambda: ops.scaled_dot_product_attention(*[one(2, 2)] * 3, dropout_p=None), TypeError,
     "scaled_dot_product_attention: dropout_p is a probability, a number in [0, 1], not None"),
    (lambda: nn.Dropout("x"), ValueError, "Dropout: p is a probability, in [0, 1], not 'x'"),
    (lambda: ops.gumbel_softmax(one(2), None), ValueError,
     "gumbel_softmax: tau is a temperature, > 0, not None"),
    (lambda: ops.multinomial(one(2), True), ValueError,
     "multinomial: num_samples must be a whole number >= 1, not True"),
    *[(lambda shape=shape: ops.normal(shape), ValueError,
       f"normal: shape must be a whole number >= 0 or a tuple of them, not {shape!r}")
      for shape in [(2, -1), "x", (2.5,), None]],
    (lambda: ops.normal(2, dtype="int64"), TypeError,
     "normal: dtype must be floating, not int64; randint draws int64"),
    (lambda: ops.randint(0, (2,), 3), TypeError,
     "randint: low and high must be whole numbers, not 0 and (2,) (the order is low, high, shape)"),
    *[(lambda n=n: ops.permutation(n), ValueError,
       f"permutation: n must be a whole number >= 0, not {n}") for n in (2.5, None, -1)],
    (lambda: mg.Generator(0).load_state_dict({"seed": 0}), ValueError,
     "Generator.load_state_dict: expected what state_dict() gives; has_uint32, uinteger, words "
     "missing"),
    (lambda: nn.Embedding("a", 3), ValueError,
     "Embedding: num_embeddings must be a whole number >= 0, not 'a'"),
    (lambda: nn.Embedding(4, -1), ValueError,
     "Embedding: embedding_dim must be a whole number >= 0, not -1"),
    (lambda: nn.Embedding(4, 3, padding_idx=1.5), ValueError,
     "Embedding: padding_idx 1.5 is none of the 4 ids"),
]  # fmt: skip
