"""minigen's own functions and modules as pairs: forward the function, backward its gradient.

Idea: an `EnginePair` answers in arrays what child/pairs.py asks of homework, so that a function of
tensors is checked by the very same checker. A module's parameters are further arguments, named as
in `named_parameters`:

    gradcheck(ops.softmax, inputs=(x, -1))                  # an op, and its dim
    gradcheck(lambda x, w: ops.tanh(x @ w), inputs=(x, w))
    gradcheck(nn.Linear(3, 2), inputs=x)                    # arguments input, weight, bias
    gradcheck(vae.loss, inputs=dict(x=x, beta=0.5))         # a module's method: its parameters too

Floats are checked in float64, whatever they come in: the gradient is the same function, and its
differences say more about it.

Invariants: every forward works on a copy of the module, with buffers, mode and generators as they
were, and with the default generator where it stood when the check began. So it is a function, and
nothing of the user's changes, not even by an exception. What a plain function closes over is not
seen: it is the user's own, and its parameters are constants.
Read next: second_order.py (derivatives of the gradient, and products with the Jacobian).
"""

import copy
import inspect
from contextlib import contextmanager
from dataclasses import dataclass
from types import MethodType

import numpy as np

from minigen import autograd
from minigen.backend import to_device
from minigen.gradcheck.child import trees
from minigen.ops.random import default_generator
from minigen.tensor import Tensor


def as_pair(function, inputs, name=None, training=None):
    """A minigen function or module with its inputs, as an `EnginePair`.

    function: callable of tensors, a module, or a module's method
    inputs: a tuple of arguments, a dict of them by name, one argument alone, or callable(seed) ->
        one of these. An argument is an array or Tensor, a container of them, or anything else,
        which is passed as it is
    training: True or False sets the module's mode, None leaves it

    TypeError for what cannot be called, or be copied.
    """
    return EnginePair(function, inputs, name, training)


@dataclass
class Call:
    """A forward that happened."""

    inputs: tuple       # the arguments and parameters, with tensors for arrays
    result: object      # what the function returned, nested


