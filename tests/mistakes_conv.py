"""Wrong calls of ops (conv) and what minigen says of them; see test_errors.py."""

import minigen as mg
from minigen import ops

one, T = mg.ones, mg.tensor

CONVOLUTION = [
    (lambda: ops.conv2d(one(2, 3, 8, 8), one(4, 2, 3, 3)), ValueError,
     "conv2d: x (2, 3, 8, 8) has 3 channels, weight (4, 2, 3, 3) with groups=1 expects 2"),
    (lambda: ops.conv2d(one(3, 8, 8), one(4, 3, 3, 3)), ValueError,
     "must both have 4 dimensions, (N, C, H, W) for x; a single sample needs x.unsqueeze(0)"),
    (lambda: ops.conv1d(one(2), one(2)), ValueError, "conv1d: x (2,) and weight (2,) must both"),
    (lambda: ops.conv2d(one(2, 3, 8, 8), one(4, 3, 3, 3), groups=2), ValueError,
     "conv2d: groups 2 must divide x's 3 channels and weight's first size 4"),
    (lambda: ops.conv2d(one(2, 3, 8, 8), one(4, 3, 3, 3), one(3)), ValueError,
     "conv2d: bias (3,) must have shape (4,)"),
    (lambda: ops.conv2d(one(2, 3, 8, 8), one(4, 3, 9, 9)), ValueError,
     "conv2d: kernel (9, 9) with dilation (1, 1) is larger than x (2, 3, 8, 8) with padding"),
    (lambda: ops.conv2d(one(1, 1, 8, 8), one(1, 1, 3, 3), padding="sam"), ValueError,
     "conv2d: padding 'sam' is not known: \"same\", \"valid\" or numbers"),
    (lambda: ops.conv2d(one(1, 1, 8, 8), one(1, 1, 3, 3), 2), ValueError,
     "conv2d: bias 2 must have shape (1,)"),
    (lambda: ops.conv2d(one(1, 1, 8, 8), one(1, 1, 3, 3), stride=2, padding="same"), ValueError,
     'conv2d: padding="same" needs stride 1, not (2, 2)'),
    (lambda: ops.conv2d(one(1, 1, 8, 8), one(1, 1, 3, 3), stride=1.5), ValueError,
     "conv2d: stride must be a whole number or 2 of them, not 1.5"),
    (lambda: ops.conv2d(one(1, 1, 8, 8), one(1, 1, 3, 3), dilation=0), ValueError,
     "conv2d: dilation must be at least 1, not (0, 0)"),
    (lambda: ops.conv2d(one(1, 1, 8, 8), one(1, 1, 3, 3), padding=-1), ValueError,
     "conv2d: padding must be at least 0"),
    (lambda: ops.conv_transpose2d(one(2, 3, 8, 8), one(4, 3, 3, 3)), ValueError,
     "conv_transpose2d: x (2, 3, 8, 8) has 3 channels, weight (4, 3, 3, 3) with groups=1 expects"),
    (lambda: ops.conv_transpose1d(one(1, 1, 8), one(1, 1, 3), output_padding=1), ValueError,
     "conv_transpose1d: output_padding (1,) must be below stride (1,) or dilation (1,), from 0"),
    (lambda: ops.conv(one(3), one(3)), ValueError, "conv: weight (3,) must have 3 or more"),
]  # fmt: skip
