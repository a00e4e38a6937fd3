"""Find the pairs of a homework file.

Idea: names say it. `<name>_forward` with `<name>_backward`, endings included
(`conv_forward_naive`, `conv_backward_naive`); a second backward of one forward
(`batchnorm_backward_alt`); `relu` with `relu_backward`; a bare `forward` and `backward`, named by
the file; classes with both methods; what `@pair` marked. Private names and, if the file has pairs
of its own, imported ones do not count. Inputs come from `<name>_inputs(seed)` or
`make_inputs(seed)`; `WRT`, `POINTS` and `HINTS` in the file are options of all its pairs, or dicts
{pair: option}. What was nearly a pair is reported.
Read next: load.py (how the file is run), pairs.py (how a pair is called).
"""

import difflib
import dis
import inspect
import re
from dataclasses import dataclass, replace

from numpy import ones

from .binding import looks_like_gradient, returned_names
from .classes import LayerPair
from .load import Source
from .pairs import Pair, with_context
from .session import Session, StudentError, where
from .torch_function import TorchPair, is_torch_function

SPELLINGS = (       # linear_forward, conv_forward_naive, forward_relu; linearForward; forwardRelu
    re.compile(r"(?:(.*)_)?(forward|backward)(?:_(.*))?", re.IGNORECASE),
    re.compile(r"(.*[a-z0-9])(Forward|Backward)([A-Z0-9].*)?"),
    re.compile(r"()(forward|backward)([A-Z0-9].*)"),
)
EMPTY = (
    "{} is not checked: made without layers, it only hands on its input; write {}_init(seed) "
    "that returns some, or one that holds them"
)
LOSS = re.compile(r"\w*_loss(_naive|_vectori[sz]ed)?")
LOSS_NAMES = ("loss", "cost", "L", "J")


@dataclass
class Half:
    """A function whose name says that it is a forward or a backward: before_forward_after."""

    name: str
    function: object
    before: str
    after: str
    own: bool

    @property
    def pair(self):
        """The name of its pair, "" for a bare forward or backward."""
        return joined(self.before, self.after)


def load(path):
    """Run the homework file and return a Session with its pairs. Raises StudentError."""
    source = None
    try:
        source = Source(path)
        module = source.run()
    except KeyboardInterrupt:
        raise
    except BaseException as error:      # sys.exit() at the end of the file, too
        raise StudentError.of(error, where("import", error, source)) from error
    pairs, remarks = find(vars(module), module.__name__, source.path.stem)
    return Session(pairs, source, vars(module).values(), remarks)


def find(names, module, stem):
    """({name: pair}, remarks) among a module's variables.

    module: its name, which own functions and classes bear; stem: the name of a bare pair.
    """
    public = {n: v for n, v in names.items() if not n.startswith("_") and callable(v)}
    halves = _halves(public, module)
    found = [*_matched(halves["forward"], halves["backward"], public, module)]
    found = [f for f in found if f[0].own or f[1].own] or found
    pairs, remarks = {}, []
    for forward, backward in found:
        name = backward.pair or stem
        _add(pairs, name, forward.function, backward.function, names, base=forward.before)
    classes = {n: v for n, v in public.items() if inspect.isclass(v) and _is_layer(v)}
    own = {n: v for n, v in classes.items() if v.__module__ == module}
    for name, value in (own or (classes if not pairs else {})).items():
        if not _is_unfinished_base(value, classes.values()):
            _add(pairs, name, value, None, names)
    for name in [n for n in classes if n in pairs and pairs[n].forward_function is classes[n]]:
        if _is_empty_container(pairs[name]):
            remarks.append(EMPTY.format(name, snake_case(name)))
            del pairs[name]
    for name, value in public.items():
        marks = vars(value).get("__gradcheck__") if hasattr(value, "__dict__") else None
        if marks is not None:
            remarks += _add_marked(pairs, name, value, marks, names, stem)
    pairs = dict(sorted(pairs.items(), key=lambda item: item[1].options["line"] or 0))
    if len(pairs) == 1:     # a wrong name in WRT should show
        next(iter(pairs.values())).common_wrt = False
    return pairs, [*_near_misses(halves, found, public, module, pairs), *remarks]


