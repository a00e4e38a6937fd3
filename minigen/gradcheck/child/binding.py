"""How a forward and its backward fit together, read from their names.

Idea: each of backward's parameters is
    1. an argument of forward, if it has the name of one (in lower or upper case);
    2. an upstream gradient, if its name says so: dout, dh, grad_y, y_grad, upstream, g. If none
       does, the first parameter but a cache is it, or (d1, d2) are. One: it gets the gradient of
       the output, or of all outputs, nested like them. Several: one output each, in order; of a
       dict of outputs by name (dh: "h"). A second one that forward returns, as in (loss, dx), or
       that is called grad, is kept: 5.
    3. the output, if it is called out, output, outputs, or as forward's `return` calls it;
    4. a learning rate (lr, learning_rate), which is 0: nothing is learnt here;
    5. what forward keeps for it: any other name without a default, cache or ctx with one too;
    6. else left at its default.
What forward returns follows from that:
    names that match            `return h, c, cache` for (dh, cache): the output is h alone
    backward takes a cache      (out, cache), ((h, c), cache), (h, c, cache); with several
                                parameters of that kind as many last values, or one tuple of them.
                                If forward returns no tuple, a parameter called cache, or x, is the
                                inputs (or the only one).
    an argument's name          `x = x.astype(...); return x * x, x` for (dout, x): what is returned
    backward takes none         out, or (h, c) for (dh, dc, ...). A last value that cannot be an
                                output (a tuple, a mask, an input) is a cache that nobody reads.
    one dout                    all outputs; the first alone if backward uses dout as one array, and
                                whole numbers (an argmax) only if it takes dout apart.
A backward without an upstream gradient, `mse_backward(prediction, target)`, is that of a loss: the
output is one number, and its gradients are multiplied by the upstream one.

Invariant: where this does not decide, a StudentError says what to write; nothing is guessed.
Read next: pairs.py, which calls what is bound here.
"""

import ast
import inspect
import re
import textwrap

from numpy import array_equal, may_share_memory, ndarray, number, shape, size

from . import trees
from .session import StudentError
from .trees import is_float

OUTPUTS = ("out", "output", "outputs")
CACHE = re.compile(r".*cache.*|ctx|context|saved.*|memory|mem", re.IGNORECASE)
INPUTS = re.compile(r"x|xs|inp|inputs?|args|arguments", re.IGNORECASE)
SEVERAL = ("douts", "grads", "grad_outputs", "upstreams")
LABELS = re.compile(r"y_true|targets?|labels?|t|x|y|out|outputs?", re.IGNORECASE)
GRADIENT = re.compile(r"g|g_.*|grad.*|upstream.*|.*_grad|.*_gradients?|.*_bar|d.+")
KEPT = re.compile(r"g|grads?|gradients?")       # in the second place, after dout
RATE = re.compile(r"lr|learning_rate", re.IGNORECASE)
ENGLISH = re.compile(       # begins with d, but is no gradient
    r"(d|data|debug|dec|decay|default|deg|degree|den|denom|denominator|depth|det|device|dev|diag"
    r"|dict|diff|difference|dilation|dim|dims|dimension|dist|distance|distances|div|domain|dot"
    r"|drop|dropout|dt|dtype|dummy|duration)(_.*|\d*)"
)


class Roles:
    """What each of backward's parameters is for, as far as its name tells.

    receives: backward's parameters; given: forward's; returned: names in its `return`.
    arguments: {parameter: forward's argument}; upstream, outputs, caches: lists of parameters.
    """

    def __init__(self, receives, given, returned, titles, uses=()):
        self.receives, self.returned, self.titles = receives, returned, titles
        self.given, self.uses = list(given), dict(uses)
        self.arguments = {name: _same(name, given) for name in receives if _same(name, given)}
        parameters = [p for p in receives.values() if p.kind != p.VAR_KEYWORD]
        free = [p for p in parameters if p.name not in self.arguments]
        names = [p.name for p in free if p.kind != p.VAR_POSITIONAL]
        self.upstream = [name for name in names if looks_like_gradient(name)]
        first = next((name for name in receives if not CACHE.fullmatch(name)), None)
        if not self.upstream and first in names and not LABELS.fullmatch(first):
            stem = first.rstrip("0123456789")
            several = [n for n in names if n.rstrip("0123456789") == stem != n]     # d1, d2
            self.upstream = several if first in several else [first]
        self.upstream = self._outputs_alone(returned)
        self.rates = [name for name in names if RATE.fullmatch(name)]
        others = [p for p in free if p.name not in (*self.upstream, *self.rates)]
        self.outputs = [p.name for p in others if p.name in OUTPUTS]
        self.caches = [
            p.name for p in others
            if p.name not in OUTPUTS and (CACHE.fullmatch(p.name) or p.default is p.empty)
        ]
        self.optional = [p.name for p in free if p.default is not p.empty]
        self._check()

    def _outputs_alone(self, returned):
        """Upstream gradients without what forward itself returns as a gradient, and keeps:
        (dout, dx) after `return loss, dx`, (dout, grad)."""
        first, *others = self.upstream or [None]
        kept = [n for n in others if n not in returned and not KEPT.fullmatch(n)]
        return self.upstream if first in (None, *returned) else [first, *kept]

    def _check(self):
        if self.upstream:
            return
        forward, backward = self.titles
        for name in self.caches:
            if not (CACHE.fullmatch(name) or name == "y" or name in self.returned):
                raise StudentError("error", f"{backward}: {name} is no argument of {forward}, and "
                                   "no parameter is the upstream gradient; write "
                                   f"{backward}(dout, cache)")


