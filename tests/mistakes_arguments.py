"""Wrong calls of ops (arguments) and what minigen says of them; see test_errors.py."""

import minigen as mg
from minigen import ops

one, T = mg.ones, mg.tensor

KEYWORDS = [
    (call, TypeError, f"{name}: the argument is called {ours} here, not {theirs} (as in PyTorch)")
    for call, name, ours, theirs in [
        (lambda: ops.sum(one(2), axis=0), "sum", "dim", "axis"),
        (lambda: one(2).sum(axis=0), "sum", "dim", "axis"),
        (lambda: one(2).sum(keepdims=True), "sum", "keepdim", "keepdims"),
        (lambda: one(2).mean(axis=0, keepdims=True), "mean", "dim", "axis"),
        (lambda: one(2).var(ddof=0), "var", "correction", "ddof"),
        (lambda: one(2).std(axis=0), "std", "dim", "axis"),
        (lambda: one(2).amax(axis=0), "amax", "dim", "axis"),
        (lambda: one(2).max(axis=0), "max", "dim", "axis"),
        (lambda: ops.min(one(2), keepdims=True), "min", "keepdim", "keepdims"),
        (lambda: one(2).argmin(axis=0), "argmin", "dim", "axis"),
        (lambda: one(2).logsumexp(axis=0), "logsumexp", "dim", "axis"),
        (lambda: one(2).softmax(axis=0), "softmax", "dim", "axis"),
        (lambda: ops.log_softmax(one(2), axis=0), "log_softmax", "dim", "axis"),
        (lambda: ops.cat([one(2)], axis=0), "cat", "dim", "axis"),
        (lambda: ops.stack([one(2)], axis=0), "stack", "dim", "axis"),
        (lambda: one(2).split(1, axis=0), "split", "dim", "axis"),
        (lambda: ops.chunk(one(2), 1, axis=0), "chunk", "dim", "axis"),
        (lambda: one(2).squeeze(axis=0), "squeeze", "dim", "axis"),
        (lambda: one(2).unsqueeze(axis=0), "unsqueeze", "dim", "axis"),
        (lambda: one(2).flip(axis=0), "flip", "dims", "axis"),
        (lambda: one(2).permute(axes=(0,)), "permute", "dims", "axes"),
        (lambda: ops.gather(one(2), axis=0, index=T([0])), "gather", "dim", "axis"),
        (lambda: one(2).clamp(a_min=0), "clamp", "min", "a_min"),
    ]
] + [
    (lambda: ops.cat([one(2)], dims=0), TypeError,
     "cat: no argument dims (it takes tensors, dim); did you mean dim?"),
    (lambda: one(2).permute(dims=(0,)), TypeError, "permute: give dims by position"),
    (lambda: one(2).var(unbiased=False), TypeError,
     "var: the argument is called correction here, not unbiased"),
    (lambda: ops.l1_loss(input=one(2), target=one(2)), TypeError,
     "l1_loss: the argument is called x here, not input"),
    (lambda: ops.conv2d(one(1, 1, 3, 3), one(1, 1, 3, 3), strides=2), TypeError,
     "conv2d: no argument strides (it takes x, weight, bias, stride, padding, dilation, groups); "
     "did you mean stride?"),
    (lambda: ops.avg_pool2d(one(1, 1, 2, 2), kernel=2), TypeError, "did you mean kernel_size?"),
    (lambda: ops.dropout(one(2), inplace=True), TypeError, "dropout: no argument inplace"),
    (lambda: ops.reshape(one(2), shape=(2,)), TypeError,
     "reshape: give shape by position, not as a keyword"),
    (lambda: ops.expand(one(2), size=(2, 2)), TypeError, "expand: no argument size (it takes x, "),
    (lambda: ops.gather(one(2), 0), TypeError, "gather: argument index is missing (x, dim, index)"),
    (lambda: ops.solve_triangular(one(2, 2), one(2, 2)), TypeError,
     "solve_triangular: argument upper is missing (A, B, upper"),
    (lambda: ops.gather(one(2), 0, T([0]), 3), TypeError,
     "gather: takes 3 arguments (x, dim, index), got 4"),
    (lambda: ops.gather(one(2), x=0), TypeError, "gather: argument x was given twice"),
    (lambda: ops.sort(x=[1, 2]), TypeError, "sort: list [1, 2] is not a tensor"),
    (lambda: ops.scatter_add(one(2), 0, T([0]), 2.0), TypeError,
     "scatter_add: float 2.0 is not a tensor"),
]  # fmt: skip

DIMENSIONS = [
    (call, IndexError,
     f"{name}: dim {dim} is out of range for a {of} of {n} dimensions ({expected})")
    for call, name, dim, of, n, expected in [
        (lambda: one(2, 3).sum(2), "sum", 2, "tensor", 2, "expected -2 to 1"),
        (lambda: one(2, 3).mean((0, -3)), "mean", -3, "tensor", 2, "expected -2 to 1"),
        (lambda: one(2, 3).max(2), "max", 2, "tensor", 2, "expected -2 to 1"),
        (lambda: one(2, 3).argmax(5), "argmax", 5, "tensor", 2, "expected -2 to 1"),
        (lambda: T(2.0).sum(5), "sum", 5, "tensor", 0, "expected -1 to 0"),
        (lambda: T(2.0).var((0, 1)), "var", 1, "tensor", 0, "expected -1 to 0"),
        (lambda: one(2).softmax(1), "softmax", 1, "tensor", 1, "expected -1 to 0"),
        (lambda: ops.cat([one(2)], 1), "cat", 1, "tensor", 1, "expected -1 to 0"),
        (lambda: ops.stack([one(2)], 2), "stack", 2, "result", 2, "expected -2 to 1"),
        (lambda: one(2).unsqueeze(-3), "unsqueeze", -3, "result", 2, "expected -2 to 1"),
        (lambda: one(2).squeeze(1), "squeeze", 1, "tensor", 1, "expected -1 to 0"),
        (lambda: one(2, 3).transpose(0, 2), "transpose", 2, "tensor", 2, "expected -2 to 1"),
        (lambda: one(2, 3).flip(2), "flip", 2, "tensor", 2, "expected -2 to 1"),
        (lambda: one(2, 3).flatten(2), "flatten", 2, "tensor", 2, "expected -2 to 1"),
        (lambda: one(2).gather(1, T([0])), "gather", 1, "tensor", 1, "expected -1 to 0"),
        (lambda: one(2).size(1), "size", 1, "tensor", 1, "expected -1 to 0"),
    ]
] + [
    (lambda: one(2).sum(1.5), TypeError, "sum: 'float' object cannot be interpreted as an integer"),
    (lambda: one(2).sum((0, 0)), ValueError, "sum: duplicate value in 'dim'"),
    (lambda: one(2).unsqueeze("a"), TypeError, "unsqueeze: dim must be a whole number, not 'a'"),
    (lambda: one(2).softmax(), TypeError, "softmax: give dim, along which the probabilities sum"),
    (lambda: mg.zeros(0).amax(), ValueError, "amax: shape (0,) has nothing to choose from"),
    (lambda: mg.zeros(2, 0).argmin(1), ValueError, "argmin: shape (2, 0) has nothing to choose"),
]  # fmt: skip
