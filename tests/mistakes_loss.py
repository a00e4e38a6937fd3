"""Wrong calls of ops (loss) and what minigen says of them; see test_errors.py."""

import minigen as mg
from minigen import ops

one, T = mg.ones, mg.tensor

LOSSES = [
    (lambda: ops.mse_loss(one(2, 1), one(2)), ValueError,
     "mse_loss: prediction (2, 1) and target (2,) must have the same shape; broadcasting them "
     "would be a silent mistake"),
    (lambda: ops.l1_loss(one(2), one(2), "avg"), ValueError,
     "l1_loss: reduction must be \"mean\", \"sum\" or \"none\", not 'avg'"),
    (lambda: ops.cross_entropy(one(2, 3), T([0, 3])), IndexError,
     "cross_entropy: targets run from 0 to 3, but there are 3 classes, numbered from 0"),
    (lambda: ops.cross_entropy(one(2, 3), T([0])), ValueError,
     "cross_entropy: logits (2, 3) need targets of shape (2,) with class numbers, got (1,)"),
    (lambda: ops.cross_entropy(one(2, 3), one(2)), TypeError,
     "cross_entropy: targets are class numbers, not float32; use .long()"),
    (lambda: ops.binary_cross_entropy(one(2), one(3)), ValueError,
     "binary_cross_entropy: prediction (2,) and target (3,) must have the same shape"),
    (lambda: ops.binary_cross_entropy_with_logits(one(2), one(2), "all"), ValueError,
     "binary_cross_entropy_with_logits: reduction must be"),
]  # fmt: skip
