"""Wrong calls of ops (shape) and what minigen says of them; see test_errors.py."""

import minigen as mg
from minigen import ops

one, T = mg.ones, mg.tensor

SHAPES = [
    (lambda: one(2, 3).reshape(4, 2), ValueError,
     "reshape: (2, 3) has 6 elements, (4, 2) asks for 8"),
    (lambda: one(2, 3).reshape(-1, 4), ValueError, "(-1, 4) asks for a multiple of 4"),
    (lambda: one(6).view(4), ValueError, "reshape: (6,) has 6 elements, (4,) asks for 4"),
    (lambda: one(2, 6).unflatten(1, (2, 2)), ValueError,
     "unflatten: (2, 2) must multiply to 6, dim 1 of (2, 6)"),
    (lambda: one(2, 3).flatten(1, 0), ValueError, "flatten: start_dim 1 lies after end_dim 0"),
    (lambda: one(3).expand(2, 2), ValueError,
     "broadcast_to: (3,) does not expand to (2, 2): only dimensions of size 1, and new ones"),
    (lambda: one(2, 3).permute(0, 0), ValueError,
     "permute: dims (0, 0) must name each of the 2 dimensions of (2, 3) once"),
    (lambda: ops.cat([one(2, 3), one(2, 4)]), ValueError,
     "cat: (2, 3) and (2, 4) differ outside of dim 0"),
    (lambda: ops.cat([]), ValueError, "cat: no tensors to join"),
    (lambda: ops.cat(one(2), one(2)), TypeError, "cat: give the tensors in one list, cat([a, b])"),
    (lambda: ops.stack([1, 2]), TypeError, "stack: int 1 is not a tensor"),
    (lambda: ops.meshgrid([one(2), one(2)]), TypeError,
     "meshgrid: list is not a tensor; give them one by one, meshgrid(a, b)"),
    (lambda: ops.pad(one(2), 1), TypeError,
     "pad: the widths are a tuple, (left, right, ...), not 1"),
    (lambda: ops.stack([one(2), one(3)]), ValueError,
     "stack: all shapes must be the same, got [(2,), (3,)]"),
    (lambda: one(5).split([2, 2]), ValueError, "split: sizes [2, 2] do not add up to 5 in dim 0"),
    (lambda: one(5).split(0), ValueError, "split: split_size must be at least 1, not 0"),
    (lambda: one(5).chunk(0), ValueError, "chunk: chunks must be at least 1, not 0"),
    (lambda: ops.pad(one(2, 2), (1, 1, 1)), ValueError,
     "pad: 3 widths for 2 dimensions; give two per dimension"),
    (lambda: ops.pad(one(2), (-3, 0)), ValueError, "pad: widths (-3, 0) crop more than (2,) has"),
    (lambda: ops.pad(one(2), (1, 1), mode="reflect"), ValueError,
     "pad: mode 'reflect' does not exist; there is \"constant\""),
    (lambda: ops.meshgrid(one(2), indexing="ab"), ValueError,
     "meshgrid: indexing must be \"ij\" or \"xy\", not 'ab'"),
]  # fmt: skip
