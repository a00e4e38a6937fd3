"""What the arguments of a pair look like, and drawing them: random arrays, or fixed values.

Idea: a recipe says what one argument is made of; a `Plan` holds the recipes of a pair and draws
its arguments for a seed. Plans come from a teacher's spec (spec.py) or are guessed (guess.py), and
every recipe can be written as one line of a spec.

Invariant: the arguments for a seed depend on that seed, the pair's name and its plan alone, drawn
from a stream of their own: an upstream gradient that repeats the inputs' random numbers can hide
a wrong gradient (batch norm projects it away).
Read next: spec.py, the file format.
"""

import difflib
import json
import re
from dataclasses import dataclass, field

import numpy as np

from minigen.gradcheck.child import trees
from minigen.gradcheck.slopes import stream


class SpecError(ValueError):
    """A spec that cannot be used: which file, table and key, the rule, the likely fix."""


@dataclass(frozen=True)
class Random:
    """A random array: normal, or uniform in low ... high; whole numbers exclude high, as in NumPy.

    shape: sizes, as numbers or names. distinct: no two entries are equal. one_hot and sums_to_one
    are axes: along it, one entry is 1 and the others 0, or all are positive and their sum is 1.
    """

    shape: tuple
    dtype: str = "float64"
    low: float | str | None = None
    high: float | str | None = None
    mean: float = 0.0
    std: float = 1.0
    distinct: bool = False
    one_hot: int | None = None
    sums_to_one: int | None = None

    def draw(self, rng, sizes):
        """An array of this kind; sizes: name -> number."""
        shape = tuple(sizes.get(n, n) for n in self.shape)
        kind = np.dtype(self.dtype).kind
        if kind == "b":
            values = rng.random(shape) < 0.5
        elif self.one_hot is not None:
            values = _one_hot(rng, shape, self.one_hot)
        elif kind in "iu":
            values = self._integers(rng, shape, sizes)
        else:
            values = self._floats(rng, shape)
        return np.asarray(values).astype(self.dtype)

    def _integers(self, rng, shape, sizes):
        low, high = (sizes.get(n, n) for n in (self.low or 0, self.high))
        if not self.distinct:
            return rng.integers(low, high, shape)
        count = int(np.prod(shape))
        if high - low < count:
            raise SpecError(
                f"{count} distinct whole numbers from {low} to {high - 1}: there are only "
                f"{high - low}; raise high"
            )
        return low + rng.permutation(high - low)[:count].reshape(shape)

    def _floats(self, rng, shape):
        low, high = (-2.0, 2.0) if self.low is None else (self.low, self.high)
        if self.sums_to_one is not None:
            parts = rng.uniform(0.5, 1.5, shape)
            return parts / parts.sum(self.sums_to_one, keepdims=True)
        if self.distinct:
            count = int(np.prod(shape))
            # evenly spaced, so that no step of a difference makes a tie; a third: never just 0
            places = (rng.permutation(count) + 1 / 3) / max(count, 1)
            return (low + (high - low) * places).reshape(shape)
        if self.low is not None:
            return rng.uniform(low, high, shape)
        return self.mean + self.std * rng.standard_normal(shape)

    def names(self):
        """The names of sizes that this recipe uses."""
        return [n for n in (*self.shape, self.low, self.high) if isinstance(n, str)]

    def toml(self):
        """This recipe as the value of a line in a spec."""
        plain = Random(())
        parts = {"shape": list(self.shape)}
        for key, usual in vars(plain).items():
            if key != "shape" and getattr(self, key) != usual:
                parts[key] = getattr(self, key)
        return to_toml(parts)


@dataclass(frozen=True)
class Fixed:
    """Always the same value: a number, text, list, dict, or array."""

    value: object

    def draw(self, rng, sizes):
        """The value, an array as a copy."""
        return self.value.copy() if isinstance(self.value, np.ndarray) else self.value

    def names(self):
        """None: a fixed value has no named sizes."""
        return []

    def toml(self):
        """The value itself where a spec takes it for one, else wrapped."""
        if isinstance(self.value, np.ndarray):
            return to_toml({"values": self.value.tolist(), "dtype": str(self.value.dtype)})
        return to_toml({"value": self.value} if isinstance(self.value, dict) else self.value)


@dataclass(frozen=True)
class Size:
    """One of the named sizes as a whole number: num_classes."""

    size: str

    def draw(self, rng, sizes):
        """The size."""
        return sizes[self.size]

    def names(self):
        """Its name."""
        return [self.size]

    def toml(self):
        """{size = "C"}"""
        return to_toml({"size": self.size})


@dataclass(frozen=True)
class Several:
    """A dict, list or tuple of recipes: parameters = {"W": ..., "b": ...}."""

    kind: str       # dict, list or tuple
    parts: object   # of recipes: a dict, or a list

    def draw(self, rng, sizes):
        """A value of that kind with every part drawn, in order."""
        if self.kind == "dict":
            return {key: part.draw(rng, sizes) for key, part in self.parts.items()}
        values = [part.draw(rng, sizes) for part in self.parts]
        return values if self.kind == "list" else tuple(values)

    def names(self):
        """The names of sizes that its parts use."""
        parts = self.parts.values() if self.kind == "dict" else self.parts
        return [name for part in parts for name in part.names()]

    def toml(self):
        """{dict = {W = {shape = [5, 3]}}}"""
        if self.kind == "dict":
            inner = ", ".join(f"{key_of(k)} = {p.toml()}" for k, p in self.parts.items())
            return f"{{dict = {{{inner}}}}}"
        return f"{{{self.kind} = [{', '.join(part.toml() for part in self.parts)}]}}"


