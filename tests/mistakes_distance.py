"""Wrong calls of ops (distance) and what minigen says of them; see test_errors.py."""

import minigen as mg
from minigen import ops

one, T = mg.ones, mg.tensor

DISTANCES = [
    (lambda: ops.cdist(one(2, 3), [[1.0]]), TypeError, "cdist: list [[1.0]] is not a tensor"),
    (lambda: ops.cosine_similarity(2, one(3)), TypeError,
     "cosine_similarity: int 2 is not a tensor"),
    (lambda: ops.cdist(one(2, 3), one(2, 3), "euclid"), ValueError,
     "cdist: p must be 0, a positive number or inf, not 'euclid'"),
    (lambda: ops.pairwise_distance(one(2, 3), one(2, 3), p=None), ValueError,
     "pairwise_distance: p must be 0, a positive number or inf, not None"),
    (lambda: ops.pairwise_distance(one(2, 3), one(4, 3)), ValueError,
     "pairwise_distance: shapes (2, 3) and (4, 3) do not broadcast; give as many vectors in x1 as "
     "in x2, or one"),
    (lambda: ops.pairwise_distance(one(2, 3), one(2, 3), p=-1), ValueError,
     "pairwise_distance: p must be 0, a positive number or inf, not -1"),
    (lambda: ops.pairwise_distance(T(1.0), T(2.0)), ValueError,
     "pairwise_distance: x1 and x2 are numbers; a vector has a dimension"),
    (lambda: ops.cosine_similarity(one(3), one(3)), IndexError,
     "cosine_similarity: dim 1 is out of range for a tensor of 1 dimensions (expected -1 to 0)"),
    (lambda: ops.cosine_similarity(one(2, 3), one(2, 4)), ValueError,
     "cosine_similarity: shapes (2, 3) and (2, 4) do not broadcast"),
    (lambda: ops.cosine_similarity(one(2, 3), one(2, 3), axis=1), TypeError,
     "cosine_similarity: the argument is called dim here, not axis (as in PyTorch)"),
    (lambda: ops.cdist(one(2, 3), one(2, 4)), ValueError,
     "cdist: x1 (2, 3) and x2 (2, 4) must be (..., P, M) and (..., R, M): rows of vectors of one "
     "size M"),
    (lambda: ops.cdist(one(3), one(2, 3)), ValueError,
     "cdist: x1 (3,) and x2 (2, 3) must be (..., P, M) and (..., R, M)"),
    (lambda: ops.cdist(one(2, 4, 3), one(3, 5, 3)), ValueError,
     "cdist: the leading sizes of (2, 4, 3) and (3, 5, 3) do not broadcast"),
    (lambda: ops.cdist(one(2, 3), one(2, 3), p=float("nan")), ValueError,
     "cdist: p must be 0, a positive number or inf, not nan"),
]  # fmt: skip
