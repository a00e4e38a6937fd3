"""Calling conventions: whatever way a forward and its backward are written, one way to call them.

Idea: a pair turns a convention into three calls,

    forward(inputs) -> outputs, context         inputs: tuple of arguments; outputs: a nested value
    backward(upstream, context) -> gradients    upstream: like outputs; gradients: as returned
    cache(context) -> whatever the student keeps between the two

`Pair` does it for two functions; classes.py for layers, torch_function.py for PyTorch's functions.
What the gradients belong to, and whether they are right, is decided by the checker.
Read next: binding.py (which parameter is what), discover.py (which finds pairs in a file).
"""

import functools
import inspect
import re
from dataclasses import dataclass, field

from numpy import asarray

from . import trees
from .binding import Fit, Roles, returned_names, uses_of
from .session import StudentError
from .trees import is_float

NOT_GIVEN = object()


@dataclass
class Pair:
    """Two functions: forward(*inputs) and backward, which fit together as binding.py says.

    options: what the file says about the pair: wrt, points, seeds, line.
    shared: whether make_inputs is there for the whole file, so that it may not fit this pair.
    """

    name: str
    forward_function: object
    backward_function: object
    make_inputs: object = None              # callable([seed[, name]]) -> tuple, dict or one value
    options: dict = field(default_factory=dict)
    shared: bool = False
    common_wrt = False      # whether options["wrt"] is that of a whole file with several pairs
    make_init = None        # of a layer: callable([seed]) -> constructor arguments, or the layer

    def __post_init__(self):
        self.signature = signature(self.forward_function)
        self.receives = signature(self.backward_function).parameters
        self.arguments = arguments(self.signature)
        self.titles = title(self.forward_function), title(self.backward_function)

    @property
    def variadic(self):
        """Whether forward takes *args."""
        return any(p.kind == p.VAR_POSITIONAL for p in self.signature.parameters.values())

    @functools.cached_property
    def roles(self):
        """What backward's parameters are for. Raises StudentError."""
        forward, backward = self.functions()
        names, uses = returned_names(forward), uses_of(backward)
        return Roles(self.receives, self.signature.parameters, names, self.titles, uses)

    def describe(self):
        """What the checker needs to know: name, arguments, defaults, annotations, makes_inputs
        and options. Of a layer also parameters, constructor (what it needs, if it could not be
        made) and notes."""
        return {
            "name": self.name,
            "arguments": list(self.arguments),
            "defaults": {k: v for k, v in self.arguments.items() if v is not NOT_GIVEN},
            "annotations": {
                p.name: getattr(p.annotation, "__name__", str(p.annotation))
                for p in self.signature.parameters.values() if p.annotation is not p.empty
            },
            "makes_inputs": self.make_inputs is not None,
            **self.options,
            **({"wrt": self._wrt_of_this()} if self.common_wrt else {}),
        }

    def _wrt_of_this(self):
        """Those names of the file's WRT that are arguments of this pair; None if none is."""
        wrt = self.options["wrt"]
        names = [n for n in ([wrt] if isinstance(wrt, str) else wrt)
                 if n in self.arguments or re.split(r"\W", n)[0] in self.arguments]
        return tuple(names) or None

    def configure(self, options):
        """Take options from elsewhere (a teacher's spec)."""
        self.options.update(options)

    def functions(self):
        """The student's functions that a run calls: for their generators, and to count calls."""
        return [self.forward_function, self.backward_function]

    def inputs(self, seed):
        """The arguments for a seed as a tuple, None if the file makes none that fit."""
        if self.make_inputs is None:
            return None
        made = called_as_it_takes(self.make_inputs, seed, self.name)
        if made is None and not self.shared:
            text = f"{title(self.make_inputs)} returns None, not the arguments of {self.titles[0]}"
            raise StudentError("error", text, "inputs")
        return fitted(made, self.arguments, self)

    def forward(self, inputs):
        """(outputs, context)"""
        returned = called(self.forward_function, self.signature, inputs)()
        fit = Fit(self.roles, inputs, returned)
        return fit.outputs, (inputs, fit)

    def backward(self, upstream, context):
        """The gradients as the student returns them."""
        inputs, fit = context
        return self.call_backward(self.backward_function, fit, inputs, upstream)

    def call_backward(self, function, fit, inputs, upstream):
        """What the student's backward returns; a loss's without upstream gradient times that."""
        positional, by_keyword = fit.receive(bound(self.signature, inputs), upstream)
        gradients = function(*positional, **by_keyword)
        return gradients if fit.upstream else scaled(gradients, upstream)

    def cache(self, context):
        """What the student keeps between forward and backward."""
        return context[1].kept

    def label(self, path):
        """How a student would write the part of the cache at a path."""
        return trees.label(("cache", *path))


