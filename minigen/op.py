"""How an op is defined: `primitive` and `fused`.

Idea: an op is a function on arrays that became a function on tensors. The decorator unwraps the
tensors, calls the function, wraps the result and, if an input requires grad, records a node.

An op of arrays alone returns an array: the same function, nothing recorded.

* A primitive has one VJP (vector-Jacobian product) per input, written on *tensors*, so that every
  order of derivative works. A VJP names what it needs, and only that is saved:
      g          the upstream gradient, always first
      y          the op's output
      x          any parameter of the op, as it was passed
      x_shape    the shape of an input that itself is not needed
* A fused op has a fast forward and backward on arrays, and a reference made of primitives: its
  specification, the oracle of its tests, and its derivative when a graph of the backward is wanted.

Read next: ops/elementwise.py (primitives), ops/loss.py (fused ops), autograd.py (the walk back).
"""

import functools
import inspect
from collections import namedtuple
from sys import modules
from time import perf_counter
from typing import NamedTuple

import numpy

from minigen import errors
from minigen.autograd import Node, enable_grad, grad, mode
from minigen.backend import as_array, follow, is_array, ndarray
from minigen.tensor import Tensor, wrap

FLOAT32 = numpy.dtype("float32")


class Plan(NamedTuple):
    """How to record and differentiate a call, for one pattern of inputs that require grad."""

    inputs: tuple  # positions of these inputs among the arguments
    needs: tuple = ()  # of a fused op: per differentiable input, whether it requires grad
    record: object = None  # (arguments, y, or a fused op's backward) -> (saved, edges)
    # of a primitive:
    output: bool = False  # whether the last saved value is y, an array
    pull_arrays: object = None  # (g, saved) -> gradients of the inputs, as arrays
    pull_tensors: object = None  # the same as tensors; y must be one
    pulls: tuple = ()  # the same, one function per input


class Op:
    """Name, signature and plans of an op; `primitive` and `fused` say how it is differentiated."""

    settles = True  # whether the result's dtype follows the table in tensor.py

    def __init__(self, forward):
        self.forward = forward
        self.name = forward.__name__.strip("_")
        parameters = list(inspect.signature(forward).parameters.values())
        self.variadic = parameters[-1].kind is inspect.Parameter.VAR_POSITIONAL
        for p in parameters:
            if p.kind is p.VAR_KEYWORD or (p.kind is p.KEYWORD_ONLY and p.name != "needs"):
                raise TypeError(
                    f"{self.name}: the forward of an op is called with positions only; {p.name} "
                    "must be an ordinary parameter"
                )
        self.parameters = [p.name for p in parameters]
        self.defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
        self.plans = {}

    def bind(self, args, kwargs):
        """All arguments in the signature's order. TypeError for a wrong, missing or extra one."""
        if self.variadic:
            raise TypeError(f"{self.name}: takes no keywords, got {', '.join(kwargs)}")
        names = self.parameters
        if len(args) > len(names):
            raise TypeError(
                f"{self.name}: takes {len(names)} arguments ({', '.join(names)}), got {len(args)}"
            )
        for name in kwargs:
            if name not in names:
                raise TypeError(errors.unknown_argument(self.name, name, names))
            if name in names[: len(args)]:
                raise TypeError(f"{self.name}: argument {name} was given twice")
        bound = list(args)
        for name in names[len(args) :]:
            if name not in kwargs and name not in self.defaults:
                raise TypeError(f"{self.name}: argument {name} is missing ({', '.join(names)})")
            bound.append(kwargs[name] if name in kwargs else self.defaults[name])
        return tuple(bound)

    def variadic_inputs(self, args):
        """(bit, position) of each of the tensors that `*tensors` took."""
        return ((1 << i, i) for i in range(len(self.parameters) - 1, len(args)))

    def __repr__(self):
        return f"<op {self.name}>"


