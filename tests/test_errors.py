"""What minigen says of a mistake: one row per promise, with the text that must be said.

Each row is a call, the exception, and a part of its message. Mistakes in defining an op stand in
test_user_ops.py, writing over saved memory in test_memory.py.
"""

import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import minigen as mg
from minigen import errors, nn, ops
from minigen.backend import cupy

one, T = mg.ones, mg.tensor


def leaf(*shape):
    return mg.ones(*shape, requires_grad=True)


def backward_twice():
    loss = (leaf(2) * 2).sum()
    loss.backward()
    loss.backward()


def set_item(x, key, value):
    x[key] = value


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

ELEMENTWISE = [
    (lambda: one(3) + one(2), ValueError,
     "add: shapes (3,) and (2,) do not broadcast: in dimension -1 the sizes 3 and 2 differ, and "
     "neither is 1"),
    (lambda: one(4, 3) * one(4), ValueError, "did you mean reshape(-1, 1) for the second?"),
    (lambda: ops.add(np.ones(3), np.ones(2)), ValueError, "add: shapes (3,) and (2,)"),
    (lambda: ops.where(one(3) > 0, one(3), one(2)), ValueError,
     "where: shapes (3,) and (3,) and (2,) do not broadcast"),
    (lambda: ops.where(one(2), one(2), one(2)), TypeError,
     "where: the condition must be boolean, not float32; compare first"),
    (lambda: one(2) + None, TypeError, "add: None is not a tensor, array or number"),
    (lambda: one(2) * "two", TypeError, "mul: str 'two' is not a tensor, array or number"),
    (lambda: ops.exp(None), TypeError, "exp: None is not a tensor, array or number"),
    (lambda: ops.sum([1.0, 2.0]), TypeError, "sum: list [1.0, 2.0] is not a tensor"),
    (lambda: ops.clamp(one(2), None, "b"), TypeError, "clamp: str 'b' is not a tensor"),
    (lambda: ops.clamp(one(2)), ValueError, "clamp: give min, max or both"),
    (lambda: T([2]) ** -1, ValueError, "pow: Integers to negative integer powers are not allowed"),
    (lambda: ops.gelu(one(2), "fast"), ValueError,
     "gelu: approximate must be \"none\" or \"tanh\", not 'fast'"),
    (lambda: ops.tanh(one(2), 3), TypeError, "tanh: takes 1 arguments (x), got 2"),
    (lambda: one(2) & T([1, 2]), TypeError,
     "bitwise_and: only integers and booleans have bits; logical_and, logical_or and logical_not"),
    (lambda: ~one(2), TypeError, "bitwise_not: only integers and booleans have bits; logical_and"),
    (lambda: ops.add(one(2)), TypeError, "add: argument b is missing (a, b)"),
    (lambda: ops.add(one(2), a=one(2)), TypeError, "add: argument a was given twice"),
    (lambda: ops.leaky_relu(one(2), negative_slop=1), TypeError,
     "leaky_relu: no argument negative_slop (it takes x, negative_slope); did you mean "
     "negative_slope?"),
]  # fmt: skip

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

INDEXING = [
    (lambda: set_item(one(3), 0, 5.0), TypeError,
     "x[i] = v: tensors are not changed in place; use minigen.ops.put(x, i, v) for a changed copy, "
     "minigen.ops.where(mask, v, x), or minigen.assign(x, values) for a leaf"),
    (lambda: one(3)[1.5], IndexError, "index: 1.5 cannot be an index; use integers, slices, or a"),
    (lambda: one(3)[T([1.0])], IndexError, "index: float32 cannot be an index"),
    (lambda: ops.put(one(3), 1.5, 0), IndexError, "put: 1.5 cannot be an index"),
    (lambda: one(3)[7], IndexError, "index: index 7 is out of bounds for dim 0 with size 3"),
    (lambda: one(3)[0, 0], IndexError, "index: too many indices for array: array is 1-dimensional"),
    (lambda: one(3).gather(0, T([3])), IndexError,
     "gather: the index must lie in [-3, 3): dim 0 of (3,)"),
    (lambda: one(3).gather(0, T([[0]])), ValueError,
     "gather: index (1, 1) must have as many dimensions as (3,)"),
    (lambda: one(3, 2).gather(0, T([[0, 0, 0]])), ValueError,
     "gather: index (1, 3) is larger than (3, 2) in dimension 1"),
    (lambda: one(3).gather(0, T([0.0])), IndexError, "gather: the index must hold integers, not"),
    (lambda: one(3).scatter_add(0, T([5]), one(1)), IndexError, "scatter_add: the index must lie"),
    (lambda: len(T(1.0)), TypeError, "len() of a 0-dimensional tensor"),
    (lambda: [1, 2][T(1.0)], TypeError, "a float32 tensor cannot be an index; use .long()"),
]  # fmt: skip

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
    (lambda: ops.max_pool2d(one(3, 8, 8), 2), ValueError,
     "max_pool2d: x (3, 8, 8) must have 4 dimensions, (N, C, H, W)"),
    (lambda: ops.avg_pool2d(one(1, 1, 8, 8), 9), ValueError,
     "avg_pool2d: kernel (9, 9) is larger than x (1, 1, 8, 8) with padding (0, 0)"),
    (lambda: ops.max_pool2d(one(1, 1, 8, 8), 2, padding=2), ValueError,
     "max_pool2d: padding (2, 2) is more than half of kernel (2, 2)"),
    (lambda: ops.max_pool2d(one(1, 1, 8, 8), 1.5), ValueError,
     "max_pool2d: kernel_size must be one or two numbers >= 1, not 1.5"),
    (lambda: ops.batch_norm(one(2, 3), one(2), one(3)), ValueError,
     "batch_norm: running_mean (2,) must have x's channels, (3,)"),
    (lambda: ops.batch_norm(one(1, 3), None, None, training=True), ValueError,
     "batch_norm: x (1, 3) has 1 value per channel; training needs two"),
    (lambda: ops.batch_norm(one(2, 3), None, None), ValueError,
     "batch_norm: without running statistics there is only training=True"),
    (lambda: ops.batch_norm(one(3), one(3), one(3)), ValueError,
     "batch_norm: x (3,) must have its channels in dimension 1"),
]  # fmt: skip

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