def signature(function):
    """The function's signature; of one that has none (some built-in ones), (*inputs)."""
    try:
        return inspect.signature(function)
    except ValueError:
        return inspect.Signature([inspect.Parameter("inputs", inspect.Parameter.VAR_POSITIONAL)])


def arguments(signature):
    """Names of what can be given, in the order of `inputs`, with defaults (NOT_GIVEN for none).

    Beside *args, arguments by keyword alone keep their defaults.
    """
    every = signature.parameters.values()
    kinds = inspect.Parameter
    wanted = [kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD]
    if all(p.kind != kinds.VAR_POSITIONAL for p in every):
        wanted.append(kinds.KEYWORD_ONLY)
    return {p.name: NOT_GIVEN if p.default is p.empty else p.default
            for p in every if p.kind in wanted}


def required(arguments):
    """Names of arguments that have no default."""
    return [name for name, default in arguments.items() if default is NOT_GIVEN]


def called(function, signature, inputs):
    """function as a call without arguments: inputs by position, or by keyword where it must be."""
    every = list(signature.parameters.values())
    by_keyword = [p.name for p in every if p.kind == p.KEYWORD_ONLY]
    if not by_keyword or any(p.kind == p.VAR_POSITIONAL for p in every):
        return lambda: function(*inputs)
    count = sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in every)
    rest = dict(zip(by_keyword, inputs[count:], strict=False))
    return lambda: function(*inputs[:count], **rest)


def bound(signature, inputs):
    """{argument's name: value}, defaults and *args included."""
    call = called(lambda *a, **k: signature.bind(*a, **k), signature, inputs)()
    call.apply_defaults()
    return call.arguments


def called_as_it_takes(make, seed, name):
    """make(), make(seed) or make(seed, name), whichever its parameters allow."""
    every = signature(make).parameters.values()
    count = sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in every)
    return make(*(seed, name)[:count])


def fitted(made, arguments, pair):
    """What the file's inputs function returned, as a tuple of arguments.

    None if it is the whole file's and does not fit; a StudentError if it is the pair's own.
    """
    if made is None:
        return None
    if pair.shared and isinstance(made, dict) and pair.name in made:
        made = made[pair.name]
    needed = len(required(arguments))
    if isinstance(made, dict) and made and set(made) <= set(arguments):
        return by_name(made, arguments, pair)
    if not isinstance(made, (tuple, list)) or (isinstance(made, list) and len(arguments) == 1):
        made = (made,)
    if needed <= len(made) and (pair.variadic or len(made) <= len(arguments)):
        return tuple(made)
    if pair.shared:
        return None
    names = ", ".join(arguments)
    raise StudentError("error", f"{title(pair.make_inputs)} gives {len(made)} values; "
                       f"{pair.titles[0]} takes {needed or len(arguments)}: return ({names})")


def by_name(made, arguments, pair):
    """Arguments from a dict, with defaults for those left out before the last one given."""
    last = max(list(arguments).index(name) for name in made)
    values = [made.get(name, default) for name, default in list(arguments.items())[: last + 1]]
    missing = [name for name in required(arguments) if name not in made]
    if missing and not pair.shared:
        raise StudentError("error", f"{title(pair.make_inputs)} leaves out {missing[0]}, which "
                           f"{pair.titles[0]} needs")
    return None if missing else tuple(values)


class Context:
    """What forward(ctx, x) leaves for backward(ctx, dout): any attribute, or what it saves."""

    saved_tensors = saved_values = saved = ()

    def save_for_backward(self, *values):
        """Keep values, under the usual names."""
        self.saved_tensors = self.saved_values = self.saved = values


def with_context(forward):
    """forward(ctx, *inputs) as a function of inputs that returns (out, ctx); others as they are.

    ctx: of the file's own class Context, if it has one.
    """
    every = signature(forward)
    first, *others = [*every.parameters.values()] or [None]
    if first is None or first.name not in ("ctx", "context"):
        return forward
    make = getattr(forward, "__globals__", {}).get("Context", Context)

    @functools.wraps(forward)
    def remembering(*inputs, **by_keyword):
        ctx = make()
        return forward(ctx, *inputs, **by_keyword), ctx

    remembering.__signature__ = every.replace(parameters=others)
    return remembering


def title(function):
    """A function's name as the student wrote it."""
    return getattr(function, "__name__", type(function).__name__)


def scaled(gradients, upstream):
    """A loss's gradients times the upstream one."""
    def times(_, leaf):
        return leaf * asarray(upstream).item() if is_float(leaf) else leaf

    return trees.rebuilt(gradients, times)