class Primitive(Op):
    """An op with one VJP on tensors per input; see the file's docstring."""

    def __init__(self, forward, vjps, polymorphic, settles):
        super().__init__(forward)
        self.settles = settles
        if len(vjps) > (1 if self.variadic else len(self.parameters)):
            raise TypeError(
                f"{self.name}: {len(vjps)} VJPs for the parameters {', '.join(self.parameters)}"
                + " (a forward with *tensors has one VJP, for all)" * self.variadic
            )
        self.vjps = vjps
        self.polymorphic = polymorphic
        self.needs_of = [self._check(vjp) for vjp in vjps]
        self.inputs = tuple((1 << i, i) for i, vjp in enumerate(vjps) if vjp is not None)

    def _check(self, vjp):
        """The names that a VJP asks for, checked against the op's parameters."""
        if vjp is None:
            return ()
        names = list(inspect.signature(vjp).parameters)
        known = {"y", *self.parameters, *(f"{name}_shape" for name in self.parameters)}
        if names[:1] != ["g"] or not known.issuperset(names[1:]):
            raise TypeError(
                f"{self.name}: a VJP takes g first, then any of {', '.join(sorted(known))}; "
                f"this one takes {', '.join(names)}"
            )
        return tuple(names[1:])

    def _place(self, name):
        """Where the value of a VJP's parameter comes from, as an expression of args and y."""
        if name == "y":
            return "y"
        shape_only = name not in self.parameters
        i = self.parameters.index(name.removesuffix("_shape") if shape_only else name)
        if self.variadic and i == len(self.parameters) - 1:
            return f"[shape_of(a) for a in args[{i}:]]" if shape_only else f"args[{i}:]"
        a = f"args[{i}]"
        return f"{a}._data.shape if isinstance({a}, Tensor) else shape_of({a})" if shape_only else a

    def plan(self, key, args):
        """The plan for the inputs whose bits are set in key."""
        inputs = tuple(i for i in range(len(args)) if key >> i & 1)
        vjps = [min(i, len(self.vjps) - 1) for i in inputs]  # a variadic op has one for all
        asked = [self.needs_of[k] for k in vjps]
        names = sorted({name for names in asked for name in names}, key=lambda name: name == "y")
        saved = "".join(f"{self._place(name)}, " for name in names)
        edges = ", ".join(f"args[{i}].node or args[{i}]" for i in inputs)

        def calls(value):
            for k, wants in zip(vjps, asked, strict=True):
                values = (value.format(names.index(name)) for name in wants)
                yield f"vjps[{k}]({', '.join(('g', *values))})"

        array = "(saved[{0}]._data if isinstance(saved[{0}], Tensor) else saved[{0}])"
        made = Plan(
            inputs,
            record=self._compiled("args, y", f"({saved}), [{edges}]"),
            output="y" in names,
            pull_arrays=self._compiled("g, saved", ", ".join(calls(array)) + ","),
            pull_tensors=self._compiled("g, saved", ", ".join(calls("saved[{0}]")) + ","),
            pulls=tuple(self._compiled("g, saved", call) for call in calls("saved[{0}]")),
        )
        self.plans[(key, len(args)) if self.variadic else key] = made
        return made

    def _compiled(self, parameters, value):
        """A function made from text, as namedtuple does: these run with every op, so no loops."""
        names = {"vjps": self.vjps, "shape_of": _shape_of, "Tensor": Tensor}
        return eval(f"lambda {parameters}: ({value})", names)

    def pull(self, node, g, create_graph, wanted):
        """Gradients of the inputs, None where not wanted: tensors for a graph, else arrays."""
        plan, saved = node.plan, node.saved
        arrays = self.polymorphic and not create_graph
        if arrays and wanted is None and not self.variadic:
            return plan.pull_arrays(g, saved)
        if plan.output and not arrays:
            saved = (*saved[:-1], wrap(saved[-1], node))
        if arrays:
            saved = [v._data if isinstance(v, Tensor) else v for v in saved]
        elif not create_graph:
            g = wrap(as_array(g))
        grads = self._pull_each(plan, g, saved, wanted)
        if not self.polymorphic:
            for c in grads:
                if c is not None and not isinstance(c, Tensor):
                    raise TypeError(
                        f"{self.name}: its VJP returned {type(c).__name__}; a VJP is made of "
                        "tensors and ops, and returns a tensor or None"
                    )
        return grads if create_graph else [c._data if isinstance(c, Tensor) else c for c in grads]

    def _pull_each(self, plan, g, saved, wanted):
        if self.variadic:  # one VJP for all: it returns a list
            grads, first = plan.pulls[0](g, saved), len(self.parameters) - 1
            if not isinstance(grads, (list, tuple)) or len(grads) <= plan.inputs[-1] - first:
                raise TypeError(
                    f"{self.name}: the VJP of *{self.parameters[-1]} must return a list with one "
                    f"gradient for each, not {_described(grads)}"
                )
            return [grads[i - first] for i in plan.inputs]
        if wanted is None:
            return plan.pull_tensors(g, saved)
        return [pull(g, saved) if w else None for pull, w in zip(plan.pulls, wanted, strict=True)]


