"""The table of a model: its modules, what they put out, their parameters and FLOPs.

Idea: one forward pass is watched. Hooks say when each module begins and ends and what it returned;
a watcher of ops counts the floating-point operations in between.
FLOPs are those of products: matrices, convolutions, attention; a multiply-add is two. Biases, norms
and activations are not counted, as is usual (PyTorch's FlopCounterMode counts the same).
Read next: ../watch.py, hooks.py.
"""

import math
from contextlib import ExitStack
from typing import NamedTuple

from minigen.autograd import no_grad
from minigen.nn import hooks
from minigen.tensor import Tensor
from minigen.watch import op_hook


class Row(NamedTuple):
    """A module: its name ("" of the whole), and what is known of it with all that is below."""

    name: str
    kind: str
    output: str  # shape of what its last call returned; "" if it was not called
    parameters: int
    flops: int  # of all its calls


class Summary:
    """The table and its sums: print it.

    rows: a Row for each module, the whole model first. parameters, trained: how many there are, and
    how many require a gradient, each counted once. bytes: of parameters and buffers. flops: of a
    forward pass of the inputs; None without inputs.
    """

    def __init__(self, module, inputs, depth):
        outputs, flops = _watched(module, inputs) if inputs else ({}, {})
        self.rows = [
            Row(name, type(m).__name__, outputs.get(m, ""), _count(m), flops.get(m, 0))
            for name, m in module.named_modules()
            if depth is None or _level(name) <= depth
        ]
        self.parameters = _count(module)
        self.trained = sum(p.numel() for p in module.parameters() if p.requires_grad)
        tensors = [*module.parameters(), *module.buffers()]
        self.bytes = sum(t.numel() * t.dtype.itemsize for t in tensors)
        self.flops = flops.get(module)

    def __str__(self):
        lines = [("module", "kind", "output", "parameters", "FLOPs")]
        for row in self.rows:
            name = "  " * _level(row.name) + row.name.rpartition(".")[2]
            numbers = [f"{n:,}" if n else "" for n in (row.parameters, row.flops)]
            lines.append((name, row.kind, row.output, *numbers))
        if self.flops is None:
            lines = [(name, kind, parameters) for name, kind, _, parameters, _ in lines]
        return "\n".join([*_aligned(lines), self._sums()])

    def _sums(self):
        frozen = self.parameters - self.trained
        text = f"{self.parameters:,} parameters"
        text += f" ({self.trained:,} trained, {frozen:,} frozen)" if frozen else ""
        text += f", {self.bytes / 1e6:,.2f} MB with buffers"
        return text if self.flops is None else f"{text}, {self.flops:,} FLOPs of a forward pass"


def _watched(module, inputs):
    """({module: its output's shape}, {module: its FLOPs}) of one forward pass.

    The pass is as in use, without dropout, and leaves the model as it was.
    """
    done, begun, outputs, flops = [0], [], {}, {}

    def count(op, args, y, seconds):
        done[0] += _FLOPS[op.name](args, y) if op.name in _FLOPS else 0

    def begin(m, args):
        begun.append(done[0])

    def end(m, args, y):
        flops[m] = flops.get(m, 0) + done[0] - begun.pop()
        outputs[m] = _shapes(y)

    with ExitStack() as stack:
        for m in module.modules():
            stack.callback(setattr, m, "training", m.training)
            for when, function in (("pre", begin), ("forward", end)):
                stack.callback(hooks.register(m, when, function).remove)
        module.eval()
        with no_grad(), op_hook(count):
            module(*inputs)
    return outputs, flops


# multiply-adds, twice: for each op its arguments and output -> a number

_FLOPS = {
    "linear": lambda args, y: 2 * y.numel() * args[1].shape[1],
    "matmul": lambda args, y: 2 * y.numel() * args[0].shape[-1],
    # weight (out, in / groups, *kernel): an element of the output sums in / groups · kernel terms
    "conv": lambda args, y: 2 * y.numel() * math.prod(args[1].shape[1:]),
    # weight (in, out / groups, *kernel): an element of the input goes into out / groups · kernel
    "conv_transpose": lambda args, y: 2 * math.prod(args[0].shape) * math.prod(args[1].shape[1:]),
    "scaled_dot_product_attention": lambda args, y: _attention(args[1], args[2], y),
}


def _attention(key, value, y):
    """query·keyᵀ and weights·value: 2·S·(E + Ev) for each query of each head of each sample."""
    return math.prod(y.shape[:-1]) * 2 * key.shape[-2] * (key.shape[-1] + value.shape[-1])


def _shapes(y):
    if isinstance(y, Tensor):
        return str(y.shape)
    if isinstance(y, (tuple, list)):
        return ", ".join(_shapes(one) for one in y if one is not None)
    return type(y).__name__


def _count(module):
    return sum(p.numel() for p in module.parameters())


def _level(name):
    return name.count(".") + 1 if name else 0


def _aligned(lines):
    """Rows of texts under each other, the numbers in the last columns to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    numbers = len(lines[0]) // 2  # the last two of five columns, the last of three
    for line in lines:
        sides = ["<"] * (len(line) - numbers) + [">"] * numbers
        cells = zip(line, sides, widths, strict=True)
        yield "  ".join(f"{cell:{side}{width}}" for cell, side, width in cells).rstrip()
