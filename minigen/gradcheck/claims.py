"""Which argument does each returned gradient belong to?

Idea: homework returns gradients in many ways: a tuple in the order of the arguments, with None for
those that have none, or without them; one array; a dict by name; nested like a dict of parameters.
Each way is a *reading*: a list of arguments, one for each gradient. The first reading whose count
and nesting fit is taken. Shapes and dtypes are looked at later (structure.py), when it is known
what belongs to what; they count here only if there are fewer gradients than floating arrays.

    match(subject, gradients, wrt=None, loss=False)     -> Match
    read(claims, gradients)                             -> arrays, of another call of backward

Read next: structure.py.
"""

import re
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from minigen.gradcheck.child import trees
from minigen.gradcheck.report import Finding
from minigen.gradcheck.subject import Leaf, is_float_array

# Arguments that are floating arrays and yet have no gradient, by their names.
NEVER = {"eps", "epsilon", "momentum", "dropout", "keep_prob", "lr", "gt", "y_true", "true_y"}
PARTS = ("target", "label", "truth", "mask", "running", "moving", "one_hot", "onehot", "_weight")
LABELS = {"y", "t", "weights"}      # ... if the output is a loss, or None is returned for them
LEARNT = re.compile(                # while these have one in every course
    r"(x|w|b|h|q|k|v|z|u)_?\d*|inputs?|weight|bias|gamma|beta|kernel|logits|scores|query|key|value",
    re.IGNORECASE,
)


@dataclass
class Claim:
    """A gradient that the student returned, and what it belongs to."""

    leaf: Leaf
    returned: object            # an array, a number, None ...
    place: tuple                # its path in what backward returned
    gradient: object = None     # the same as an array, once it is known to be one

    @property
    def label(self):
        """The gradient as a student would call it: dx, dparams['W']."""
        return "d" + self.leaf.label


@dataclass
class Match:
    """What the returned gradients belong to."""

    claims: list = field(default_factory=list)      # Claim, in the order of the gradients
    unclaimed: list = field(default_factory=list)   # (Leaf, sentence): no gradient is returned
    findings: list = field(default_factory=list)    # Finding: wrong_shape, fail or undecided
    notes: list = field(default_factory=list)       # sentences worth knowing
    others: list = field(default_factory=list)      # lists of Claim that would fit as well

    def say(self, verdict, message, **evidence):
        """Add a finding; returns self."""
        self.findings.append(Finding("wrong_shape", verdict, message, evidence=evidence))
        return self


@dataclass
class _Argument:
    """Something that a gradient can belong to: mostly an argument, or what wrt names inside one."""

    path: tuple
    name: str
    value: object

    @property
    def nested(self):
        return isinstance(self.value, (dict, list, tuple))

    def holds(self, numbers=False):
        """Whether a floating array is in it; with numbers, a Python float will do."""
        return any(
            is_float_array(leaf) or (numbers and isinstance(leaf, (float, np.floating)))
            for path, leaf in trees.leaves(self.value)
            if not (self.nested and path and never(str(path[-1])))
        )


def match(subject, gradients, wrt=None, loss=False):
    """Find out what the returned gradients belong to.

    subject: a Subject; gradients: as returned, nested; wrt: names of the arguments that must have
    one, if the homework or the teacher says so; loss: whether the only output is a number.
    A failed finding means that nothing can be compared.
    """
    return _Reader(subject, gradients, wrt, loss).match()


def read(claims, gradients):
    """What claims of an earlier call are in the gradients of this one: a list of arrays.

    Raises LookupError, TypeError or ValueError if they are nested differently, or no numbers.
    """
    values = []
    for claim in claims:
        value = gradients
        for step in claim.place:
            value = value[step]
        values.append(np.array(value))
    return values