class Fused(Op):
    """An op with forward and backward on arrays and a reference; see the file's docstring."""

    def __init__(self, forward, names, reference):
        super().__init__(forward)
        unknown = [name for name in names if name not in self.parameters]
        if unknown:
            raise TypeError(f"{self.name}: {unknown[0]} is not one of its parameters")
        self.names = names
        self.reference = reference
        self.inputs = tuple((1 << i, i) for i in map(self.parameters.index, names))
        self.needs = namedtuple("needs", names)
        self.tells = "needs" in self.parameters  # the forward wants to know what will be needed
        if self.tells:
            self.parameters.remove("needs")
            self.defaults.pop("needs", None)

    def run(self, key, args, arrays):
        """(y, backward) from the forward, told what will be needed if it wants to know."""
        if self.tells:
            plan = self.plans.get(key) or self.plan(key, args)
            made = self.forward(*arrays, needs=plan.needs)
        else:
            made = self.forward(*arrays)
        pair = made.__class__ is tuple and len(made) == 2
        if not pair or not (made[1] is None or callable(made[1])):
            raise TypeError(f"{self.name}: the forward of a fused op returns (y, backward)")
        return made

    def plan(self, key, args):
        """The plan for the inputs whose bits are set in key."""
        inputs = tuple(i for bit, i in self.inputs if key & bit)
        needs = self.needs(*(bool(key & bit) for bit, _ in self.inputs))

        def record(args, back):
            return (*args, back), [args[i].node or args[i] for i in inputs]

        made = self.plans[key] = Plan(inputs, needs, record)
        return made

    def pull(self, node, g, create_graph, wanted):
        """Gradients of the node's inputs: on arrays, or through the reference for a graph."""
        *args, closure = node.saved
        if create_graph:
            return self._pull_reference(node, args, g, wanted)
        needs = node.plan.needs
        if wanted is not None:
            asked = {i for i, w in zip(node.plan.inputs, wanted, strict=True) if w}
            needs = self.needs(*(i in asked for _, i in self.inputs))
        grads = closure(g, needs)
        if not isinstance(grads, (list, tuple)) or len(grads) != len(self.names):
            raise TypeError(
                f"{self.name}: its backward must return one array or None for each of "
                f"{', '.join(self.names)}, not {_described(grads)}"
            )
        return [c for (_, i), c in zip(self.inputs, grads, strict=True) if i in node.plan.inputs]

    def _pull_reference(self, node, args, g, wanted):
        # each input under its own name: the same tensor may be passed twice (q, k, v)
        for i in node.plan.inputs:
            args[i] = args[i].alias()
        inputs = [args[i] for i in node.plan.inputs]
        with enable_grad():
            y = self.reference(*args)
        return grad(y, inputs, g, create_graph=True, allow_unused=True)


def _described(grads):
    return f"{len(grads)} of them" if isinstance(grads, (list, tuple)) else type(grads).__name__


def _shape_of(x):
    return x._data.shape if isinstance(x, Tensor) else numpy.shape(x)


def primitive(*vjps, settles=True, polymorphic=False):
    """Decorator: an op from its forward on arrays and one VJP on tensors per leading parameter.

    A VJP may be None: not differentiable in that parameter. No VJP at all: never recorded. A
    forward with `*tensors` has one VJP, returning a list. settles=False leaves the result's dtype
    alone (casts); otherwise it follows the table in tensor.py. polymorphic=True: the VJPs use
    operators and ops only, no methods, so a plain backward may call them with arrays: half the time
    on small tensors. Every op of minigen is.
    """
    bare = len(vjps) == 1 and getattr(vjps[0], "__name__", "<lambda>") != "<lambda>"
    if bare and next(iter(inspect.signature(vjps[0]).parameters), None) != "g":
        raise TypeError(
            f"primitive: {vjps[0].__name__} is no VJP, which takes g first; above the forward "
            "of an op write @primitive(vjp, ...), or @primitive() if it has no derivative"
        )
    return lambda forward: _op(Primitive(forward, vjps, polymorphic, settles))