class Fit:
    """What forward returned, taken apart: outputs, caches, and which parameter gets which.

    remembers: whether backward finds what it needs without being given it, as a layer's does.
    """

    def __init__(self, roles, inputs, returned, remembers=False):
        self.roles, self.inputs, self.remembers = roles, inputs, remembers
        self.upstream, self.wants = [*roles.upstream], [*roles.caches]
        self.named = [*roles.outputs]   # parameters that are the output
        self.kept = None                # whatever is no output
        self.values = _values(returned)
        self.names = roles.returned if len(roles.returned) == len(self.values) else []
        self.passed = self._passed_on()
        self.outputs, self.caches = self._separated()
        if self.passed:
            kept = [*([] if self.kept is None else [self.kept]), *self.passed.values()]
            self.kept = kept[0] if len(kept) == 1 else kept
        if not self.upstream and not is_number(self.outputs):
            forward, backward = roles.titles
            raise StudentError("error", f"{backward} takes no upstream gradient, yet the output of "
                               f"{forward} is not one number: call its first parameter dout")

    def _passed_on(self):
        """Takes out what forward returns for backward under an argument's name, converted perhaps:
        {"x": x} after `x = x.astype(...); return x * x, x` for backward(dout, x)."""
        places = [
            i for i, name in enumerate(self.names)
            if i and name in self.roles.arguments and self._is_input(self.values[i], converted=True)
        ]
        if len(self.values) - len(places) < len(self.upstream):
            return {}
        passed = {self.names[i]: self.values[i] for i in places}
        kept = [i for i in range(len(self.values)) if i not in places]
        self.names = [name for i, name in enumerate(self.names) if i in kept]
        self.values = tuple(self.values[i] for i in kept)
        return passed

    def _separated(self):
        """(outputs, list of caches). Raises StudentError if nothing fits."""
        if self._gradient_kept():
            self.wants.insert(0, self.upstream.pop())
        upstream, wants = [*self.upstream], [*self.wants]
        found = self._by_name() or self._by_count()
        while found is None and len(self.upstream) > 1:     # one name only looked like a gradient
            name = self.upstream.pop()
            if name not in self.roles.optional:
                self.wants.insert(0, name)
            found = self._by_name() or self._by_count()
        if found is None and len(upstream) > 1:
            self.upstream, self.wants = upstream, wants
            found = self._match(self.values, self._inputs_as_caches(), len(upstream))
        if found is None:
            raise StudentError("error", self._undecided())
        return found

    def _gradient_kept(self):
        """Whether forward returns a loss and its gradient, and backward takes (dout, dscores)."""
        if len(self.values) != 2 or len(self.upstream) != 2 or not is_number(self.values[0]):
            return False
        return any(
            belongs(self.upstream[1], name) and isinstance(x, ndarray) and x.size > 1
            and x.shape == shape(self.values[1])
            for name, x in zip(self.roles.given, self.inputs, strict=False)
        )

    def _by_name(self):
        """Outputs whose names the upstream gradients bear: dh and dc after `return h, c, cache`."""
        matches = {u: [i for i, n in enumerate(self.names) if belongs(u, n)] for u in self.upstream}
        for name in self.roles.optional:
            if matches.get(name) == []:
                del matches[name]
        chosen = [places[0] for places in matches.values() if len(places) == 1]
        if not chosen or len(set(chosen)) < len(matches) or len(self.values) == 1:
            return None
        outputs = [self.values[i] for i in chosen]
        rest = {n: v for i, (n, v) in enumerate(zip(self.names, self.values, strict=True))
                if i not in chosen}
        caches = self._caches_among(rest)
        if caches is None or not all(map(is_numeric, outputs)):
            return None
        self.upstream = list(matches)
        return self._keep([*rest.values()], (
            outputs[0] if len(outputs) == 1 else tuple(outputs), caches))

    def _caches_among(self, rest):
        """Values for the parameters that want a cache, from what is no output: {name: value}."""
        wanted, values = len(self.wants), tuple(rest.values())
        by_name = dict(zip(self.names, self.values, strict=True))
        if all(name in by_name for name in self.wants):
            return [by_name[name] for name in self.wants]
        if not values:
            return self._inputs_as_caches()
        if wanted == 1:
            return [values[-1] if self._may_be_outputs(values[:-1], values[-1]) else values]
        last = values[-1]
        if isinstance(last, (tuple, list)) and len(last) == wanted:
            return list(last)
        return list(values[-wanted:]) if len(values) >= wanted else None

    def _by_count(self):
        """Outputs and caches by how many there are; None if that does not decide."""
        values, wanted, count = self.values, len(self.wants), len(self.upstream)
        if len(values) == 1:
            for name in [n for n in self.wants if n == "y" or n in self.names]:
                self.wants.remove(name)
                self.named.append(name)
            return self._match(values, self._inputs_as_caches(), count)
        if not wanted:
            return self._without_cache(count)
        last = values[-1]
        if wanted > 1 and isinstance(last, (tuple, list)) and len(last) == wanted:
            return self._keep([last], self._match(values[:-1], list(last), count))
        heads, tails = values[:-wanted], list(values[-wanted:])
        if wanted == 1 and count == 1 and not self._may_be_outputs(heads[1:], last):
            heads, tails = values[:1], [values[1:]]
        return self._keep(tails, self._match(heads, tails, count))

    def _without_cache(self, count):
        """Backward takes no cache: the last value is an output or a cache that nobody reads."""
        *heads, last = self.values
        if count > 1:
            whole = self._match(self.values, [], count)
            return whole or self._keep([last], self._match(heads, [], count))
        if self.remembers and count:
            return self.values, []
        if not is_float(last) or last is heads[0] or self._is_input(last):
            return self._keep([last], self._match(heads, [], count))
        if self.upstream and self.upstream[0] in SEVERAL:
            return self.values, []
        return None

    def _match(self, heads, caches, count):
        """heads as outputs for `count` upstream gradients, if they are that many."""
        if caches is None or not heads:
            return None
        if count <= 1:
            heads = self._used(heads)
            return (heads[0] if len(heads) == 1 else tuple(heads)), caches
        inner = heads[0] if len(heads) == 1 else tuple(heads)
        fits = isinstance(inner, (tuple, list, dict)) and len(inner) == count
        values = inner.values() if isinstance(inner, dict) else inner
        return (inner, caches) if fits and all(map(is_numeric, values)) else None

    def _used(self, heads):
        """heads without those that backward has no upstream gradient for: a label, an accuracy."""
        use = self.roles.uses.get(self.upstream[0]) if self.upstream else None
        if use == "apart":
            return heads
        more = [] if use == "array" else [h for h in heads[1:] if is_float(h) or not is_numeric(h)]
        return [heads[0], *more]

    def _inputs_as_caches(self):
        """Forward keeps nothing: its inputs, for one parameter that can mean them."""
        if not self.wants:
            return []
        means_inputs = CACHE.fullmatch(self.wants[0]) or INPUTS.fullmatch(self.wants[0])
        if len(self.wants) > 1 or not means_inputs:
            return None
        return [self.inputs[0] if len(self.inputs) == 1 else self.inputs]

    def _keep(self, values, found):
        if found is not None:
            self.kept = values[0] if len(values) == 1 else values
        return found

    def _may_be_outputs(self, middle, last):
        """Whether values between the first and the last can be outputs beside the first."""
        if isinstance(last, (tuple, list, dict)):
            return True
        return all(is_float(value) and not self._is_input(value) for value in middle)

    def _is_input(self, value, converted=False):
        """Whether value is an argument or its memory, or such an array converted to its dtype."""
        return any(
            x is value
            or (isinstance(x, ndarray) and isinstance(value, ndarray) and (
                may_share_memory(x, value)
                or (converted and array_equal(x.astype(value.dtype), value))
            ))
            for _, x in trees.leaves(self.inputs)
        )

    def _undecided(self):
        forward, backward = self.roles.titles
        takes = ", ".join(self.roles.receives)
        what = f"{len(self.values)} values" if len(self.values) > 1 else "one value"
        return (f"{forward} returns {what}, and {backward}({takes}) does not tell which of them "
                f"are outputs and which it needs: let {forward} return (out, cache) and write "
                f"{backward}(dout, cache); or (dy1, dy2, cache) for two outputs")

    def receive(self, given, upstream):
        """Backward's arguments, positional and by keyword.

        given: forward's arguments by name; upstream: nested like the outputs.
        """
        outputs, receives = self.outputs, self.roles.receives
        values = dict(zip(self.wants, self.caches, strict=False))
        values |= dict.fromkeys(self.roles.rates, 0.0)
        values |= {name: given[argument] for name, argument in self.roles.arguments.items()}
        values |= self.passed
        values |= dict.fromkeys(self.named, outputs)
        if isinstance(outputs, dict):
            values |= {n: outputs[n] for n in receives if n in outputs}
        values |= self._upstreams(upstream)
        positional, by_keyword = [], {}
        for name, p in receives.items():
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