GRADIENTS = [
    (backward_twice, RuntimeError,
     "backward: the graph through sum was freed by an earlier backward; pass retain_graph=True "
     "there if you need it twice"),
    (lambda: leaf(3).backward(), RuntimeError,
     "backward: the output has shape (3,); only a single number has a gradient without an upstream "
     "one. Reduce it (.sum(), .mean()) or pass gradient="),
    (lambda: one(1).backward(), RuntimeError,
     "backward: the output of shape (1,) does not require grad: it was computed under no_grad, "
     "from detached tensors, or from no parameter at all"),
    (lambda: leaf(3).backward(one(2)), ValueError,
     "backward: gradient of shape (2,) for an output of (3,)"),
    (lambda: mg.grad([leaf(1), leaf(1)], leaf(1), [one(1)]), ValueError,
     "grad: 2 outputs but 1 gradients"),
    (lambda: mg.grad(leaf(1).sum(), one(2)), RuntimeError,
     "grad: input 0 of shape (2,) does not require grad"),
    (lambda: mg.grad(leaf(1).sum(), leaf(2)), RuntimeError,
     "grad: the outputs do not depend on input 0 of shape (2,); pass allow_unused=True to get"),
    (lambda: one(2).register_hook(print), RuntimeError,
     "register_hook: this tensor does not require grad"),
    (lambda: leaf(2).numpy(), RuntimeError,
     "numpy(): this tensor requires grad; use .detach().numpy()"),
    (lambda: np.asarray(leaf(2)), RuntimeError, "use .detach().numpy()"),
    (lambda: T([1, 2], requires_grad=True), TypeError,
     "a tensor of dtype int64 cannot require grad: only floats have gradients; use .float() first"),
    (lambda: mg.assign(leaf(2), one(3)), ValueError, "assign: (3,) does not broadcast to (2,)"),
    (lambda: mg.vjp(lambda x: x, T([1])), TypeError,
     "vjp: input 0 must be a float tensor, got a tensor of int64"),
    (lambda: mg.jacobian(lambda x: x, 3.0), TypeError,
     "jacobian: input 0 must be a float tensor, got float"),
    (lambda: mg.jvp(lambda x: x, one(2), one(3)), ValueError,
     "jvp: vectors [(3,)] must have the inputs' shapes [(2,)]"),
    (lambda: mg.hvp(lambda x: x, one(2), one(2)), ValueError,
     "hvp: f must return one number, got shape (2,)"),
    (lambda: mg.hessian(lambda x: x, one(2)), ValueError,
     "hessian: f must return one number, got shape (2,)"),
    (lambda: mg.checkpoint(lambda x: (x, x), leaf(2)), TypeError,
     "checkpoint: f must return one tensor, got tuple"),
]  # fmt: skip

MAKING = [
    (lambda: mg.Tensor([1.0]), TypeError,
     "Tensor: expected an array, got list; minigen.tensor() makes tensors from numbers and lists"),
    (lambda: T([[1], [1, 2]]), ValueError, "tensor: the nested lists do not form a box"),
    (lambda: T(1j), TypeError, "tensor: complex is not supported; keep real and imaginary part"),
    (lambda: T("text"), TypeError, "tensor: <U4 elements are not numbers"),
    (lambda: mg.from_numpy([1]), TypeError, "from_numpy: expected a NumPy array, got list"),
    (lambda: mg.arange(3, step=0), ValueError, "arange: step must not be 0"),
    (lambda: one(2).item(), ValueError, "item(): a tensor of shape (2,) is not a single number"),
    (lambda: float(one(2)), ValueError, "item(): a tensor of shape (2,) is not a single number"),
    (lambda: bool(one(2) == 1), ValueError, "the truth of a tensor of shape (2,) is ambiguous"),
    (lambda: mg.Generator(-1), ValueError,
     "Generator: the seed must be a whole number >= 0, not -1"),
    (lambda: mg.manual_seed(1.5), ValueError, "the seed must be a whole number >= 0, not 1.5"),
    (lambda: ops.randint(3, 3, (2,)), ValueError, "randint: [3, 3) is empty"),
    (lambda: ops.dropout(one(2), 1.5), ValueError,
     "dropout: p is a probability, 1.5 is not in [0, 1]"),
    (lambda: ops.dropout(one(2), rng=0), TypeError,
     "dropout: rng must be a generator, such as minigen.Generator(0), not 0"),
]  # fmt: skip