def fused(*names, reference):
    """Decorator: an op from a forward on arrays that returns (y, backward), and a reference.

    names: the parameters it is differentiable in. backward(g, needs) -> one array per name, None
    where `needs.<name>` is false. reference: the same function made of other ops, with the same
    parameters. A forward with a keyword `needs` is told already what will be asked.
    """
    return lambda forward: _op(Fused(forward, names, reference))


def composite(function):
    """Decorator of a function made of ops: a wrong call is answered as `primitive` answers it."""

    @functools.wraps(function)
    def call(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except (TypeError, AttributeError) as error:  # nothing is checked before something fails
            parameters = inspect.signature(function).parameters
            wrong = errors.explain_call(function.__name__, parameters, args, kwargs, error)
            if wrong is None:
                raise
            raise wrong from error

    return call


def _op(op):
    """The public function of an op: unwrap, compute, wrap, record. Microseconds count here."""
    forward, count, inputs, plans = op.forward, len(op.parameters), op.inputs, op.plans
    variadic, fusing, get_mode = op.variadic, isinstance(op, Fused), mode.get

    @functools.wraps(forward)
    def call(*args, **kwargs):
        if kwargs or (len(args) != count and not variadic):
            args = op.bind(args, kwargs)
        if not fusing and args and args[0].__class__ is ndarray and _no_tensor(args):
            try:
                y = forward(*args)  # arrays alone: nothing to unwrap, wrap or record
            except _TRANSLATED as error:
                raise errors.explain(op.name, args, error) from error
            return y if y.__class__ is ndarray and y.dtype is FLOAT32 else _settle(op, y, args)
        if (now := get_mode()).watchers:
            return _watched(call, op, args, now)
        key = 0
        if now.grad:
            for bit, i in op.variadic_inputs(args) if variadic else inputs:
                if isinstance(args[i], Tensor) and args[i]._requires_grad:
                    key |= bit
        arrays = [a._data if isinstance(a, Tensor) else a for a in args]
        try:
            if "cupy" in modules:
                follow(*arrays)
            y, back = op.run(key, args, arrays) if fusing else (forward(*arrays), None)
        except _TRANSLATED as error:
            raise errors.explain(op.name, args, error) from error
        if y.__class__ is not ndarray or y.dtype is not FLOAT32:
            y = _settle(op, y, args)
            key = key if y.dtype.kind in "fV" else 0  # integers have no gradient
        if not key:
            return y if _no_tensor(args) else wrap(y)
        plan = plans.get((key, len(args)) if variadic else key) or op.plan(key, args)
        saved, edges = plan.record(args, back if fusing else y)
        return wrap(y, Node(op, plan, saved, edges, y))

    call.op, call.__name__ = op, op.name
    return call


_TRANSLATED = (  # see errors.py
    ValueError, TypeError, IndexError, AttributeError, OverflowError, MemoryError,
)  # fmt: skip


def _no_tensor(args):
    for a in args:  # noqa: SIM110  all() would cost three times as much
        if isinstance(a, Tensor):
            return False
    return True


def _settle(op, y, args):
    """y as an array, its dtype by the policy: the widest float among the inputs, else float32."""
    if isinstance(y, (tuple, list)):
        raise TypeError(f"{op.name}: the forward of an op returns one array, not {_described(y)}")
    y = as_array(y)
    if y.dtype is FLOAT32 and y.__class__ is not ndarray:  # of a GPU: as `call` says of NumPy's
        return y
    if op.settles and y.dtype.kind == "f":
        floats = [a.dtype for a in args if isinstance(a, Tensor) or is_array(a)]
        if _no_tensor(args):  # in a VJP on arrays, where NumPy makes 0-d results scalars
            floats += [a.dtype for a in args if isinstance(a, numpy.floating)]
        floats = [dtype for dtype in floats if dtype.kind in "fV"]
        want = numpy.result_type(*floats) if floats else FLOAT32
        if y.dtype != want:
            return y.astype(want)
    return y


def _watched(call, op, args, now):
    """The call, timed and reported to the watchers."""
    token = mode.set(now._replace(watchers=()))
    start = perf_counter()
    try:
        y = call(*args)
        seconds = perf_counter() - start
        for watcher in now.watchers:
            watcher.forward(op, args, y, seconds)
    finally:
        mode.reset(token)
    return y
