"""Wrong calls of ops (loss, cross_entropy) and what minigen says of them; see test_errors.py."""

import minigen as mg
from minigen import ops

one, T = mg.ones, mg.tensor

LOSSES = [
    (lambda: ops.mse_loss(one(2, 1), one(2)), ValueError,
     "mse_loss: prediction (2, 1) and target (2,) must have the same shape; broadcasting them "
     "would be a silent mistake"),
    (lambda: ops.l1_loss(one(2), one(2), "avg"), ValueError,
     "l1_loss: reduction must be \"mean\", \"sum\" or \"none\", not 'avg'"),
    (lambda: ops.mse_loss(one(2), one(2), reduction=None), ValueError,
     'mse_loss: reduction must be "mean", "sum" or "none", not None'),
    (lambda: ops.huber_loss(one(2), one(2), delta=0), ValueError,
     "huber_loss: delta must be a positive number, not 0: it is a size of errors"),
    (lambda: ops.smooth_l1_loss(one(2), one(2), beta=-1.0), ValueError,
     "smooth_l1_loss: beta must be a number from 0, not -1.0; 0 gives l1_loss"),
    (lambda: ops.binary_cross_entropy(one(2), one(3)), ValueError,
     "binary_cross_entropy: prediction (2,) and target (3,) must have the same shape"),
    (lambda: ops.binary_cross_entropy(T([-1.5, 3.0]), one(2)), ValueError,
     "binary_cross_entropy: x must be probabilities, in [0, 1]; these run from -1.5 to 3. For "
     "logits use binary_cross_entropy_with_logits"),
    (lambda: ops.binary_cross_entropy(one(2, 3), one(2, 3), one(2)), ValueError,
     "binary_cross_entropy: weight (2,) does not broadcast to (2, 3), the shape of x: its last "
     "sizes must be x's, or 1"),
    (lambda: ops.binary_cross_entropy_with_logits(one(2), one(2), reduction="all"), ValueError,
     "binary_cross_entropy_with_logits: reduction must be"),
    (lambda: ops.binary_cross_entropy_with_logits(one(2), one(2), "sum"), TypeError,
     "binary_cross_entropy_with_logits: weight must be a tensor, not 'sum'; did you mean "
     'reduction="sum"?'),
    (lambda: ops.binary_cross_entropy_with_logits(one(2), one(2), pos_weight=one(1, 2)),
     ValueError, "pos_weight (1, 2) does not broadcast to (2,), the shape of x"),
    (lambda: ops.kl_div(one(2, 3), one(3)), ValueError,
     "kl_div: prediction (2, 3) and target (3,) must have the same shape"),
    (lambda: ops.kl_div(one(2, 3), one(2, 3), "batch"), ValueError,
     'kl_div: reduction must be "mean", "sum", "none" or "batchmean", not \'batch\''),
    (lambda: ops.gaussian_nll_loss(one(2, 3), one(2, 3), T([[1.0, 1, 1], [1, -2, 1]])), ValueError,
     "gaussian_nll_loss: var must not be negative, but -2 is among it; networks predict it as exp "
     "or softplus of their output"),
    (lambda: ops.gaussian_nll_loss(one(2, 3), one(2, 3), -1.0), ValueError,
     "gaussian_nll_loss: var must not be negative, but -1 is among it"),
    (lambda: ops.gaussian_nll_loss(one(2, 3), one(2, 3), one(3)), ValueError,
     "gaussian_nll_loss: var (3,) must have the shape of x, (2, 3), or size 1 where it is the same "
     "for all, or lack the last dimension"),
    (lambda: ops.triplet_margin_loss(one(2, 3), one(2, 3), one(1, 3)), ValueError,
     "triplet_margin_loss: anchor (2, 3), positive (2, 3) and negative (1, 3) must have the same "
     "shape"),
    (lambda: ops.triplet_margin_loss(one(2, 3), one(2, 3), one(2, 3), 0.0), ValueError,
     "triplet_margin_loss: margin must be a positive number, not 0.0: without one, equal "
     "embeddings have no loss"),
    (lambda: ops.mse_loss(one(2), 3), TypeError, "mse_loss: int 3 is not a tensor"),
    (lambda: ops.binary_cross_entropy(one(2), [0.0, 1.0]), TypeError,
     "binary_cross_entropy: list [0.0, 1.0] is not a tensor"),
    (lambda: ops.smooth_l1_loss(one(2) > 0, one(2) > 0), TypeError,
     "smooth_l1_loss: booleans have no difference; use x.float()"),
    (lambda: ops.huber_loss(one(2), one(2), delta="x"), ValueError,
     "huber_loss: delta must be a positive number, not 'x': it is a size of errors"),
    (lambda: ops.smooth_l1_loss(one(2), one(2), beta="x"), ValueError,
     "smooth_l1_loss: beta must be a number from 0, not 'x'; 0 gives l1_loss"),
    (lambda: ops.gaussian_nll_loss(one(2), one(2), None), TypeError,
     "gaussian_nll_loss: None is not a tensor"),
    (lambda: ops.gaussian_nll_loss(one(2, 3), one(2, 3), -one(4)), ValueError,
     "gaussian_nll_loss: var (4,) must have the shape of x, (2, 3)"),
    (lambda: ops.triplet_margin_loss(one(2), one(2), [1.0, 2.0]), TypeError,
     "triplet_margin_loss: list [1.0, 2.0] is not a tensor"),
    (lambda: ops.triplet_margin_loss(one(2), one(2), one(2), p=-1), ValueError,
     "triplet_margin_loss: p must be 0, a positive number or inf, not -1"),
    (lambda: ops.triplet_margin_loss(one(2), one(2), one(2), margin=None), ValueError,
     "triplet_margin_loss: margin must be a positive number, not None"),
]  # fmt: skip