DEVICES = [
    (lambda: one(2, device="cuda"), ValueError,
     'device \'cuda\' is not known: use "cpu", "gpu" or "gpu:1"'),
    (lambda: mg.Generator(device="tpu"), ValueError, "device 'tpu' is not known"),
    (lambda: one(2).to("gpu:x"), ValueError, "device 'gpu:x' is not known"),
    (lambda: one(2).to("cuda"), TypeError,
     'to: \'cuda\' is neither a device ("cpu", "gpu", "gpu:1") nor a dtype'),
]  # fmt: skip

TABLE = [*MATMUL, *ELEMENTWISE, *KEYWORDS, *DIMENSIONS, *SHAPES, *INDEXING, *CONVOLUTION, *LOSSES,
         *GRADIENTS, *MAKING, *DEVICES]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "text"), TABLE, ids=[text[:60] for *_, text in TABLE])
def test_the_message(call, error, text):
    with pytest.raises(error, match=re.escape(text)) as caught:
        call()
    assert type(caught.value) is error


# ---- devices that are not here


def mixing(monkeypatch, call):
    """The error of call() where two devices meet: arrays of even size are said to be on the GPU."""
    monkeypatch.setattr(errors, "device_of", lambda x: "gpu" if x.size % 2 == 0 else "cpu")
    with pytest.raises(RuntimeError) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: one(3) + one(2), "add"),
        (lambda: ops.where(one(3) > 0, one(3), one(2)), "where"),
        (lambda: ops.gather(one(3), 0, T([1, 9])), "index"),
        (lambda: one(3)[T([5, 6])], "index"),
    ],
)
def test_mixing_devices_names_both_and_the_fix(monkeypatch, call, name):
    first, second = mixing(monkeypatch, call).split("; ")
    assert re.fullmatch(rf"{name}: one argument is on (cpu|gpu), another on (gpu|cpu)", first)
    assert re.fullmatch(r'move one of them, for example with \.to\("(cpu|gpu)"\)', second)


@pytest.fixture
def without_cupy(monkeypatch):
    """Importing CuPy fails, as where it is not installed."""
    monkeypatch.setitem(sys.modules, "cupy", None)
    cupy.module.cache_clear()
    yield
    cupy.module.cache_clear()


@pytest.mark.parametrize(
    "call",
    [lambda: one(2, device="gpu"), lambda: one(2).to("gpu:1"), lambda: T([1], device="gpu"),
     lambda: ops.normal((2,), device="gpu"), lambda: nn.Linear(2, 2).to("gpu"),
     lambda: mg.Generator(0, "gpu").uniform(3)],
)  # fmt: skip
def test_a_missing_gpu_is_an_error_with_the_fix(without_cupy, call):
    text = 'device "gpu": CuPy is not installed. Install the extra of your driver, gpu12 or gpu13'
    with pytest.raises(RuntimeError, match=re.escape(text)) as caught:
        call()
    assert "`minigen doctor` says which" in str(caught.value)


def test_cupy_without_a_gpu_is_another_error(monkeypatch):
    blind = SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: False), ndarray=type(None))
    monkeypatch.setitem(sys.modules, "cupy", blind)
    cupy.module.cache_clear()
    with pytest.raises(RuntimeError, match=r'CuPy is installed but sees no GPU .* device="cpu"'):
        cupy.module()
    cupy.module.cache_clear()


def test_a_gpu_that_does_not_exist_is_named(monkeypatch):
    runtime = SimpleNamespace(getDeviceCount=lambda: 2)
    fake = SimpleNamespace(cuda=SimpleNamespace(runtime=runtime))
    monkeypatch.setattr(cupy, "module", lambda: fake)
    with pytest.raises(RuntimeError, match='"gpu:2": this machine has 2, numbered from 0'):
        cupy.use(2)


def test_the_cause_is_kept():
    with pytest.raises(ValueError, match="do not broadcast") as caught:
        one(3) + one(2)
    assert isinstance(caught.value.__cause__, ValueError)


def test_an_error_of_an_op_within_an_op_keeps_its_own_name():
    with pytest.raises(ValueError, match=r"^conv2d: ") as caught:
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())(one(1, 1, 8, 8))
    assert "x (1, 1, 8, 8) has 1 channels, weight (4, 3, 3, 3)" in str(caught.value)