class EnginePair:
    """A function of tensors, seen as forward and backward on arrays; see child/pairs.py.

    arguments: names of the function's arguments, then of the parameters; count: of the former.
    """

    def __init__(self, function, inputs, name=None, training=None):
        if not callable(function):
            raise TypeError(
                f"gradcheck: expected a function of tensors or a module, got {_kind(function)}"
            )
        owner = getattr(function, "__self__", function)
        self.function, self.training = function, training
        self.module = owner if hasattr(owner, "named_parameters") else None
        self.name = name or getattr(function, "__name__", _kind(function))
        self.make_inputs = inputs if callable(inputs) else lambda seed: inputs
        named = [] if self.module is None else self.module.named_parameters()
        self.parameters = {n: parameter for n, parameter in named if parameter.requires_grad}
        given, self.by_name = self._given(0)
        self.count = len(given)
        taken = {*given}
        named = [f"self.{n}" if n in taken else n for n in self.parameters]
        self.arguments = [*given, *named]
        devices = {"cpu", *(x.device for _, x in trees.leaves(given) if isinstance(x, Tensor))}
        devices |= {parameter.device for parameter in self.parameters.values()}
        self.generators = [(g, g.state_dict()) for g in map(default_generator, sorted(devices))]

    # ---- what the checker asks

    def describe(self):
        """What the checker needs to know: plain values only."""
        return {
            "name": self.name,
            "arguments": self.arguments,
            "defaults": {},
            "makes_inputs": True,
        }

    def inputs(self, seed):
        """The arguments for a seed, and the parameters' values: a tuple, arrays for tensors."""
        given = [*self._given(seed)[0].values(), *self.parameters.values()]
        self.devices = {p: x.device for p, x in trees.leaves(given) if isinstance(x, Tensor)}
        return tuple(trees.rebuilt(given, lambda path, leaf: _as_array(leaf)))

    def forward(self, inputs):
        """(outputs as arrays, None for those without a gradient; the `Call`)"""
        call = self.call(inputs)
        return trees.rebuilt(call.result, lambda path, y: _output(y)), call

    def backward(self, upstream, call):
        """The gradients of <upstream, outputs>, nested like the arguments; None where is none."""
        xs, (ys, vs) = self.leaves(call), self.weighted(call, upstream)
        with self.pinned():
            found = autograd.grad(ys, xs.values(), vs, retain_graph=True, allow_unused=True)
        grads = {p: g for p, g in zip(xs, found, strict=True) if g is not None}
        return trees.rebuilt(call.inputs, lambda path, x: _numpy(grads.get(path)))

    def cache(self, call):
        """The arrays that the recorded ops keep for their gradients: {op and number: [array]}."""
        stack = [y.node for _, y in trees.leaves(call.result) if isinstance(y, Tensor)]
        seen = {}
        while stack:
            node = stack.pop()
            if isinstance(node, autograd.Node) and node not in seen:
                seen[node] = f"{node.op.name} {len(seen)}"
                stack += node.edges
        return {name: [*autograd._arrays(node.saved)] for node, name in seen.items()}

    # ---- the function on tensors

    def call(self, inputs):
        """The function at these arrays, recorded: a `Call`. TypeError if it returns no tensor."""
        inputs = trees.rebuilt(inputs, self._tensor)
        given, parameters = inputs[: self.count], inputs[self.count :]
        function = self.function if self.module is None else self._twin(parameters)
        with self.pinned(), autograd.enable_grad():
            if self.by_name:
                result = function(**dict(zip(self.arguments, given, strict=False)))
            else:
                result = function(*given)
        self._check(result)
        return Call(inputs, result)

    def leaves(self, call):
        """{path: tensor} of the arguments that have a gradient."""
        return {p: x for p, x in trees.leaves(call.inputs) if _has_gradient(x)}

    def weighted(self, call, upstream):
        """(outputs with a gradient, the upstream of each), as lists of tensors."""
        vs = dict(trees.leaves(upstream))
        ys = {path: y for path, y in trees.leaves(call.result) if _has_gradient(y)}
        return [*ys.values()], [_on(vs[path], y.device) for path, y in ys.items()]

    @contextmanager
    def pinned(self):
        """Inside, the default generators stand where they stood when the check began."""
        before = [g.state_dict() for g, _ in self.generators]
        try:
            for generator, state in self.generators:
                generator.load_state_dict(state)
            yield
        finally:
            for (generator, _), state in zip(self.generators, before, strict=True):
                generator.load_state_dict(state)

    def _given(self, seed):
        """({name: argument} without the parameters, whether they were given by name)"""
        given = self.make_inputs(seed)
        if isinstance(given, dict) and given and {*given} <= {*self._signature()}:
            return given, True
        given = given if isinstance(given, (tuple, list)) else (given,)
        names = []
        for name, parameter in self._signature().items():
            if parameter.kind is parameter.VAR_POSITIONAL:
                names += [f"{name}[{i}]" for i in range(len(given) - len(names))]
            elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
                names.append(name)
        names += [f"argument {i}" for i in range(len(names), len(given))]   # the call will complain
        return dict(zip(names, given, strict=False)), False

    def _signature(self):
        """{name: inspect.Parameter} of the function; empty for one that Python cannot look into."""
        try:
            return inspect.signature(getattr(self.function, "forward", self.function)).parameters
        except (TypeError, ValueError):
            return {}

    def _tensor(self, path, leaf):
        """A leaf as the function gets it: a tensor in the array's memory, if it is an array."""
        if not isinstance(leaf, np.ndarray) or leaf.dtype.kind not in "biuf":
            return leaf
        data = to_device(leaf, self.devices.get(path, "cpu"))
        if path[0] >= self.count:
            return _like([*self.parameters.values()][path[0] - self.count], data)
        return Tensor(data, requires_grad=leaf.dtype.kind == "f")

    def _twin(self, parameters):
        """A copy of the module, or of the method's, with these tensors for its parameters."""
        memo = dict(zip(map(id, self.parameters.values()), parameters, strict=True))
        for constant in (*self.module.parameters(), *self.module.buffers()):
            if id(constant) not in memo:
                memo[id(constant)] = _like(constant, _as_double(constant.data))
        try:
            twin = copy.deepcopy(self.module, memo)
        except Exception as error:
            raise TypeError(
                f"gradcheck works on a copy of the module, and this {_kind(self.module)} cannot be "
                f"copied ({error}): give it a __deepcopy__, or check a function of tensors"
            ) from error
        if self.training is not None:
            twin.train(self.training)
        return twin if self.function is self.module else MethodType(self.function.__func__, twin)

    def _check(self, result):
        """TypeError unless some output is a tensor with a gradient."""
        outputs = [leaf for _, leaf in trees.leaves(result)]
        if not any(isinstance(y, Tensor) for y in outputs):
            kinds = ", ".join(sorted({_kind(y) for y in outputs})) or "nothing"
            raise TypeError(
                f"{self.name} must return a tensor, or a tuple, list or dict of them, not {kinds}: "
                "a gradient needs minigen.ops, not NumPy or .item()"
            )
        if not any(map(_has_gradient, outputs)):
            raise TypeError(
                f"{self.name}: no output requires grad; its floating arguments do, so it must have "
                "computed under no_grad, from .detach() or .numpy(), or with integers only"
            )


def _has_gradient(x):
    return isinstance(x, Tensor) and x.requires_grad


def _kind(value):
    return type(value).__name__


def _as_double(array):
    """A copy in float64, or, of integers, in their own dtype."""
    return array.astype("float64" if array.dtype.kind in "fV" else array.dtype)


def _numpy(tensor):
    """A tensor's values as an array; None as None."""
    return None if tensor is None else tensor.detach().to("cpu").numpy()


def _as_array(leaf):
    """A leaf of what the user gave, as the checker gets it: tensors as arrays, floats in 64 bits."""
    leaf = _numpy(leaf) if isinstance(leaf, Tensor) else leaf
    narrow = isinstance(leaf, np.ndarray) and leaf.dtype.kind in "fV" and leaf.dtype != np.float64
    return _as_double(leaf) if narrow else leaf


def _output(y):
    """An output as the checker gets it: None for what is no tensor, or a float without gradient.

    Integers count nothing, but can be compared from call to call.
    """
    counts = isinstance(y, Tensor) and (y.requires_grad or y.dtype.kind not in "fV")
    return _numpy(y) if counts else None


def _on(array, device):
    """An array as a tensor on a device; tensors as they are."""
    return array if isinstance(array, Tensor) else Tensor(to_device(np.asarray(array), device))


def _like(tensor, data):
    """A leaf of the same class, that requires grad if the tensor does, around other data."""
    twin = copy.copy(tensor)
    twin._data, twin.grad, twin.hooks = data, None, None
    return twin
