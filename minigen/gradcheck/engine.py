"""minigen's own functions and modules as pairs: forward the function, backward its gradient.

Idea: an `EnginePair` answers in arrays what child/pairs.py asks of homework, so that a function of
tensors is checked by the very same checker. A module's parameters are further arguments, named as
in `named_parameters`:

    gradcheck(ops.softmax, inputs=(x, -1))                  # an op, and its dim
    gradcheck(lambda x, w: ops.tanh(x @ w), inputs=(x, w), order=2)
    gradcheck(nn.Linear(3, 2), inputs=x)                    # arguments x, weight, bias
    gradcheck(vae.loss, inputs=dict(x=x, beta=0.5))         # a module's method: its parameters too

Floats are checked in float64, whatever they come in: the gradient is the same function, and its
differences say more about it.

Invariants: every forward works on a copy of the module, with buffers, mode and generators as they
were, and with the default generator where it stood when the check began. So it is a function, and
nothing of the user's changes, not even by an exception. What a plain function closes over is not
seen: it is the user's own, and what is in it counts as constant.
Read next: second_order.py (derivatives of the gradient, and products with the Jacobian).
"""

import copy
import inspect
import linecache
import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MethodType

import numpy as np

from minigen import autograd
from minigen.backend import to_device, to_numpy
from minigen.gradcheck.checker import check_pair
from minigen.gradcheck.child import trees
from minigen.gradcheck.child.randomness import Randomness, variables_of
from minigen.gradcheck.child.session import Session, StudentError
from minigen.gradcheck.second_order import beyond
from minigen.ops.creation import zeros_like
from minigen.ops.random import default_generator
from minigen.tensor import Tensor

OURS = str(Path(autograd.__file__).parent)      # whose lines are not the user's


def check_engine(function, inputs, settings, *, wrt=None, order=1, name=None):
    """Is the gradient of a minigen function or module right? A Report.

    order: 2 checks the gradient of the gradient, too, as `create_graph=True` computes it; settings:
    a Settings of checker.py; the rest as in `as_pair`. ValueError for another order.
    """
    if order not in (1, 2):
        raise ValueError(f"gradcheck: order must be 1 or 2, not {order!r}")
    pair = as_pair(function, inputs, wrt=wrt, name=name)
    session = Session({pair.name: pair})
    report = check_pair(session, pair.describe(), settings)
    return beyond(report, pair, order, settings)


def as_pair(function, inputs, *, wrt=None, name=None):
    """A minigen function or module with its inputs, as an `EnginePair`.

    function: callable of tensors, a module, or a module's method
    inputs: a tuple of arguments, a dict of them by name, one argument alone, or callable(seed) ->
        one of these. An argument is an array or Tensor, a container of them, or anything else,
        which is passed as it is
    wrt: names of arguments (x) or of parts (params['W']) that must have a gradient; None: all that
        the recorded graph leads to

    A module that computes something else in its other mode has one more argument, `training`.
    TypeError for what cannot be called, and for a class of modules.
    """
    if not callable(function):
        raise TypeError(
            f"gradcheck: expected a function of tensors or a module, got {_kind(function)}"
        )
    if isinstance(function, type) and hasattr(function, "named_parameters"):
        name = function.__name__
        raise TypeError(f"gradcheck: {name} is a class; give it a module, such as {name}(...)")
    make_inputs = inputs if callable(inputs) else lambda seed: inputs
    pair = EnginePair(_Template(function), make_inputs, name)
    pair.explore([wrt] if isinstance(wrt, str) else wrt)
    return pair


@dataclass
class Call:
    """A forward that happened."""

    inputs: tuple       # the arguments and parameters, with tensors for arrays
    result: object      # what the function returned, nested