class _Reader:
    """One attempt to read the gradients of one backward."""

    def __init__(self, subject, gradients, wrt, loss):
        self.names, self.gradients = subject.arguments, gradients
        self.arguments = [
            _Argument((i,), trees.label((i,), self.names), value)
            for i, value in enumerate(subject.inputs)
        ]
        self.inputs = subject.inputs
        self.loss = loss
        self.wrt = [wrt] if isinstance(wrt, str) else list(wrt or ())
        self.found = Match()

    def match(self):
        """The Match."""
        if self.gradients is None:
            return self.found.say("fail", "backward returns None: is its `return` missing?")
        wanted = None
        if self.wrt:
            wanted = self._resolved()
            if self.found.findings:
                return self.found
        if isinstance(self.gradients, dict) and self._by_name(wanted):
            return self._rest(wanted)
        several = isinstance(self.gradients, (tuple, list))
        returned = tuple(self.gradients) if several else (self.gradients,)
        for arguments in self._readings(len(returned), wanted):
            if all(_fits(a, g) for a, g in zip(arguments, returned, strict=False)):
                self._claim_all(arguments, returned)
                return self._rest(wanted)
        single = wanted or self._floating()
        if len(single) == 1 and _fits(single[0], self.gradients, whole=True):
            self._claim(single[0], self.gradients, ())
            return self._rest(wanted)
        return self._miscounted(returned, wanted)

    def _resolved(self):
        """What wrt names, as arguments: whole ones, or labels such as params['W']."""
        inside = {
            trees.label(path, self.names): _Argument(path, trees.label(path, self.names), value)
            for path, value in trees.leaves(self.inputs)
        }
        known = inside | {a.name: a for a in self.arguments}
        unknown = [name for name in self.wrt if name not in known]
        if unknown:
            self.found.say(
                "undecided",
                f"WRT names {_listed(unknown)}, but forward's arguments are "
                f"{_listed([a.name for a in self.arguments])}",
            )
        chosen = [known[name] for name in self.wrt if name in known]
        for argument in chosen:
            if not argument.holds(numbers=True):
                self.found.say(
                    "undecided",
                    f"WRT names {argument.name}, which is {kind(argument.value)}: only floating "
                    "numbers have a gradient",
                )
        return chosen

    def _readings(self, count, wanted):
        """Lists of arguments that `count` gradients may belong to, the likeliest first."""
        everything = self.arguments
        if wanted is not None:
            yield from (wanted,) if count == len(wanted) else ()
            yield from (everything,) if count == len(everything) else ()
            return
        # one for each, None included; those left at their defaults may be answered by None
        if len(everything) <= count <= max(len(self.names), len(everything)):
            rest = self._sequence()[len(everything) :]
            yield from (everything,) if all(g is None for g in rest) else ()
        arrays = [a for a in everything if is_float_array(a.value)]
        for chosen in (
            self._floating(),
            arrays,
            [a for a in self._floating() if not never(a.name, self.loss)],
            [a for a in arrays if not never(a.name, self.loss)],
            [a for a in everything if a.holds(numbers=True)],
            [a for a in everything if isinstance(a.value, np.ndarray)],
        ):
            if chosen and len(chosen) == count:
                yield chosen

    def _sequence(self):
        several = isinstance(self.gradients, (tuple, list))
        return tuple(self.gradients) if several else (self.gradients,)

    def _floating(self):
        return [a for a in self.arguments if a.holds()]

    def _by_name(self, wanted):
        """Read a dict whose keys name arguments, or what is inside a dict argument."""
        places = {}
        for argument in self.arguments:
            if isinstance(argument.value, dict):
                for key, value in argument.value.items():
                    path = (*argument.path, key)
                    places[str(key)] = _Argument(path, trees.label(path, self.names), value)
        places |= {a.name: a for a in (*self.arguments, *(wanted or ()))}
        keys = {key: _named(key, places) for key in self.gradients}
        if not any(keys.values()):
            return False
        for key, name in keys.items():
            if name is None:
                self.found.notes.append(f"not looked at: gradient {key!r}, no argument's name")
            else:
                self._claim(places[name], self.gradients[key], (key,))
        return True

    def _claim_all(self, arguments, returned):
        several = isinstance(self.gradients, (tuple, list))
        for i, (argument, gradient) in enumerate(zip(arguments, returned, strict=False)):
            self._claim(argument, gradient, (i,) if several else ())

    def _claim(self, argument, gradient, place):
        """Add the claims of one gradient, which may be nested."""
        value, path = argument.value, argument.path
        if isinstance(value, dict) and isinstance(gradient, dict):
            for key, part in value.items():
                label = trees.label((*path, key), self.names)
                theirs = [g for g in gradient if _named(g, {str(key): 0}) is not None]
                if theirs:
                    inner = gradient[theirs[0]]
                    self._claim(_Argument((*path, key), label, part), inner, (*place, theirs[0]))
        elif argument.nested and isinstance(gradient, (tuple, list)):
            for i, (part, inner) in enumerate(zip(value, gradient, strict=True)):
                label = trees.label((*path, i), self.names)
                self._claim(_Argument((*path, i), label, part), inner, (*place, i))
        elif argument.nested:
            if gradient is not None:
                self.found.say("fail", _nesting(argument, gradient))
        elif isinstance(value, (float, np.floating)) and (
            gradient is None or (never(argument.name) and argument.name not in self.wrt)
        ):
            return              # an eps, say: a number counts only if a gradient is returned for it
        elif is_float_array(value) or isinstance(value, (float, np.floating)):
            self._claim_leaf(argument, gradient, place)
        elif gradient is not None and np.ndim(gradient) and not isinstance(value, np.ndarray):
            if value is not None:
                self.found.say(
                    "fail",
                    f"backward returns a gradient of shape {np.shape(gradient)} for "
                    f"{argument.name}, which is {kind(value)}: return None there",
                )
        elif gradient is not None and isinstance(value, np.ndarray):
            self.found.notes.append(
                f"not checked: the gradient of {argument.name}, {kind(value)}; pass floats to "
                "have it checked"
            )

    def _claim_leaf(self, argument, gradient, place):
        unneeded = never(argument.name, labels=True) and argument.name not in self.wrt
        zeros = isinstance(gradient, np.ndarray) and not gradient.any()
        leaf = Leaf(argument.path, argument.name, argument.value)
        if unneeded and (gradient is None or zeros):
            self.found.unclaimed.append((leaf, f"not checked: {leaf.label}, whose gradient is {'None' if gradient is None else '0'}"))
        else:
            self.found.claims.append(Claim(leaf, gradient, place))

    def _rest(self, wanted):
        """Account for the floating arrays that no gradient was returned for."""
        done = {c.leaf.path for c in self.found.claims}
        begun = {path[:1] for path in done}
        done |= {leaf.path for leaf, _ in self.found.unclaimed}
        missing = []
        for path, value in trees.leaves(self.inputs):
            if not is_float_array(value) or path in done:
                continue
            leaf = Leaf(path, trees.label(path, self.names), value)
            if wanted is not None:
                asked = any(path[: len(a.path)] == a.path for a in wanted)
                missing += [leaf] if asked else []
                said = f"not checked: {leaf.label}, which WRT does not name"
            else:
                # a dict of which nothing is claimed holds state, or settings
                state = len(path) > 1 and path[:1] not in begun
                name = str(path[-1]) if len(path) > 1 else leaf.label
                missing += [] if state or never(name, self.loss) else [leaf]
                said = f"not checked: {leaf.label}, for which backward returns no gradient"
            self.found.unclaimed.append((leaf, said))
        if missing and not self.found.findings:
            labels = [leaf.label for leaf in missing]
            said = f"backward returns no gradient for {_listed(labels)}"
            if wanted is not None:
                return self.found.say("fail", f"{said}, which WRT names")
            claimed = [c.leaf.label for c in self.found.claims]
            said += f": if there is none to return, say so with WRT = {_quoted(claimed)}"
            return self.found.say("undecided", said)
        return self.found

    def _miscounted(self, returned, wanted):
        """No reading fits."""
        count = f"{len(returned)} gradient{'s' * (len(returned) != 1)}"
        if wanted is not None:
            names = _listed([a.name for a in wanted])
            return self.found.say(
                "fail", f"backward returns {count}, but WRT names {len(wanted)}: {names}"
            )
        floating = self._floating()
        names = _listed([a.name for a in floating])
        if not floating:
            kinds = _listed([f"{a.name} is {kind(a.value)}" for a in self.arguments])
            said = f"nothing to check: no argument is a floating array ({kinds})"
            return self.found.say("undecided", said)
        if isinstance(self.gradients, dict):
            keys = _listed([repr(key) for key in self.gradients])
            said = f"backward returns a dict with {keys}: name the gradients like {names}"
            return self.found.say("undecided", said)
        if len(returned) < len(floating):
            return self._fewer(returned, floating)
        nested = [a for a in floating if a.nested]
        if len(floating) == len(returned) and nested:
            wrong = [(a, g) for a, g in zip(floating, returned, strict=True) if not _fits(a, g)]
            return self.found.say("fail", _nesting(*wrong[0]))
        arguments = "argument" if len(floating) == 1 else "arguments"
        return self.found.say(
            "fail",
            f"backward returns {count} for the {len(floating)} floating {arguments} {names}",
            returned=[list(np.shape(g)) if as_array(g) is not None else kind(g) for g in returned],
        )

    def _fewer(self, returned, floating):
        """Fewer gradients than floating arguments: shapes may still say which they are."""
        chosen = [
            arguments
            for arguments in combinations(floating, len(returned))
            if all(_fits(a, g, exactly=True) for a, g in zip(arguments, returned, strict=True))
        ]
        if chosen:
            # names that never have a gradient are the last to be given one
            chosen.sort(key=lambda arguments: sum(never(a.name) for a in arguments))
            for arguments in reversed(chosen):
                self.found.claims = []
                self._claim_all(arguments, returned)
                self.found.others.insert(0, self.found.claims)
            self.found.others.pop(0)
        count = f"{len(returned)} gradient{'s' * (len(returned) != 1)}"
        names = [a.name for a in floating]
        given = _quoted(names[: len(returned)])
        said = f"backward returns {count} for the {len(floating)} floating arguments "
        said += f"{_listed(names)}: say which, such as WRT = {given}"
        claimed = {c.leaf.path[:1] for c in self.found.claims}
        for argument in floating:
            if argument.path[:1] not in claimed:
                leaf = Leaf(argument.path, argument.name, argument.value)
                said = f"not checked: {leaf.label}, for which backward returns no gradient"
                self.found.unclaimed.append((leaf, said))
        return self.found.say("undecided", said)


