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

from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from minigen.gradcheck.child import trees
from minigen.gradcheck.child.trees import is_float, is_float_array
from minigen.gradcheck.names import is_data, never
from minigen.gradcheck.nesting import (
    Argument,
    arguments_of,
    as_array,
    kind,
    listed,
    named,
    nested_otherwise,
)
from minigen.gradcheck.report import Finding
from minigen.gradcheck.subject import Leaf


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


def match(subject, gradients, wrt=None, loss=False, depends=lambda leaf: True):
    """Find out what the returned gradients belong to.

    subject: a Subject; gradients: as returned, nested; wrt: names of the arguments that must have
    one, if the homework or the teacher says so; loss: whether the only output is a number;
    depends(leaf): whether the output depends on it, asked where no gradient is returned.
    A failed finding means that nothing can be compared.
    """
    return _Reader(subject, gradients, wrt, loss, depends).match()


def read(claims, gradients):
    """What claims of an earlier call are in the gradients of this one: a list of arrays.

    Raises LookupError, TypeError or ValueError if they are nested differently, or no numbers.
    """
    return [np.array(trees.at(gradients, claim.place)) for claim in claims]


def left_out(subject, claims):
    """The floating arrays that claims leave out: [(Leaf, sentence)]."""
    claimed = {claim.leaf.path for claim in claims}
    return [
        (leaf, f"not checked: {leaf.label}, for which backward returns no gradient")
        for leaf in subject.floats()
        if leaf.path not in claimed
    ]


def wrt_of(subject, claims):
    """What WRT should be for these claims: ("x", "params"); parts of what is claimed in part."""
    claimed = {claim.leaf.path for claim in claims}
    left = {leaf.path[0] for leaf in subject.floats() if leaf.path not in claimed}
    arguments = {a.path: a.name for a in arguments_of(subject)}
    names = [
        leaf.label if leaf.path[0] in left else arguments[leaf.path[:1]]
        for leaf in (claim.leaf for claim in claims)
    ]
    return _quoted(dict.fromkeys(names))