def _values(returned):
    """What forward returned, one by one: (out, cache) from a tuple, a list, or a dict with both."""
    if isinstance(returned, dict):
        caches = [key for key in returned if CACHE.fullmatch(str(key))]
        if len(caches) == 1 and len(returned) > 1:
            outputs = {key: value for key, value in returned.items() if key not in caches}
            single = len(outputs) == 1
            return next(iter(outputs.values())) if single else outputs, returned[caches[0]]
    if isinstance(returned, list) and not all(map(is_numeric, returned)):
        returned = tuple(returned)      # a list of outputs alone has numbers only
    return returned if isinstance(returned, tuple) and returned else (returned,)


def returned_names(function):
    """Names in what a function's `return` gives: ["h", "c", "cache"], "" for what has no name.

    [] if its source is not there, or it has returns of different lengths.
    """
    rows = [
        value.elts if isinstance(value, ast.Tuple) else [value]
        for value in _returns(_parsed(function).body[0])
    ]
    named = [[getattr(e, "id", getattr(e, "attr", "")) for e in row] for row in rows]
    if len({len(row) for row in named}) != 1:
        return []
    return [column[0] if len(set(column)) == 1 else "" for column in zip(*named, strict=True)]


def _returns(node):
    """The values of a function's own returns, not of functions inside it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Return) and child.value is not None:
            yield child.value
        elif not isinstance(child, (ast.FunctionDef, ast.Lambda, ast.ClassDef)):
            yield from _returns(child)


def uses_of(function):
    """How a function uses its names: {"dout": "array"} for dout * y, dout.sum(); "apart" for
    dh, dc = dout and dout[0]. {} if its source is not there."""
    uses = {}
    for node in ast.walk(_parsed(function)):
        parts, use = [], "array"
        if isinstance(node, ast.BinOp):
            parts = [node.left, node.right]
        elif isinstance(node, ast.Attribute):
            parts = [node.value]
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], (ast.Tuple, ast.List)):
            parts, use = [node.value], "apart"
        elif isinstance(node, (ast.For, ast.comprehension)):
            parts, use = [node.iter], "apart"
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            parts, use = [node.value], "apart"
        for name in [part.id for part in parts if isinstance(part, ast.Name)]:
            uses[name] = "apart" if "apart" in (use, uses.get(name)) else use
    return uses


def _parsed(function):
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return ast.Module([ast.Pass()], [])


def _same(name, names):
    """The one of names that is this one, or is but for its case; None if there is none."""
    alike = [other for other in names if other.lower() == name.lower()]
    return name if name in names else alike[0] if len(alike) == 1 else None


def looks_like_gradient(name):
    """Whether a parameter's name says that it is a gradient: dout, dW, grad_y, y_grad, g."""
    return bool(GRADIENT.fullmatch(name)) and not ENGLISH.fullmatch(name)


def gradient_names(name):
    """What the gradient of `name` may be called."""
    return (f"d{name}", f"d_{name}", f"grad_{name}", f"{name}_grad", f"g_{name}", f"{name}_bar")


def belongs(gradient, name):
    """Whether a gradient is called after this name."""
    return gradient in gradient_names(name)


def is_numeric(value):
    """Whether value can stand among several outputs: an array or number of any kind."""
    return isinstance(value, (int, float, number, ndarray))


def is_number(value):
    """Whether value is one floating number."""
    return is_float(value) and size(value) == 1