def _halves(public, module):
    """Functions named like a forward or backward, and not marked: {"forward": [Half], ...}."""
    halves = {"forward": [], "backward": []}
    for name, value in public.items():
        match = spelt(name)
        if match and not inspect.isclass(value) and not hasattr(value, "__gradcheck__"):
            before, kind, after = match.groups(default="")
            own = getattr(value, "__module__", module) == module
            halves[kind.lower()].append(Half(name, value, before, after, own))
    return halves


def _add_marked(pairs, name, value, marks, names, stem):
    """Add what `@pair` marked, its backward found by name if the mark names none; remarks."""
    match = spelt(name)
    backward = marks.get("backward")
    if backward is None and match and not inspect.isclass(value):
        backward = names.get(_counterpart(name, "backward"))
    if backward is None and not inspect.isclass(value):
        return [f"{name} is marked by @pair, and has no backward: write @pair(backward=...)"]
    by_name = joined(match[1], match[3]) or stem if match else name
    pairs.pop(name, None)
    _add(pairs, marks.get("name") or by_name, value, backward, names, marks)
    return []


def make_pair(name, forward, backward=None, make_inputs=None, options=None, **more):
    """The pair of two functions, a layer (class or instance) or a torch.autograd.Function."""
    owner, other = (getattr(f, "__self__", None) for f in (forward, backward))
    if owner is not None and owner is other and _is_layer(type(owner)):
        forward, backward = owner, None     # layer.forward and layer.backward
    if is_torch_function(forward):
        return TorchPair(name, forward, None, make_inputs, dict(options or {}), **more)
    if backward is None and inspect.isclass(forward):
        static = inspect.getattr_static(forward, "forward", None)
        if isinstance(static, (staticmethod, classmethod)):
            forward, backward = with_context(forward.forward), forward.backward
    kind = LayerPair if backward is None else Pair
    return kind(name, forward, backward, make_inputs, dict(options or {}), **more)


def _add(pairs, name, forward, backward, names, marked=None, base=None):
    """Put a pair into pairs, with the inputs and options that the file has for it.

    base: the name without its ending; conv_inputs is for conv_naive, too.
    """
    marked = marked or {}
    spellings = [name, snake_case(name), name.lower(), *([base] if base else [])]
    own = [names[f"{s}_inputs"] for s in spellings if callable(names.get(f"{s}_inputs"))]
    make = own[0] if own else names.get("make_inputs")
    shared = not own
    if marked.get("inputs") is not None:
        make, shared = marked["inputs"], False
    options, common = {}, {}
    for key, variable in (("wrt", "WRT"), ("points", "POINTS"), ("hints", "HINTS")):
        value = names.get(variable)
        if isinstance(value, dict):
            options |= {key: value[name]} if name in value else {}
        elif value is not None:
            common[key] = value
    marks = {key: marked.get(key) for key in ("points", "wrt", "seeds")}
    options |= {key: mark for key, mark in marks.items() if mark is not None}
    code = getattr(inspect.unwrap(forward), "__code__", None)
    options["line"] = code.co_firstlineno if code else _line_of_class(forward)
    init = next((names[f"{s}_init"] for s in spellings if callable(names.get(f"{s}_init"))), None)
    pair = make_pair(name, forward, backward, make, {**common, **options}, shared=shared)
    pair.make_init = init
    pair.common_wrt = "wrt" in common and "wrt" not in options
    pairs[name] = pair


def _matched(forwards, backwards, public, module):
    """(forward, backward) halves: the same name; else, for what is left, one without its ending.

    A backward without forward belongs to the file's function of that name: relu, relu_backward.
    """
    left = list(forwards)
    for backward in backwards:
        same = [f for f in forwards if (f.before, f.after) == (backward.before, backward.after)]
        plain = [f for f in forwards if (f.before, f.after) == (backward.before, "")]
        bare = public.get(backward.pair)
        if not (same or plain) and inspect.isfunction(bare) and bare.__module__ == module:
            plain = [Half(backward.pair, bare, backward.pair, "", True)]
        for forward in (same or plain)[:1]:
            left = [f for f in left if f is not forward]
            yield forward, backward
    for forward in left:        # conv_forward_im2col, conv_backward, and no conv_forward
        plain = [b for b in backwards if (b.before, b.after) == (forward.before, "")]
        if plain and not any((f.before, f.after) == (forward.before, "") for f in forwards):
            yield forward, replace(plain[0], before=forward.before, after=forward.after)


