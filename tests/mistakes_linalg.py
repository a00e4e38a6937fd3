"""Wrong calls of ops (linalg) and what minigen says of them; see test_errors.py."""

import minigen as mg
from minigen import ops

one, T = mg.ones, mg.tensor

MATMUL = [
    (lambda: one(32, 784) @ one(10, 784), ValueError,
     "matmul: (32, 784) @ (10, 784): inner sizes 784 and 10 differ; did you mean w.T?"),
    (lambda: one(5, 32, 7) @ one(5, 10, 7), ValueError, "did you mean w.mT for the second?"),
    (lambda: one(784, 32) @ one(784, 10), ValueError, "did you mean x.T for the first?"),
    (lambda: one(3) @ one(2), ValueError, "matmul: (3,) @ (2,): inner sizes 3 and 2 differ"),
    (lambda: one(2, 3, 4) @ one(3, 4, 5), ValueError,
     "matmul: (2, 3, 4) @ (3, 4, 5): the leading sizes do not broadcast"),
    (lambda: one(2, 2) @ T(2.0), ValueError, "matmul: a number has no matrix product; use *"),
    (lambda: one(2, 2) @ 2, TypeError, "matmul: int 2 is not a tensor"),
    (lambda: one(2, 2).double() @ one(2, 2), TypeError,
     "matmul: dtypes float64 and float32 differ; cast one with .to()"),
    (lambda: ops.linear(one(2, 3), one(4, 5)), ValueError,
     "linear: x (2, 3) with weight (4, 5): the last size of x must be weight's second"),
    (lambda: ops.linear(one(2, 1, 28, 28), one(10, 784)), ValueError, "did you mean x.flatten(1)?"),
    (lambda: ops.linear(one(2, 3), one(4, 3), one(3)), ValueError,
     "linear: bias (3,) must have weight's first size, (4,)"),
]  # fmt: skip
