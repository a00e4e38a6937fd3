"""Calling conventions: whatever way a forward and its backward are written, one way to call them.

Idea: a pair turns a convention into three calls,

    forward(inputs) -> outputs, context         inputs: tuple of arguments; outputs: a nested value
    backward(upstream, context) -> gradients    upstream: like outputs; gradients: as returned
    cache(context) -> whatever the student keeps between the two

How two functions fit together is read from the names of backward's parameters. Each is
    1. an argument of forward, if it has the name of one (defaults and *args included);
    2. an upstream gradient, if its name says so: dout, dh, grad_y, y_grad, upstream, g. If none
       does, the first parameter is it. One: it gets the gradient of the output, or of all outputs,
       nested like them. Several: one output each, in order; of a dict of outputs by name (dh: "h").
    3. the output, if it is called out, output or outputs; or y, if forward returns no cache;
    4. what forward keeps for it: any other name without a default, cache or ctx with one too;
    5. else left at its default.
What forward returns follows from that:
    backward takes a cache      (out, cache), ((h, c), cache), (h, c, cache); with several
                                parameters of that kind as many last values, or one tuple of them.
                                If forward returns no tuple, the cache is its inputs (or its input).
    backward takes none         out, or (h, c) for (dh, dc, ...). A last value that cannot be an
                                output (a tuple, a mask, an input) is a cache that nobody reads.
A backward without an upstream gradient, `mse_backward(prediction, target)`, is that of a loss: the
output is one number, and its gradients are multiplied by the upstream one.
Where this does not decide, a StudentError says what to write.
Read next: classes.py (layers), torch_function.py, discover.py (which finds pairs in a file).
"""

import functools
import inspect
import re
from dataclasses import dataclass, field

from numpy import asarray, floating, may_share_memory, ndarray, number, size

from . import trees
from .session import StudentError

NOT_GIVEN = object()
MODES = ("training", "train", "is_training", "is_train", "train_mode", "mode")
OUTPUTS = ("out", "output", "outputs")
CACHES = ("cache", "ctx", "context", "saved", "memory")
SEVERAL = ("douts", "grads", "grad_outputs", "upstreams")
LABELS = ("y_true", "target", "targets", "label", "labels", "t", "X", "x", "y", *OUTPUTS, *CACHES)
ENGLISH = re.compile(       # begins with d, but is no gradient
    r"(d|data|debug|dec|decay|default|deg|degree|den|denom|denominator|depth|det|device|dev|diag"
    r"|dict|diff|difference|dilation|dim|dims|dimension|dist|distance|distances|div|domain|dot"
    r"|drop|dropout|dt|dtype|dummy|duration)(_.*|\d*)"
)


@dataclass
class Pair:
    """Two functions: forward(*inputs) and backward, which fit as this file's first lines say.

    options: what the file says about the pair: wrt, points, seeds, line.
    shared: whether make_inputs is there for the whole file, so that it may not fit this pair.
    """

    name: str
    forward_function: object
    backward_function: object
    make_inputs: object = None              # callable([seed[, name]]) -> tuple, dict or one value
    options: dict = field(default_factory=dict)
    shared: bool = False
    remembers = False       # whether backward finds what it needs without being given it
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
        return Roles(self.receives, self.signature.parameters, self.titles)

    def describe(self):
        """What the checker needs to know: plain values only."""
        return {
            "name": self.name,
            "arguments": list(self.arguments),
            "defaults": {k: v for k, v in self.arguments.items() if v is not NOT_GIVEN},
            "annotations": {
                p.name: getattr(p.annotation, "__name__", str(p.annotation))
                for p in self.signature.parameters.values() if p.annotation is not p.empty
            },
            "variadic": self.variadic,
            "modes": [name for name in self.arguments if name in MODES],
            "makes_inputs": self.make_inputs is not None,
            "functions": list(self.titles),
            **self.options,
        }

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
        return fitted(made, self.arguments, self)

    def forward(self, inputs):
        """(outputs, context)"""
        returned = called(self.forward_function, self.signature, inputs)()
        fit = Fit(self, inputs, returned)
        return fit.outputs, (inputs, fit)

    def backward(self, upstream, context):
        """The gradients as the student returns them."""
        inputs, fit = context
        gradients = self.call_backward(self.backward_function, fit, inputs, upstream)
        return renamed(gradients, self.arguments)

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