def _is_layer(value):
    """Whether a class has a forward (or is called) and a backward."""
    return is_torch_function(value) or (
        callable(getattr(value, "backward", None))
        and (callable(getattr(value, "forward", None)) or "__call__" in dir(value))
    )


def _is_unfinished_base(value, classes):
    """A class that others inherit from, and whose own methods only say that they are missing."""
    heirs = any(value in other.__mro__[1:] for other in classes)
    codes = [getattr(getattr(value, n, None), "__code__", None) for n in ("forward", "backward")]
    missing = [c for c in codes if c and (
        "NotImplementedError" in c.co_names or _operations(c) == _operations(_nothing.__code__)
    )]
    return inspect.isabstract(value) or (heirs and bool(missing))


def _is_empty_container(pair):
    """Whether a class is a container made without layers, which hands on what it is given."""
    if not isinstance(pair, LayerPair) or pair.make_init is not None:
        return False
    codes = [getattr(method, "__code__", None) for method in pair.functions()]
    if not all(code and "FOR_ITER" in _operations(code) for code in codes):
        return False
    x = ones((2, 2))
    try:
        layer = pair.layer_class()
        room = any(isinstance(v, (list, tuple, dict)) and not v for v in vars(layer).values())
        return room and getattr(layer, pair.method)(x) is x and layer.backward(x) is x
    except Exception:       # it needs something: whoever runs it will tell
        return False


def _nothing():
    pass


def _operations(code):
    return [instruction.opname for instruction in dis.get_instructions(code)]


def _line_of_class(value):
    try:
        return inspect.getsourcelines(value)[1]
    except (OSError, TypeError):
        return None


def _near_misses(halves, found, public, module, pairs):
    """Sentences on own halves without the other, and classes with a forward only."""
    used = {half.function for pair in found for half in pair}
    used |= {f for pair in pairs.values() for f in pair.functions()}
    remarks = []
    for kind, other in (("forward", "backward"), ("backward", "forward")):
        for half in halves[kind]:
            if half.own and half.function not in used:
                wanted = _counterpart(half.name, other)
                remarks.append(_missing(half.name, wanted, set(public) - {half.name}))
    for name, value in public.items():
        if inspect.isfunction(value) and value.__module__ == module and value not in used and (
            LOSS.fullmatch(name) and _returns_both(value)
        ):
            remarks.append(f"{name} returns a loss and its gradient at once: to have it checked, "
                           f"write {name}_forward and {name}_backward")
        # not of classes built on a library's: a torch.nn.Module needs no backward
        own = inspect.isclass(value) and {c.__module__ for c in value.__mro__} <= {
            module, "builtins", "abc"}
        if own and callable(getattr(value, "forward", None)) and not _is_layer(value):
            remarks.append(_missing(name, "backward", [n for n in dir(value) if n != "forward"]))
    return remarks


def _returns_both(function):
    """Whether a function ends with `return loss, dx`, or grads."""
    names = returned_names(function)
    return len(names) > 1 and names[0] in LOSS_NAMES and all(
        not name or looks_like_gradient(name) for name in names[1:]
    )


def _missing(name, wanted, names):
    near = difflib.get_close_matches(wanted, names, 1, 0.85)
    return f"{name} has no {wanted}" + (f"; nearest: {near[0]}" if near else "")


def spelt(name):
    """A match of a forward's or backward's name: what stands before, which, what after; or None."""
    return next((match for s in SPELLINGS if (match := s.fullmatch(name))), None)


def _counterpart(name, kind):
    """conv_forward_naive -> conv_backward_naive."""
    match = spelt(name)
    word = kind.capitalize() if match[2][0].isupper() else kind
    return name[: match.start(2)] + word + name[match.end(2) :]


def joined(before, after):
    """The name of a pair."""
    return "_".join(part for part in (before, after) if part)


def snake_case(name):
    """BatchNorm1d -> batch_norm1d."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()

