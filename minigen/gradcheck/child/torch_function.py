"""A `torch.autograd.Function`, checked as PyTorch sees it.

Idea: forward and backward are not called by us but through `apply` and `torch.autograd.grad`, so
that what is checked is what a training run would get. Floating arrays become tensors that require a
gradient, on the same memory; everything else is passed as it is, integer arrays as tensors.
PyTorch is never imported here: a homework that subclasses it has done so.
Read next: classes.py (layers without a framework).
"""

import inspect
import sys

from numpy import asarray, generic, ndarray

from . import trees
from .pairs import Pair, title
from .pairs import arguments as arguments_of
from .trees import is_float


def is_torch_function(value):
    """Whether value is a subclass of torch.autograd.Function, told by name."""
    return inspect.isclass(value) and any(
        (base.__module__, base.__name__) == ("torch.autograd.function", "Function")
        for base in value.__mro__[1:]
    )


class TorchPair(Pair):
    """A subclass of torch.autograd.Function, its context first in forward or set up apart."""

    def __post_init__(self):
        function = self.forward_function
        apart = any("setup_context" in vars(base) for base in function.__mro__
                    if not base.__module__.startswith("torch."))
        signature = inspect.signature(function.forward)
        parameters = list(signature.parameters.values())
        self.signature = signature.replace(parameters=parameters[0 if apart else 1 :])
        self.backward_function = function.backward
        self.titles = f"{title(function)}.forward", f"{title(function)}.backward"
        self.arguments = arguments_of(self.signature)

    def functions(self):
        """The two methods."""
        return [self.forward_function.forward, self.backward_function]

    def forward(self, inputs):
        """(outputs, context); context: the tensors that apply was given, and what it returned."""
        given = trees.rebuilt(inputs, lambda _, leaf: tensor(leaf, wants_gradient=True))
        returned = self.forward_function.apply(*given)
        outputs = trees.rebuilt(returned, lambda _, leaf: array_of(leaf))
        return outputs, (given, returned)

    def backward(self, upstream, context):
        """One gradient per argument, None for those that have none."""
        given, returned = context
        leaves = [t for _, t in trees.leaves(returned) if requires_gradient(t)]
        ups = [tensor(v) for (_, v), (_, t) in
               zip(trees.leaves(upstream), trees.leaves(returned), strict=True)
               if requires_gradient(t)]
        wanted = [t for t in given if requires_gradient(t)]
        found = [None] * len(wanted)
        if leaves and wanted:
            found = sys.modules["torch"].autograd.grad(
                leaves, wanted, ups, retain_graph=True, allow_unused=True
            )
        gradients = iter(found)
        each = [next(gradients) if requires_gradient(t) else None for t in given]
        return tuple(None if g is None else array_of(g) for g in each)

    def cache(self, context):
        """The tensors that forward saved, as arrays on the same memory."""
        nodes = [getattr(t, "grad_fn", None) for _, t in trees.leaves(context[1])]
        saved = [t for node in nodes for t in getattr(node, "saved_tensors", ())]
        return [array_of(t) for t in saved if t is not None]


def requires_gradient(value):
    """Whether value is a tensor that PyTorch differentiates."""
    return getattr(value, "requires_grad", False) is True


def tensor(leaf, wants_gradient=False):
    """A NumPy array, or number, as a tensor: on the same memory where PyTorch can."""
    if not isinstance(leaf, (ndarray, generic)):
        return leaf
    torch = sys.modules["torch"]
    shares = isinstance(leaf, ndarray) and leaf.flags.writeable and min(leaf.strides, default=1) > 0
    made = torch.from_numpy(leaf) if shares else torch.tensor(asarray(leaf).copy())
    return made.requires_grad_() if wants_gradient and is_float(leaf) else made


def array_of(value):
    """A tensor as an array on its memory; anything else as it is."""
    detach = getattr(value, "detach", None)
    return value if detach is None else detach().numpy()
