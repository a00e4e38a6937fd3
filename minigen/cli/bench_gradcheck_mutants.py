"""Wrong backwards by the thousand: single edits of right ones, and which are wrong in value.

Idea: a checker is as good as the mistakes that it sees, so mistakes are made by machine
(gradcheck/child/edits.py) and sorted by an oracle that knows nothing of differences: the right
backward. At the same inputs and upstream gradient, a mutant is

    value       same shapes and types, finite, some entry off by more than 1e-7 of the largest
    equal       no entry off by more: not wrong, as far as numbers go
    other       another shape, type or number of gradients, or not finite
    crash       it does not run

Only the first are counted as caught or missed. Read next: bench_gradcheck.py.
"""

import ast
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minigen.gradcheck.child import trees
from minigen.gradcheck.child.discover import load
from minigen.gradcheck.child.edits import Edit, edits
from minigen.gradcheck.child.session import StudentError
from minigen.gradcheck.subject import Subject

SEEDS = (0, 1, 2)       # the points that are compared; a check with its defaults has the same
LARGEST = 1e-7          # of the largest entry: what is more is wrong


@dataclass(frozen=True)
class Mutant:
    """A file whose backward was edited."""

    path: str
    function: str       # the backward
    edit: Edit

    @property
    def name(self):
        """Where and what: "softmax.py:18 factor: `return p * dout`"."""
        edit = self.edit
        return f"{Path(self.path).name}:{edit.line} {edit.label}: `{edit.after}`"


def mutants(paths, seed=0):
    """All mutants of the files: {label: list}, in each the files in turn, drawn from the seed."""
    groups = {}
    for path in paths:
        source = Path(path).read_text(encoding="utf-8")
        for function in backwards(source):
            for edit in edits(source, function):
                group = groups.setdefault(edit.label, {}).setdefault(str(path), [])
                group.append(Mutant(str(path), function, edit))
    rng = random.Random(seed)
    for by_file in groups.values():
        for group in by_file.values():
            rng.shuffle(group)
    return {label: _in_turn(groups[label], rng) for label in sorted(groups)}


def _in_turn(by_file, rng):
    """One of each file, then a second of each, ...: a list."""
    lists = list(by_file.values())
    rng.shuffle(lists)
    return [one[i] for i in range(max(map(len, lists))) for one in lists if i < len(one)][::-1]


def backwards(source):
    """Names of a file's backward functions and methods: conv_backward_naive, Linear.backward."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and "_backward" in node.name:
            yield node.name
        if isinstance(node, ast.ClassDef):
            methods = [m.name for m in node.body if isinstance(m, ast.FunctionDef)]
            if "backward" in methods:
                yield f"{node.name}.backward"


def pair_of(session, function):
    """The name of the pair that a backward belongs to: the longest that fits."""
    start = function.removesuffix(".backward").split("_backward")[0]
    names = [d["name"] for d in session.describe()]
    fits = [name for name in names if name == start or name.startswith(start + "_")]
    return min(fits, key=len, default=None)


class Oracle:
    """What the right backwards give, computed once for each pair."""

    def __init__(self):
        self.right = {}

    def judge(self, mutant, path):
        """value, equal, other or crash, of the mutant written to `path`; and its pair's name."""
        key = mutant.path, mutant.function
        if key not in self.right:
            session = load(mutant.path)
            name = pair_of(session, mutant.function)
            self.right[key] = name, [_gradients(session, name, seed) for seed in SEEDS]
        name, expected = self.right[key]
        try:
            session = load(path)
            found = [_compare(_gradients(session, name, seed), right)
                     for seed, right in zip(SEEDS, expected, strict=True)]
        except StudentError:
            return "crash", name
        return next(kind for kind in ("other", "value", "equal") if kind in found), name


def _gradients(session, name, seed):
    """{path: gradient} of a pair at its own inputs for a seed, under a random upstream."""
    description = next(d for d in session.describe() if d["name"] == name)
    inputs = session.inputs(name, seed)
    subject = Subject(session, name, description["arguments"], inputs)
    run = subject.run()
    gradients, _ = subject.backward(run, subject.upstream(run.outputs, seed))
    found = dict(trees.leaves(trees.fresh(gradients)))
    subject.forget(run)
    return found


def _compare(found, right):
    if found.keys() != right.keys():
        return "other"
    worst = 0.0
    for path, g in right.items():
        new = found[path]
        if g is None or new is None:
            if g is not new:
                return "other"
            continue
        new, g = np.asarray(new), np.asarray(g)
        if new.shape != g.shape or new.dtype != g.dtype or not np.isfinite(new).all():
            return "other"
        off = np.abs(new - g).max(initial=0.0)
        if off:
            worst = max(worst, off / max(np.abs(g).max(initial=0.0), np.finfo(g.dtype).tiny))
    return "value" if worst > LARGEST else "equal"