def _named(key, places):
    """The name in places that a gradient's key stands for: x for 'x', 'dx', 'd_x', 'grad_x'."""
    for name in places:
        forms = (name, f"d{name}", f"d_{name}", f"grad_{name}", f"{name}_grad")
        if str(key) in forms:
            return name
    return None


def _fits(argument, gradient, exactly=False, whole=False):
    """Whether a gradient has the nesting of its argument; exactly: the shapes, too."""
    if gradient is None and not exactly:
        return True
    value = argument.value
    if isinstance(value, dict):
        if not isinstance(gradient, dict):
            return False
        names = {str(key): None for key in value}
        return any(_named(key, names) is not None for key in gradient)
    if argument.nested:
        if not isinstance(gradient, (tuple, list)) or len(gradient) != len(value):
            return False
        parts = [_Argument((*argument.path, i), argument.name, v) for i, v in enumerate(value)]
        return all(_fits(a, g, exactly) for a, g in zip(parts, gradient, strict=True))
    if not is_float_array(value):
        return True
    if whole or exactly:            # a list of numbers is one gradient only if its shape says so
        return as_array(gradient) is not None and np.shape(gradient) == value.shape
    return not isinstance(gradient, dict) and (
        not isinstance(gradient, (tuple, list)) or as_array(gradient) is not None
    )