class Roles:
    """What each of backward's parameters is for, as far as names tell.

    upstream, caches, outputs: lists of names; everything else is an argument or keeps its default.
    """

    def __init__(self, receives, given, titles):
        empty = inspect.Parameter.empty
        free = [p for p in receives.values() if p.name not in given and p.kind != p.VAR_KEYWORD]
        names = [p.name for p in free if p.kind != p.VAR_POSITIONAL]
        self.upstream = [name for name in names if looks_like_gradient(name)]
        first = next(iter(receives), None)
        if not self.upstream and first in names and first not in LABELS:
            self.upstream = [first]
        others = [p for p in free if p.name not in self.upstream]
        self.outputs = [p.name for p in others if p.name in OUTPUTS]
        self.caches = [
            p.name for p in others
            if p.name not in OUTPUTS and (p.name in CACHES or p.default is empty)
        ]
        self.optional = [p.name for p in free if p.default is not empty]
        strange = [name for name in self.caches if name not in CACHES and name != "y"]
        if strange and not self.upstream:
            forward, backward = titles
            raise StudentError("error", f"{backward}: {strange[0]} is no argument of {forward}, "
                               "and no parameter is the upstream gradient; write "
                               f"{backward}(dout, cache)")


class Fit:
    """What forward returned, taken apart: outputs, and the caches of backward's parameters."""

    def __init__(self, pair, inputs, returned):
        self.pair, self.inputs, self.returned = pair, inputs, returned
        roles = pair.roles
        self.upstream, self.wants = [*roles.upstream], [*roles.caches]
        self.named = [*roles.outputs]   # parameters that are the output
        self.kept = None                # whatever is no output
        several = isinstance(returned, tuple) and len(returned) > 1
        if "y" in self.wants and not several:
            self.wants.remove("y")
            self.named.append("y")
        self.outputs, self.caches = self._separated(several)
        if not self.upstream and not is_number(self.outputs):
            raise StudentError("error", f"{pair.titles[1]} takes no upstream gradient, yet the "
                               f"output of {pair.titles[0]} is not one number: call its first "
                               "parameter dout")

    def _separated(self, several):
        """(outputs, list of caches). Raises StudentError if nothing fits."""
        upstream, wants = [*self.upstream], [*self.wants]
        found = self._separate(several)
        while found is None and len(self.upstream) > 1:     # one name only looked like a gradient
            name = self.upstream.pop()
            if name not in self.pair.roles.optional:
                self.wants.insert(0, name)
            found = self._separate(several)
        if found is None and several and len(upstream) > 1:
            self.upstream, self.wants = upstream, wants
            caches = self._inputs_as_caches(len(wants))
            found = self._match(self.returned, caches, len(upstream))
        if found is None:
            raise StudentError("error", self._undecided())
        return found

    def _separate(self, several):
        """(outputs, list of caches), None if what forward returned does not fit."""
        wanted, count = len(self.wants), len(self.upstream)
        if not several:
            one = self.returned[0] if isinstance(self.returned, tuple) and self.returned else (
                self.returned)
            return self._match([one], self._inputs_as_caches(wanted), count)
        if not wanted:
            return self._without_cache(count)
        last = self.returned[-1]
        if wanted > 1 and isinstance(last, (tuple, list)) and len(last) == wanted:
            return self._keep(last, self._match(self.returned[:-1], list(last), count))
        heads, tails = self.returned[:-wanted], list(self.returned[-wanted:])
        if wanted == 1 and count == 1 and not self._may_be_outputs(heads[1:], last):
            heads, tails = self.returned[:1], [self.returned[1:]]
        return self._keep(tails[0] if wanted == 1 else tails, self._match(heads, tails, count))

    def _keep(self, kept, found):
        self.kept = kept if found is not None else None
        return found

    def _inputs_as_caches(self, wanted):
        if wanted == 1:
            return [self.inputs[0] if len(self.inputs) == 1 else self.inputs]
        return list(self.inputs) if wanted in (0, len(self.inputs)) else None

    def _match(self, heads, caches, count):
        """heads as outputs for `count` upstream gradients, if they are that many."""
        if caches is None or not heads:
            return None
        if count <= 1:
            return (heads[0] if len(heads) == 1 else tuple(heads)), caches
        inner = heads[0] if len(heads) == 1 else heads
        fits = isinstance(inner, (tuple, list, dict)) and len(inner) == count
        values = inner.values() if isinstance(inner, dict) else inner
        return (inner, caches) if fits and all(map(is_numeric, values)) else None

    def _without_cache(self, count):
        """Backward takes no cache: the last value is an output or a cache that nobody reads."""
        *heads, last = self.returned
        if self.pair.remembers and count == 1:
            return tuple(self.returned), []
        if count > 1:
            whole = self._match(self.returned, [], count)
            return whole or self._keep(last, self._match(heads, [], count))
        unread = not is_float(last) or last is heads[0] or self._is_input(last)
        if unread:
            return self._keep(last, self._match(heads, [], count))
        if self.upstream and self.upstream[0] in SEVERAL:
            return tuple(self.returned), []
        return None

    def _may_be_outputs(self, middle, last):
        """Whether values between the first and the last can be outputs beside the first."""
        if isinstance(last, (tuple, list, dict)):
            return True
        return all(is_float(value) and not self._is_input(value) for value in middle)

    def _is_input(self, value):
        return isinstance(value, ndarray) and any(
            isinstance(x, ndarray) and may_share_memory(x, value)
            for _, x in trees.leaves(self.inputs)
        )

    def _undecided(self):
        forward, backward = self.pair.titles
        takes = ", ".join(self.pair.receives)
        what = f"{len(self.returned)} values" if isinstance(self.returned, tuple) else "one value"
        return (f"{forward} returns {what}, and {backward}({takes}) does not tell which of them "
                f"are outputs and which it needs: let {forward} return (out, cache) and write "
                f"{backward}(dout, cache); or (dy1, dy2, cache) for two outputs")

    def receive(self, given, upstream):
        """Backward's arguments, positional and by keyword."""
        outputs = self.outputs
        values = dict(zip(self.wants, self.caches, strict=False)) | given
        values |= dict.fromkeys(self.named, outputs)
        if isinstance(outputs, dict):
            values |= {n: outputs[n] for n in self.pair.receives if n in outputs}
        values |= self._upstreams(upstream)
        positional, by_keyword = [], {}
        for name, p in self.pair.receives.items():
            value = values.get(name, p.default)
            if p.kind == p.VAR_POSITIONAL:
                positional += value if isinstance(value, (tuple, list)) else [value]
            elif p.kind == p.KEYWORD_ONLY:
                by_keyword[name] = value
            elif p.kind != p.VAR_KEYWORD:
                positional.append(value)
        return positional, by_keyword

    def _upstreams(self, upstream):
        names = self.upstream
        if len(names) <= 1:
            return dict.fromkeys(names, upstream)
        if not isinstance(upstream, dict):
            return dict(zip(names, upstream, strict=True))
        by_name = {name: [key for key in upstream if belongs(name, str(key))] for name in names}
        if all(len(keys) == 1 for keys in by_name.values()):
            return {name: upstream[keys[0]] for name, keys in by_name.items()}
        return dict(zip(names, upstream.values(), strict=True))


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
    if pair.shared and isinstance(made, dict) and pair.name in made:
        made = made[pair.name]
    needed = sum(default is NOT_GIVEN for default in arguments.values())
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
    missing = [n for n, d in arguments.items() if d is NOT_GIVEN and n not in made]
    if missing and not pair.shared:
        raise StudentError("error", f"{title(pair.make_inputs)} leaves out {missing[0]}, which "
                           f"{pair.titles[0]} needs")
    return None if missing else tuple(values)


