"""A teacher's spec: a TOML file that says what inputs each pair of a homework is checked with.

Idea: one table per pair, one line per argument. A line is a recipe (inputs.py) if it is a table
with `shape`, `value`, `values`, `size`, `dict`, `list` or `tuple`; anything else is a fixed
argument.

    [linear]
    points = 10
    sizes = {N = [4, 1, 7], D = 5}
    [linear.inputs]
    x = {shape = ["N", "D"]}
    labels = {shape = ["N"], dtype = "int64", high = 3}
    stride = 2

Invariant: whatever is not understood is an error that names file, table and key: a typo in a spec
must not become a check of something else.
Read next: docs/gradcheck-spec.md, the whole format; guess.py, for pairs that no spec names.
"""

import re
import tomllib
from pathlib import Path

import numpy as np

from minigen.gradcheck.hints import EDIT, VERDICT
from minigen.gradcheck.inputs import (
    Fixed,
    Plan,
    Random,
    Several,
    Size,
    SpecError,
    key_of,
    nearest,
    to_toml,
)

OPTIONS = ("points", "seeds", "wrt", "structure_share", "hints")    # they go on to the checker
TABLE = (*OPTIONS, "dtype", "sizes", "init", "inputs")
DEFAULTS = ("points", "seeds", "structure_share", "hints", "dtype", "sizes")
SHAPED = ("shape", "dtype", "low", "high", "mean", "std", "distinct", "one_hot", "sums_to_one")
KINDS = {       # the key that makes a table a recipe, and what may stand beside it
    "shape": SHAPED,
    "values": ("values", "dtype"),
    "value": ("value",),
    "size": ("size",),
    "dict": ("dict",),
    "list": ("list",),
    "tuple": ("tuple",),
}


class Spec:
    """What a spec file says. names: the pairs it describes, in its order; plans: name -> Plan,
    whose `prepared` makes inputs; hints: ceiling of the hint levels of a pair it does not describe.
    """

    called = "the spec"     # in sentences

    def __init__(self, plans, hints=EDIT):
        self.plans, self.names, self.hints = plans, tuple(plans), hints

    def has_inputs(self, name):
        """Whether the spec says what a pair's inputs are."""
        return name in self.plans and bool(self.plans[name].arguments)

    def options(self, name):
        """points, seeds, wrt and hints of a pair, None for what is as usual: a file's own WRT or
        POINTS do not count. A pair that the spec does not name is worth nothing."""
        if name not in self.plans:
            return {"points": 0, "hints": self.hints}
        return {"points": 1, "seeds": None, "wrt": None, **self.plans[name].options}

    def wrong_forward(self, subject):
        """What is wrong with a forward's outputs: None, for a spec knows no right ones."""
        return None