CLASSES = [
    (lambda: ops.cross_entropy(one(2, 3), [0, 1], one(3)), TypeError,
     "cross_entropy: list [0, 1] is not a tensor"),
    (lambda: ops.nll_loss(3, T([0]), one(3)), TypeError, "nll_loss: int 3 is not a tensor"),
    (lambda: ops.cross_entropy(one(2, 3), T([0, 3])), IndexError,
     "cross_entropy: the targets hold 3, but there are 3 classes, numbered from 0"),
    (lambda: ops.nll_loss(one(2, 3), T([-100, -1]), ignore_index=-100), IndexError,
     "nll_loss: the targets hold -1, but there are 3 classes, numbered from 0"),
    (lambda: ops.cross_entropy(one(2, 3), T([0])), ValueError,
     "cross_entropy: logits (2, 3) need targets of shape (2,) with class numbers, got (1,); "
     "probabilities have the shape of the logits, (2, 3)"),
    (lambda: ops.nll_loss(one(2, 3, 4), T([0, 1])), ValueError,
     "nll_loss: log-probabilities (2, 3, 4) need targets of shape (2, 4) with class numbers, got "
     "(2,)"),
    (lambda: ops.cross_entropy(T(1.0), T(0)), ValueError,
     "cross_entropy: logits () need targets of shape (N,) with class numbers, got ()"),
    (lambda: ops.cross_entropy(one(2, 3), one(2)), TypeError,
     "cross_entropy: targets are class numbers, not float32; use .long(); probabilities have the "
     "shape of the logits, (2, 3)"),
    (lambda: ops.nll_loss(one(2, 3), one(2)), TypeError,
     "nll_loss: targets are class numbers, not float32; use .long()"),
    (lambda: ops.cross_entropy(one(2, 3), one(2, 3).long()), TypeError,
     "cross_entropy: targets of the logits' shape (2, 3) are probabilities, not int64; class "
     "numbers have shape (2,)"),
    (lambda: ops.cross_entropy(one(2, 3), T([0, 1]), one(2)), ValueError,
     "cross_entropy: weight (2,) must have one number for each of the 3 classes of (2, 3): shape "
     "(3,)"),
    (lambda: ops.cross_entropy(one(2, 3), T([0, 1]), mg.ones(3, requires_grad=True)), ValueError,
     "cross_entropy: weight is a constant, no gradient is computed for it; use weight.detach()"),
    (lambda: ops.cross_entropy(one(2, 3), T([0, 1]), "sum"), TypeError,
     "cross_entropy: weight must be a tensor, not 'sum'; did you mean reduction=\"sum\"?"),
    (lambda: ops.cross_entropy(one(2, 3), T([0, 1]), [1.0, 2.0, 3.0]), TypeError,
     "cross_entropy: weight must be a tensor, not [1.0, 2.0, 3.0]"),
    (lambda: ops.cross_entropy(one(2, 3), T([0, 1]), label_smoothing=1.5), ValueError,
     "cross_entropy: label_smoothing 1.5 is not in [0, 1]; it is the share of probability that is "
     "spread over all classes"),
    (lambda: ops.cross_entropy(one(2, 3), one(2, 3), ignore_index=1), ValueError,
     "cross_entropy: ignore_index 1 names a class, but the targets are probabilities; give weight "
     "0 to that class"),
    (lambda: ops.nll_loss(one(2, 3), T([0, 1]), reduction="batchmean"), ValueError,
     'nll_loss: reduction must be "mean", "sum" or "none", not \'batchmean\''),
]  # fmt: skip