class EnginePair:
    """A function of tensors, seen as forward and backward on arrays; see child/pairs.py.

    arguments: names of the function's arguments, of the parameters, and perhaps `training`
    wrt: labels of what has a gradient, in the order of backward's
    unreached: paths of floating arguments that no gradient gets to, where wrt was left open
    """

    def __init__(self, template, make_inputs, name=None):
        self.template, self.make_inputs = template, make_inputs
        self.name = name or template.name
        given, self.by_name = self._given(0)
        self.count = len(given)
        own = [f"self.{n}" if n in given else n for n in template.parameters]
        self.arguments, self.has_modes = [*given, *own], False
        self.wrt, self.unreached = None, []
        tensors = [*given.values(), *template.parameters.values()]
        devices = {x.device for _, x in trees.leaves(tensors) if isinstance(x, Tensor)}
        generators = map(default_generator, sorted({"cpu", *devices}))
        self.generators = [(g, g.state_dict()) for g in generators]
        self.randomness = Randomness(variables_of(self.functions()))

    def explore(self, wrt):
        """Find out, by a call, what the outputs depend on, and whether the modes differ."""
        try:
            with self.pinned():
                call = self.call(trees.fresh(self.inputs(0)))
        except StudentError:        # the checker will meet it again, and report it
            self.wrt = wrt
            return
        floats = {self.named(p): (p, x) for p, x in trees.leaves(call.inputs) if _recorded(x)}
        history = _history(call.result)
        if wrt is None:
            self.wrt = [label for label, (_, x) in floats.items() if x in history]
            self.unreached = [path for path, x in floats.values() if x not in history]
        else:       # a name that is none of ours stays, for the checker to say so
            whole = {label: self.arguments[path[0]] for label, (path, _) in floats.items()}
            parts = [[n for n in floats if name in (n, whole[n])] or [name] for name in wrt]
            self.wrt = [label for labels in parts for label in labels]
        if "training" not in self.arguments and hasattr(self.template.module, "training"):
            self.has_modes = True
            self.has_modes = self._modes_differ(call)
            self.arguments += ["training"] * self.has_modes

    # ---- what the checker asks

    def describe(self):
        """What the checker needs to know: plain values only."""
        return {
            "name": self.name,
            "arguments": self.arguments,
            "defaults": {},
            "makes_inputs": True,
            "wrt": self.wrt,
        }

    def inputs(self, seed):
        """The arguments for a seed, and the parameters' values: a tuple, arrays for tensors."""
        given = [*self._given(seed)[0].values(), *self.template.parameters.values()]
        self.devices = {p: x.device for p, x in trees.leaves(given) if isinstance(x, Tensor)}
        mode = [self.template.module.training] if self.has_modes else []
        return tuple(trees.rebuilt(given + mode, lambda path, leaf: _as_array(leaf)))

    def narrow(self):
        """Names of the float dtypes, other than float64, that the arguments came in."""
        given = [*self._given(0)[0].values(), *self.template.parameters.values()]
        dtypes = {x.dtype for _, x in trees.leaves(given) if isinstance(x, (Tensor, np.ndarray))}
        return sorted(d.name for d in dtypes if d.kind in "fV" and d != np.float64)

    def forward(self, inputs):
        """(outputs as arrays, None for those without a gradient; the `Call`)"""
        call = self.call(inputs)
        return trees.rebuilt(call.result, lambda path, y: _output(y)), call

    def backward(self, upstream, call):
        """The gradients of <upstream, outputs>: a tuple in the order of wrt, zeros where this call
        did not get to."""
        xs, (ys, vs) = self.leaves(call).values(), self.weighted(call, upstream)
        with self.running("backward", later=True):
            found = autograd.grad(ys, xs, vs, retain_graph=True, allow_unused=True)
        pairs = zip(xs, found, strict=True)
        return tuple(to_numpy((zeros_like(x) if g is None else g).data) for x, g in pairs)

    def _modes_differ(self, call):
        """Whether the module gives something else in its other mode; False if that fails."""
        *inputs, training = self.inputs(0)
        try:
            with self.pinned():
                other = self.call(trees.fresh((*inputs, not training)))
        except StudentError:        # one value a channel, say, has no variance to train with
            return False
        both = [[_output(y) for _, y in trees.leaves(c.result)] for c in (call, other)]
        return not all(map(np.array_equal, *both))

    def functions(self):
        """The user's functions that a run calls: for their generators, and to count calls."""
        return [self.template.function]

    def label(self, path):
        """What the saved array at a path of the cache is called."""
        return trees.label(("saved", *path))

    def cache(self, call):
        """The arrays that recorded ops keep for their gradients: {op and its number: [array]}.

        Of the CPU only: a GPU's cannot be compared here.
        """
        nodes = [edge for edge in _history(call.result) if isinstance(edge, autograd.Node)]
        return {
            f"{node.op.name} {i}": [
                a for a in autograd._arrays(node.saved) if isinstance(a, np.ndarray)
            ]
            for i, node in enumerate(nodes)
        }

    # ---- the function on tensors

    def call(self, inputs):
        """The function at these arrays, recorded: a `Call`. TypeError if it returns no tensor."""
        return self.apply(trees.rebuilt(inputs, self._tensor))

    def apply(self, inputs):
        """The same at tensors."""
        given, own = inputs[: self.count], inputs[self.count :]
        with self.running("forward"), autograd.enable_grad():
            function = self.template.copy(*((own[:-1], own[-1]) if self.has_modes else (own,)))
            if self.by_name:
                result = function(**dict(zip(self.arguments, given, strict=False)))
            else:
                result = function(*given)
            _check(self.name, result)
        return Call(inputs, result)

    def named(self, path):
        """What the report calls an argument, or a part of one."""
        return trees.label(path, self.arguments)

    def leaves(self, call):
        """{label: tensor} of what has a gradient, in the order of wrt."""
        found = {self.named(p): x for p, x in trees.leaves(call.inputs) if _recorded(x)}
        labels = found if self.wrt is None else self.wrt
        return {label: found[label] for label in labels if label in found}

    def replaced(self, inputs, new):
        """Arguments with the leaves of some labels replaced."""
        return trees.rebuilt(inputs, lambda path, leaf: new.get(self.named(path), leaf))

    def weighted(self, call, upstream):
        """(outputs with a gradient, the upstream of each), as lists of tensors."""
        vs = dict(trees.leaves(upstream))
        ys = {path: y for path, y in trees.leaves(call.result) if _recorded(y)}
        return [*ys.values()], [_on(vs[path], y.device) for path, y in ys.items()]

    @contextmanager
    def pinned(self):
        """Inside, the function's own generators start anew, as a Session lets them do."""
        with self.randomness.borrowed():
            self.randomness.pin()
            yield

    @contextmanager
    def running(self, part, later=False):
        """Inside, the user's code runs: the default generators stand where they stood when the
        check began, and whatever is raised becomes a StudentError.

        later: they stand elsewhere, so that a gradient that draws its mask anew is found out.
        """
        before = [g.state_dict() for g, _ in self.generators]
        try:
            for generator, state in self.generators:
                _put(generator, state)
                if later:
                    generator.normal(7)
            yield
        except (KeyboardInterrupt, StudentError):
            raise
        except BaseException as error:
            raise StudentError.of(error, f"{part}{_line_of(error)}") from error
        finally:
            for (generator, _), state in zip(self.generators, before, strict=True):
                _put(generator, state)

    def _given(self, seed):
        """({name: argument} without the parameters, whether they were given by name)"""
        given, signature = self.make_inputs(seed), self.template.signature
        if isinstance(given, dict) and given and {*given} <= {*signature}:
            return given, True
        given = given if isinstance(given, (tuple, list)) else (given,)
        names = []
        for name, p in signature.items():
            if p.kind is p.VAR_POSITIONAL:
                names += [f"{name}[{i}]" for i in range(len(given) - len(names))]
            elif p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
                names.append(name)
        names += [f"argument {i}" for i in range(len(names), len(given))]   # the call will object
        return dict(zip(names, given, strict=False)), False

    def _tensor(self, path, leaf):
        """A leaf as the function gets it: a tensor in the array's memory, if it is an array."""
        if not isinstance(leaf, np.ndarray) or leaf.dtype.kind not in "biuf":
            return leaf
        data = to_device(leaf, self.devices.get(path, "cpu"))
        return Tensor(data, requires_grad=leaf.dtype.kind == "f")