def title(function):
    """A function's name as the student wrote it."""
    return getattr(function, "__name__", type(function).__name__)


def looks_like_gradient(name):
    """Whether a parameter's name says that it is a gradient: dout, dW, grad_y, y_grad, g."""
    if re.fullmatch(r"g|g_.*|upstream.*|.*_grad|.*_bar|grad.*", name):
        return True
    return name.startswith("d") and not ENGLISH.fullmatch(name)


def gradient_names(name):
    """What the gradient of `name` may be called."""
    return (f"d{name}", f"d_{name}", f"grad_{name}", f"{name}_grad", f"g_{name}", f"{name}_bar")


def belongs(gradient, name):
    """Whether a gradient is called after this name."""
    return gradient in gradient_names(name)


def renamed(gradients, arguments):
    """A dict of gradients with its keys as the arguments' names: {"dW": ...} becomes {"W": ...}."""
    if not isinstance(gradients, dict):
        return gradients
    names = {key: [n for n in arguments if belongs(key, n)] for key in gradients}
    return {
        key if key in arguments or len(names[key]) != 1 else names[key][0]: value
        for key, value in gradients.items()
    }


def is_float(value):
    """Whether value can be an output with a gradient."""
    return isinstance(value, (float, floating)) or (
        isinstance(value, ndarray) and value.dtype.kind == "f"
    )


def is_numeric(value):
    """Whether value can stand among several outputs: an array or number of any kind."""
    return isinstance(value, (int, float, number, ndarray))


def is_number(value):
    """Whether value is one floating number."""
    return is_float(value) and size(value) == 1


def scaled(gradients, upstream):
    """A loss's gradients times the upstream one."""
    def times(_, leaf):
        return leaf * asarray(upstream).item() if is_float(leaf) else leaf

    return trees.rebuilt(gradients, times)