@dataclass
class Plan:
    """How the arguments of one pair are made, and what else is known about the pair.

    arguments, init: name -> recipe, of forward and of a class's constructor; sizes: name -> number,
    or a list of numbers, of which seed k uses element k % length; options: points, seeds, wrt,
    where they are given; source: the file and table, for errors; remark: a sentence on a guess.
    """

    name: str
    arguments: dict = field(default_factory=dict)
    init: dict = field(default_factory=dict)
    sizes: dict = field(default_factory=dict)
    options: dict = field(default_factory=dict)
    source: str = "inputs"
    remark: str = ""

    def sizes_at(self, seed):
        """Every named size for a seed: name -> number."""
        return {
            name: choice[seed % len(choice)] if isinstance(choice, list) else choice
            for name, choice in self.sizes.items()
        }

    def prepared(self, session, description, seed):
        """(description, inputs) for a seed, of a pair that a session described; see configured."""
        description = self.configured(session, description, seed)
        return description, self.inputs(description, seed)

    def configured(self, session, description, seed):
        """The description of a class made with its constructor arguments for a seed: its parameters
        are arguments, too. Of other pairs the description as it is."""
        init = self._drawn(self.init, self.init, seed, "constructor")
        if init:
            description = {**description, **session.configure(self.name, {"init": init})}
        return description

    def inputs(self, description, seed):
        """The arguments of forward for a seed, a tuple in the order of description["arguments"].

        An argument without a recipe keeps its default; SpecError if it has none, and for a recipe
        of an argument that forward does not have.
        """
        order, defaults = description["arguments"], description.get("defaults", {})
        for name in self.arguments:
            if name not in order:
                raise SpecError(
                    f"{self.source}: {self.name} has no argument {name}{nearest(name, order)}"
                )
        drawn = self._drawn(self.arguments, order, seed, "inputs")
        # defaults at the end stay away, unless they are a layer's parameters
        needed = [name in drawn or name not in defaults or _holds_array(defaults[name])
                  for name in order]
        made = []
        for name in order[: len(order) - needed[::-1].index(True) if any(needed) else 0]:
            if name not in drawn and name not in defaults:
                raise SpecError(
                    f"{self.source}: argument {name} of {self.name} has no default and is not "
                    f"given; add a line such as {name} = {{shape = [4, 5]}}"
                )
            made.append(drawn[name] if name in drawn else defaults[name])
        return uneven(description, made, seed, drawn)

    def _drawn(self, recipes, order, seed, use):
        rng, sizes = stream(seed, f"{use} {self.name}"), self.sizes_at(seed)
        drawn = {}
        for name in order:
            if name in recipes:
                try:
                    drawn[name] = recipes[name].draw(rng, sizes)
                except (SpecError, ValueError) as error:
                    raise SpecError(f"{self.source}, {name}, seed {seed}: {error}") from error
        return drawn


def uneven(description, inputs, seed, given=()):
    """The inputs, with each parameter of a layer whose entries are all equal moved, unless given.

    At gamma = 1 a backward that forgets gamma is right, at W = 0 one that forgets most.
    """
    rng, made = stream(seed, f"parameters {description['name']}"), list(inputs)
    for i, (name, value) in enumerate(zip(description["arguments"], inputs, strict=False)):
        if name in description.get("parameters", ()) and name not in given and np.size(value):
            change = 0.3 * rng.uniform(-1, 1, np.shape(value))
            if np.all(value == np.ravel(value)[0]):
                moved = value * (1 + change) if np.any(value) else change
                made[i] = np.asarray(moved).astype(value.dtype)
    return tuple(made)


def _holds_array(value):
    return any(isinstance(leaf, np.ndarray) for _, leaf in trees.leaves(value))


def _one_hot(rng, shape, axis):
    values = np.zeros(shape)
    one = tuple(n if i != axis % len(shape) else 1 for i, n in enumerate(shape))
    np.put_along_axis(values, rng.integers(0, shape[axis], one), 1.0, axis)
    return values


def nearest(name, known):
    """The end of an error about an unknown name: the closest known one, then all of them."""
    spelt = {other.lower(): other for other in known}
    close = difflib.get_close_matches(str(name).lower(), spelt, n=1, cutoff=0.5)
    guess = f"; did you mean {spelt[close[0]]}?" if close else ""
    return f"{guess} (known: {', '.join(known)})" if known else guess


def to_toml(value):
    """A plain value as TOML on one line."""
    if isinstance(value, dict):
        inner = ", ".join(f"{key_of(key)} = {to_toml(part)}" for key, part in value.items())
        return f"{{{inner}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(to_toml, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    return json.dumps(value, ensure_ascii=False)


def key_of(name):
    """A name as a key of TOML: bare where that is allowed, else in quotes."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)