def load_spec(path):
    """Read a spec file; SpecError, in one line, for whatever is wrong with it."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        tables = tomllib.loads(text)
    except OSError as error:
        raise SpecError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SpecError(f"{path}: not text in UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise SpecError(_not_toml(path, text, str(error))) from error
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise SpecError(
                f"{path}: {name} stands outside of any table; a pair's lines follow its name in "
                "brackets, [linear], what all pairs share follows [defaults]"
            )
    defaults = tables.pop("defaults", {})
    _known(defaults, DEFAULTS, f"{path}, [defaults]")
    plans = {name: _plan(path, name, t, defaults) for name, t in tables.items()}
    # a copy of a pair under another name must not show more than the pair
    ceilings = [plan.options.get("hints", EDIT) for plan in plans.values()]
    return Spec(plans, min(ceilings, default=defaults.get("hints", EDIT)))


def _not_toml(path, text, said):
    """tomllib's error with the line it means, and TOML's words for what Python writes otherwise."""
    found = re.search(r"line (\d+)", said)
    number = int(found[1]) if found else len(text.splitlines())
    line = (text.splitlines() or [""])[min(number, len(text.splitlines())) - 1].strip()
    return (
        f"{path}, line {number}: {line!r} is not TOML: {said}; TOML writes lists as [4, 5], truth "
        "as true and false, text in double quotes, and a table {...} on one line"
    )


def _plan(path, name, table, defaults):
    where = f"{path}, [{key_of(name)}]"
    _known(table, TABLE, where)
    sizes = _sizes(defaults.get("sizes", {}), f"{path}, [defaults]")
    sizes = {**sizes, **_sizes(table.get("sizes", {}), where)}
    table = {**defaults, **table}
    _check_options(table, where)
    read = _Reader(table.get("dtype", "float64"), sizes)
    recipes = {}
    for part in ("inputs", "init"):
        place = f"{path}, [{key_of(name)}.{part}]"
        given = table.get(part, {})
        if not isinstance(given, dict):
            raise SpecError(f"{place}: {given!r} is not a table; write one line per argument")
        recipes[part] = {key: read.recipe(v, f"{place}, {key}") for key, v in given.items()}
    options = {key: table[key] for key in OPTIONS if key in table}
    return Plan(name, recipes["inputs"], recipes["init"], sizes, options, where)


def _known(table, keys, where):
    if not isinstance(table, dict):
        raise SpecError(f"{where}: {table!r} is not a table")
    for key in table:
        if key not in keys:
            raise SpecError(f"{where}: no key {key}{nearest(key, keys)}")


def _check_options(table, where):
    points, seeds, wrt = (table.get(key) for key in ("points", "seeds", "wrt"))
    if points is not None and not (_number(points) and 0 <= points < float("inf")):
        raise SpecError(f"{where}, points: {points!r} is not a number from 0 on")
    if seeds is not None and not (type(seeds) is int and seeds > 0):
        raise SpecError(f"{where}, seeds: {seeds!r} is not a whole number from 1 on: how many")
    hints = table.get("hints", EDIT)
    if not (type(hints) is int and VERDICT <= hints <= EDIT):
        raise SpecError(f"{where}, hints: {hints!r} is not a whole number from 0 to 3")
    share = table.get("structure_share", 0)
    if not (_number(share) and 0 <= share <= 1):
        raise SpecError(f"{where}, structure_share: {share!r} is not a number from 0 to 1")
    if wrt is not None and not (
        isinstance(wrt, list) and wrt and all(isinstance(w, str) for w in wrt)
    ):
        raise SpecError(f'{where}, wrt: {wrt!r} is not a list of arguments, such as ["x", "w"]')


def _sizes(table, where):
    if not isinstance(table, dict):
        raise SpecError(f"{where}, sizes: {table!r} is not a table, such as {{N = 4, D = [5, 6]}}")
    for name, size in table.items():
        choices = size if isinstance(size, list) else [size]
        if not choices or any(type(n) is not int or n < 0 for n in choices):
            raise SpecError(
                f"{where}, sizes, {name}: {size!r} is neither a whole number nor a list of them, "
                "one for each seed in turn"
            )
    return table


class _Reader:
    """Turns the lines of a spec into recipes. dtype: of floating arrays that do not say."""

    def __init__(self, dtype, sizes):
        self.dtype, self.sizes = dtype, sizes

    def recipe(self, line, where):
        """One argument."""
        if not isinstance(line, dict):
            return Fixed(line)
        kind = next((key for key in KINDS if key in line), None)
        if kind is None:
            found = next(iter(line), "")
            raise SpecError(
                f"{where}: no key {found or 'at all'}{nearest(found, SHAPED)}; a table says what "
                f"to make, by one of {', '.join(KINDS)}; a fixed dict is {{value = {{...}}}}"
            )
        _known(line, KINDS[kind], where)
        return getattr(self, f"_{kind}")(line, where)

    def _value(self, line, where):
        return Fixed(line["value"])

    def _values(self, line, where):
        dtype = self._dtype(line, where) if "dtype" in line else None
        try:
            array = np.array(line["values"])
        except ValueError as error:
            raise SpecError(f"{where}, values: rows of different lengths") from error
        if array.dtype.kind not in "fiub":
            raise SpecError(f"{where}, values: not all of them are numbers")
        if dtype is None and array.dtype.kind == "f":
            dtype = self.dtype
        return Fixed(array.astype(dtype or array.dtype))

    def _size(self, line, where):
        self._check_size(line["size"], where)
        return Size(line["size"])

    def _dict(self, line, where):
        if not isinstance(line["dict"], dict):
            raise SpecError(f"{where}, dict: {line['dict']!r} is not a table of names and recipes")
        parts = {k: self.recipe(part, f"{where}, {k}") for k, part in line["dict"].items()}
        return Several("dict", parts)

    def _list(self, line, where, kind="list"):
        if not isinstance(line[kind], list):
            raise SpecError(f"{where}, {kind}: {line[kind]!r} is not a list of recipes")
        parts = [self.recipe(part, f"{where}, {kind} {i}") for i, part in enumerate(line[kind])]
        return Several(kind, parts)

    def _tuple(self, line, where):
        return self._list(line, where, "tuple")

    def _shape(self, line, where):
        shape = line["shape"]
        if not isinstance(shape, list):
            raise SpecError(f"{where}, shape: {shape!r} is not a list; one dimension is [5]")
        for n in shape:
            if not (type(n) is int and n >= 0):
                self._check_size(n, f"{where}, shape")
        dtype = self._dtype(line, where)
        self._check_range(line, np.dtype(dtype).kind, where)
        self._check_axes(line, len(shape), np.dtype(dtype).kind, where)
        return Random(**{**line, "shape": tuple(shape), "dtype": dtype})

    def _check_size(self, name, where):
        if not isinstance(name, str):
            raise SpecError(f"{where}: {name!r} is neither a whole number from 0 on nor a name")
        if name not in self.sizes:
            raise SpecError(
                f"{where}: no size {name}{nearest(name, self.sizes)}; sizes are given by a line "
                f"such as sizes = {{{key_of(name)} = 4}}"
            )

    def _dtype(self, line, where):
        name = line.get("dtype", self.dtype)
        try:
            known = np.dtype(name).kind in "fiub" and isinstance(name, str)
        except TypeError:
            known = False
        if not known:
            usual = ("float64", "float32", "float16", "int64", "int32", "bool")
            raise SpecError(f"{where}: no dtype {name!r}{nearest(name, usual)}")
        return name

    def _check_range(self, line, kind, where):
        low, high = line.get("low"), line.get("high")
        for key in ("low", "high", "mean", "std"):
            number = line.get(key)
            if isinstance(number, str) and kind in "iu" and key in ("low", "high"):
                self._check_size(number, f"{where}, {key}")
            elif number is not None and not _number(number):
                raise SpecError(f"{where}, {key}: {number!r} is not a number")
        if kind == "b" and {"low", "high", "mean", "std"} & {*line}:
            raise SpecError(f"{where}: truth values have no range; leave out low, high, mean, std")
        if kind in "iu":
            if "mean" in line or "std" in line:
                raise SpecError(f"{where}: whole numbers take low and high, not mean and std")
            if high is None and "one_hot" not in line:
                raise SpecError(f"{where}: whole numbers need high, the first that is too large")
            low = low or 0
        elif (low is None) != (high is None):
            raise SpecError(f"{where}: low and high go together; only one of them is given")
        if low is not None and ("mean" in line or "std" in line):
            raise SpecError(f"{where}: either low and high (uniform) or mean and std (normal)")
        if _number(low) and _number(high) and low >= high:
            raise SpecError(f"{where}: low is {low}, high is {high}: low must be below high")

    def _check_axes(self, line, ndim, kind, where):
        for key in ("one_hot", "sums_to_one"):
            axis = line.get(key)
            if axis is not None and not (type(axis) is int and -ndim <= axis < ndim):
                raise SpecError(f"{where}, {key}: {axis!r} is no axis of an array of {ndim}")
        if "sums_to_one" in line and kind != "f":
            raise SpecError(f"{where}: only floating arrays can be positive and sum to one")
        chosen = [key for key in ("one_hot", "sums_to_one", "low", "mean") if key in line]
        if len(chosen) > 1 and chosen[0] in ("one_hot", "sums_to_one"):
            raise SpecError(f"{where}: {' and '.join(chosen)} exclude each other")
        if type(line.get("distinct", False)) is not bool:
            raise SpecError(f"{where}, distinct: {line['distinct']!r} is neither true nor false")


def _number(value):
    return type(value) in (int, float)


TEMPLATE = """\
# What `minigen gradcheck` checks each pair of the homework with: one table for each pair, one line
# for each argument. Check it, change it, then: minigen gradcheck FILE --spec THIS_FILE
#
#   x = {shape = [4, 5]}                             normal random numbers
#   x = {shape = [4, 5], low = 0.1, high = 0.9}      uniform ones
#   y = {shape = [4], dtype = "int64", high = 3}     whole numbers 0, 1, 2
#   stride = 2                                       always this value
#   bn_param = {value = {mode = "train"}}            always this dict
#
# A size may be a list, one for each seed in turn: sizes = {N = [4, 1, 7]}
"""


def template(descriptions, guesses):
    """The text of a spec with the guesses filled in, which load_spec reads to the same inputs.

    descriptions: of the pairs, as a session gives them; guesses: pair name -> Plan, or None.
    A pair without a guess gets a table in comments, with the arguments to be described.
    """
    return "\n".join([TEMPLATE, *(_written(d, guesses.get(d["name"])) for d in descriptions)])


def _written(description, plan):
    name = key_of(description["name"])
    if plan is None:
        needed = [a for a in description["arguments"] if a not in description.get("defaults", {})]
        lines = [f"# No guess fits {name}: describe its arguments, and take away the # signs.",
                 f"# [{name}.inputs]", *(f"# {key_of(a)} = {{shape = [4, 5]}}" for a in needed)]
        return "\n".join([*lines, ""])
    lines = [*([f"# {plan.remark}"] if plan.remark else []), f"[{name}]", "points = 1"]
    if plan.sizes:
        lines.append(f"sizes = {to_toml(plan.sizes)}")
    for part, recipes in (("init", plan.init), ("inputs", plan.arguments)):
        if recipes:
            lines.append(f"[{name}.{part}]")
            lines += [f"{key_of(key)} = {recipe.toml()}" for key, recipe in recipes.items()]
    return "\n".join([*lines, ""])