class _Template:
    """A function; or a module, or its method, of which every call gets a copy."""

    def __init__(self, function):
        owner = getattr(function, "__self__", function)
        self.function = function
        self.name = getattr(function, "__name__", _kind(function))
        self.module = owner if hasattr(owner, "named_parameters") else None
        named = self.module.named_parameters() if self.module is not None else ()
        self.parameters = {n: parameter for n, parameter in named if parameter.requires_grad}
        try:
            seen = inspect.signature(getattr(function, "forward", function))
            self.signature = dict(seen.parameters)
        except (TypeError, ValueError):     # Python cannot look into it
            self.signature = {}

    def copy(self, parameters, training=None):
        """The function with these tensors for its parameters, all else as it was.

        TypeError for a module that cannot be copied.
        """
        if self.module is None:
            return self.function
        memo = {}
        for theirs, ours in zip(self.parameters.values(), parameters, strict=True):
            ours.__class__ = theirs.__class__       # by which a module knows its parameters
            memo[id(theirs)] = ours
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
        if training not in (None, self.module.training):    # else a part may be in another mode
            twin.train(training)
        return twin if self.function is self.module else MethodType(self.function.__func__, twin)


def _check(name, result):
    """TypeError unless some output is a tensor with a gradient."""
    outputs = [leaf for _, leaf in trees.leaves(result)]
    if not any(isinstance(y, Tensor) for y in outputs):
        kinds = ", ".join(sorted({_kind(y) for y in outputs})) or "nothing"
        raise TypeError(
            f"{name} must return a tensor, or a tuple, list or dict of them, not {kinds}: "
            "a gradient needs minigen.ops, not NumPy or .item()"
        )
    if not any(map(_recorded, outputs)):
        raise TypeError(
            f"{name}: no output requires grad, though its floating arguments do: was it computed "
            "under no_grad, from .detach() or .numpy(), or from integers only?"
        )