class _Reader:
    """One attempt to read the gradients of one backward."""

    def __init__(self, subject, gradients, wrt, loss, depends):
        self.subject, self.gradients, self.loss = subject, gradients, loss
        self.depends = depends
        self.several = isinstance(gradients, (tuple, list))
        self.returned = tuple(gradients) if self.several else (gradients,)
        self.arguments = arguments_of(subject)
        self.floating = [a for a in self.arguments if a.holds()]
        self.wrt = [wrt] if isinstance(wrt, str) else list(wrt or ())
        self.wanted = []        # what wrt names
        self.found = Match()

    def match(self):
        """The Match."""
        if self.gradients is None:
            return self.found.say("fail", "backward returns None: is its `return` missing?")
        self._resolve()
        if self.found.findings:
            return self.found
        if isinstance(self.gradients, dict) and self._by_name():
            return self._rest(named=True)
        for arguments in self._readings():
            pairs = list(zip(arguments, self.returned, strict=False))
            if all(argument.fits(gradient) for argument, gradient in pairs):
                self._claim_in_order(pairs)
                return self._rest()
        single = self.wanted or self.floating
        if len(single) == 1 and single[0].fits(self.gradients, exactly=not single[0].nested):
            self._claim(single[0], self.gradients, ())
            return self._rest()
        return self._miscounted()

    def _resolve(self):
        """Find what wrt names: whole arguments, or labels such as params['W']."""
        inside = [
            Argument(path, trees.label(path, self.subject.arguments), value)
            for path, value in trees.leaves(self.subject.inputs)
        ]
        known = {a.name: a for a in (*inside, *self.arguments)}
        for name in self.wrt:
            if name not in known:
                theirs = listed(a.name for a in self.arguments)
                self.found.say("undecided", f"WRT names {name}; forward's arguments are {theirs}")
            elif not known[name].holds(numbers=True):
                said = f"WRT names {name}, which is {kind(known[name].value)}: only floating "
                self.found.say("undecided", f"{said}numbers have a gradient")
            else:
                self.wanted.append(known[name])

    # The readings ------------------------------------------------------------------------------

    def _readings(self):
        """Lists of arguments that the gradients may belong to, one each, the likeliest first."""
        every, floating, count = self.arguments, self.floating, len(self.returned)
        if self.wanted:
            yield from (r for r in (self.wanted, every) if len(r) == count)
            return
        # one for each, None included; more, for those that were left at their defaults
        if len(every) <= count <= max(len(every), len(self.subject.arguments)):
            yield every
        arrays = [a for a in every if is_float_array(a.value)]
        for chosen in (
            floating,
            arrays,
            [a for a in floating if not never(a.name, self.loss)],
            [a for a in arrays if not never(a.name, self.loss)],
            [a for a in every if a.holds(numbers=True)],
            [a for a in every if isinstance(a.value, np.ndarray)],
        ):
            if chosen and len(chosen) == count:
                yield chosen

    def _by_name(self):
        """Read a dict whose keys name arguments, or what is inside a dict argument."""
        dicts = [a for a in self.arguments if isinstance(a.value, dict)]
        places = {str(key): part for a in dicts for key, part in a.parts().items()}
        places |= {a.name: a for a in (*self.arguments, *self.wanted)}
        keys = {key: named(key, places) for key in self.gradients}
        if not any(keys.values()):
            return False
        for key, names in keys.items():
            if names:
                self._claim(places[names[0]], self.gradients[key], (key,))
            else:
                self.found.notes.append(f"not checked: gradient {key!r}, the name of no argument")
        return True

    def _claim_in_order(self, pairs):
        for i, (argument, gradient) in enumerate(pairs):
            self._claim(argument, gradient, (i,) if self.several else ())
        for name in self.subject.arguments[len(pairs) : len(self.returned)]:
            self.found.notes.append(f"not checked: the gradient of {name}, which was not given")

    def _claim(self, argument, gradient, place):
        """Add the claims of one gradient, which may be nested."""
        value = argument.value
        if argument.nested:
            self._claim_parts(argument, gradient, place)
        elif is_float(value):
            self._claim_leaf(argument, gradient, place)
        elif gradient is None or value is None:
            pass
        elif isinstance(value, np.ndarray):
            said = f"not checked: the gradient of {argument.name}, {kind(value)}; "
            self.found.notes.append(f"{said}pass floats to have it checked")
        elif np.ndim(gradient):
            said = f"backward returns a gradient of shape {np.shape(gradient)} for {argument.name}"
            self.found.say("fail", f"{said}, which is {kind(value)}: return None there")

    def _claim_parts(self, argument, gradient, place):
        parts = argument.parts()
        if gradient is None or not argument.holds(numbers=True):
            return
        if isinstance(gradient, dict) and isinstance(argument.value, dict):
            for key, inner in gradient.items():
                for name in named(key, parts):
                    self._claim(parts[name], inner, (*place, key))
        elif isinstance(gradient, (tuple, list)) and len(gradient) == len(parts):
            for (_, part), (i, inner) in zip(parts.items(), enumerate(gradient), strict=True):
                self._claim(part, inner, (*place, i))
        else:
            self.found.say("fail", nested_otherwise(argument, gradient))

    def _claim_leaf(self, argument, gradient, place):
        leaf = Leaf(argument.path, argument.name, argument.value)
        asked = self._asked(leaf.path)
        number = not is_float_array(argument.value)
        unneeded = never(argument.name, labels=not number) and not asked
        zero = gradient is None or (isinstance(gradient, np.ndarray) and not gradient.any())
        if number and not asked and (gradient is None or unneeded):
            return              # an eps, say: a number counts only if a gradient is returned for it
        if unneeded and zero:
            what = "None" if gradient is None else "0"
            said = f"not checked: {leaf.label}, for which backward returns {what}"
            self.found.unclaimed.append((leaf, said))
        elif asked or not self.wanted:
            self.found.claims.append(Claim(leaf, gradient, place))

    def _asked(self, path):
        """Whether wrt names the leaf at path, or what it is in."""
        return any(path[: len(a.path)] == a.path for a in self.wanted)

    # What is missing, or too much --------------------------------------------------------------

    def _rest(self, named=False):
        """Account for the floating arrays that no gradient was returned for.

        named: whether they came in a dict by name, where many a network leaves out its data.
        """
        found = self.found
        claimed = [claim.leaf for claim in found.claims]
        explained = {leaf.path for leaf, _ in found.unclaimed}
        begun = {leaf.path[:1] for leaf in claimed}
        missing = []
        for leaf, said in left_out(self.subject, found.claims):
            if leaf.path in explained:
                continue
            if self.wanted and not self._asked(leaf.path):
                said = f"not checked: {leaf.label}, which WRT does not name"
            name = str(leaf.path[-1]) if len(leaf.path) > 1 else leaf.label
            # a dict of which nothing is claimed holds state, or settings
            settings = len(leaf.path) > 1 and leaf.path[:1] not in begun
            if not (self.wanted or settings or never(name, self.loss)):
                missing += [leaf.label] if self.depends(leaf) else []
            found.unclaimed.append((leaf, said))
        for a in self.wanted:
            if all(leaf.path[: len(a.path)] != a.path for leaf in claimed):
                found.say("fail", f"backward returns no gradient for {a.name}, which WRT names")
        data = named and claimed and len(missing) == 1 and is_data(missing[0])
        if missing and not data and not found.findings:
            said = f"backward returns no gradient for {listed(missing)}: if there is none to "
            said += f"return, say so with WRT = {wrt_of(self.subject, found.claims)}"
            found.say("undecided", said, missing=missing)
        return found

    def _miscounted(self):
        """No reading fits."""
        count = f"{len(self.returned)} gradient{'s' * (len(self.returned) != 1)}"
        found, floating, gradients = self.found, self.floating, self.gradients
        names = listed(a.name for a in self.wanted or floating)
        if self.wanted and len(self.wanted) != len(self.returned):
            said = f"backward returns {count}, but WRT names {len(self.wanted)}: {names}"
            return found.say("fail", said)
        if not floating:
            kinds = listed(f"{a.name} is {kind(a.value)}" for a in self.arguments)
            said = f"nothing to check: no argument is a floating array ({kinds})"
            return found.say("undecided", said)
        if isinstance(gradients, dict) and not any(a.nested for a in floating):
            said = f"backward returns a dict with {listed(map(repr, gradients))}: name the "
            return found.say("undecided", f"{said}gradients like the arguments, {names}")
        if len(self.returned) < len(floating) and not self.wanted:
            return self._fewer(count, names)
        pairs = zip(self.wanted or floating, self.returned, strict=False)
        wrong = [(a, g) for a, g in pairs if a.nested and not a.fits(g)]
        if wrong and len(self.returned) == len(self.wanted or floating):
            return found.say("fail", nested_otherwise(*wrong[0]))
        arguments = "argument" if len(floating) == 1 else "arguments"
        return found.say(
            "fail",
            f"backward returns {count} for the {len(floating)} floating {arguments} {names}",
            returned=[kind(g) if as_array(g) is None else list(np.shape(g)) for g in self.returned],
        )

    def _fewer(self, count, names):
        """Fewer gradients than floating arguments: shapes may still say which they are."""
        found, floating = self.found, self.floating
        choices = combinations(floating, len(self.returned))
        pairings = [list(zip(chosen, self.returned, strict=True)) for chosen in choices]
        chosen = [p for p in pairings if all(a.fits(g, exactly=True) for a, g in p)]
        # names that never have a gradient are the last to be given one
        chosen.sort(key=lambda pairs: sum(never(argument.name) for argument, _ in pairs))
        for pairs in chosen:
            found.claims = []
            self._claim_in_order(pairs)
            found.others.append(found.claims)
        found.claims = found.others.pop(0) if chosen else []
        found.unclaimed = left_out(self.subject, found.claims)
        given = _quoted(a.name for a in floating[: len(self.returned)])
        given = wrt_of(self.subject, found.claims) if found.claims else given
        said = f"backward returns {count} for the {len(floating)} floating arguments {names}: "
        said += f"say which, such as WRT = {given}"
        missing = [leaf.label for leaf, _ in found.unclaimed]
        return found.say("undecided", said, missing=missing)


def _quoted(names):
    """Names as a tuple in Python: ("x", "w")."""
    inside = [f'"{name}"' for name in names]
    return f"({inside[0]},)" if len(inside) == 1 else f"({listed(inside)})"