def as_array(gradient):
    """The gradient as an array of its own: of an array, a number, nested lists; None if it is none.
    """
    try:
        array = np.array(gradient)
    except ValueError:              # a ragged list
        return None
    return array if array.dtype.kind in "biufc" else None


def never(name, labels=False):
    """Whether an argument has no gradient, by its name; labels: y and t are taken for labels."""
    known = name in NEVER or any(part in name.lower() for part in PARTS)
    return known or (labels and name in LABELS)


def always(name):
    """Whether an argument has a gradient, by its name: x, W1, gamma."""
    return LEARNT.fullmatch(name) is not None


def _nesting(argument, gradient):
    said = f"d{argument.name} is {kind(gradient)}, {argument.name} is {kind(argument.value)}"
    if isinstance(argument.value, dict):
        said += f": return a dict with the keys {_listed(map(repr, argument.value))}"
    elif argument.nested:
        said += f": return a list of {len(argument.value)} gradients"
    return said


def kind(value):
    """What a value is, for a sentence: a float32 array, a list of 3."""
    if isinstance(value, np.ndarray):
        return f"an {value.dtype} array" if value.dtype.kind in "iu" else f"a {value.dtype} array"
    if isinstance(value, (dict, list, tuple)):
        return f"a {type(value).__name__} of {len(value)}"
    if value is None:
        return "None"
    text = getattr(value, "text", type(value).__name__)
    return f"an {text}" if text[:1] in "aeiou" else f"a {text}"


def _listed(names):
    return ", ".join(names)


def _quoted(names):
    """Names as a tuple in Python: ("x", "w")."""
    inside = ", ".join(f'"{name}"' for name in names)
    return f"({inside},)" if len(names) == 1 else f"({inside})"