def _history(result):
    """The nodes and leaves that the outputs were computed from: a dict, for its order."""
    seen = {}
    stack = [y.node or y for _, y in trees.leaves(result) if _recorded(y)]
    while stack:
        edge = stack.pop()
        if edge not in seen:
            seen[edge] = None
            stack += edge.edges if isinstance(edge, autograd.Node) else ()
    return seen


def _line_of(error):
    """Where an exception left the user's own code: ", line 14: y = x @ w"; "" if it was ours."""
    found, told = "", set()
    while error is not None and id(error) not in told:
        told.add(id(error))         # minigen says some errors in other words: the cause is theirs
        for frame, number in traceback.walk_tb(error.__traceback__):
            file = frame.f_code.co_filename
            line = linecache.getline(file, number).strip()
            if line and not file.startswith(OURS):
                found = f", line {number}: {line}"
        error = error.__cause__
    return found


def _put(generator, state):
    """Have it stand there; to look is faster than to move."""
    if generator.state_dict() != state:
        generator.load_state_dict(state)


def _recorded(x):
    return isinstance(x, Tensor) and x.requires_grad


def _kind(value):
    return type(value).__name__


def _as_double(array):
    """A copy in float64, or, of integers, in their own dtype."""
    return array.astype("float64" if array.dtype.kind in "fV" else array.dtype)


def _as_array(leaf):
    """A leaf of the user's arguments as the checker gets it: an array for a tensor, in float64."""
    leaf = to_numpy(leaf.data) if isinstance(leaf, Tensor) else leaf
    narrow = isinstance(leaf, np.ndarray) and leaf.dtype.kind in "fV" and leaf.dtype != np.float64
    return _as_double(leaf) if narrow else leaf


def _output(y):
    """An output as the checker gets it: None for what is no tensor, or a float without gradient.

    Integers count nothing, but can be compared from call to call.
    """
    counts = isinstance(y, Tensor) and (y.requires_grad or y.dtype.kind not in "fV")
    return to_numpy(y.data) if counts else None


def _on(array, device):
    """An array as a tensor on a device; tensors as they are."""
    return array if isinstance(array, Tensor) else Tensor(to_device(np.asarray(array), device))


def _like(tensor, data):
    """A leaf of the same class, that requires grad if the tensor does, around other data."""
    twin = copy.copy(tensor)
    twin._data, twin.grad, twin.hooks = data, None, None
    return twin
