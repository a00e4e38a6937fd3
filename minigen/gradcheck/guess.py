"""Guess inputs from the names of the arguments, where neither homework nor spec gives any.

Idea: every world (worlds.py) that knows all arguments of a pair proposes inputs; they are tried,
those whose words are in the pair's name first, until forward runs and gives finite floating
numbers, and backward gives gradients that have the shapes of arguments. If no backward does (it may
be wrong), the first forward that runs counts.

A class that cannot be made without arguments gets them from the same world, and a layer's
parameters say what sizes its other arguments have.

Invariant: a guess is only inputs. Whether a gradient is right is never decided here, and a guess
must not make a right gradient look wrong: targets of losses are one-hot rows, right for a squared
error as well as for a cross-entropy, labels are in range, probabilities are positive.
Read next: worlds.py, the table; inputs.py, what a `Plan` is.
"""

from dataclasses import dataclass, replace

import numpy as np

from minigen.gradcheck.child import trees
from minigen.gradcheck.child.session import StudentError
from minigen.gradcheck.child.trees import is_float, is_float_array
from minigen.gradcheck.inputs import Fixed, Plan, Random
from minigen.gradcheck.subject import Subject, floats_of
from minigen.gradcheck.worlds import PLAIN, WORLDS

ANNOTATED = {"int": Fixed(2), "float": Fixed(0.5), "bool": Fixed(True)}
MISTAKES = ("NameError", "UnboundLocalError", "NotImplementedError", "AttributeError: module")
SEEDS = 3       # a label may be in range by accident, but not three times
OTHERS = 5      # readings that a wrong gradient is checked with, too


def guess(session, description, failures=None):
    """A Plan for a pair of a session, None if nothing fits. description: as the session gives it;
    failures: a list that gets what the homework raised at inputs that did not fit, in sentences.

    StudentError if forward has a mistake that no inputs mend, or either of them crashes or runs
    out of time or memory.
    """
    ran = None
    for trial in _trials(session, description, failures):
        if trial.fits:
            if ran and ran.first and ran.plausible:
                trial.plan.remark = _instead(description, ran.shapes, trial.shapes)
            return _along_its_axis(session, description, trial.plan)
        ran = ran or trial
    return ran and _along_its_axis(session, description, ran.plan)


def _instead(description, usual, taken):
    """What the more usual reading, whose shapes the gradients do not have, would mean."""
    both = zip(description["arguments"], usual, taken, strict=False)
    differing = [(name, a, b) for name, a, b in both if a != b]
    if len(differing) != 1:
        return ""
    ((name, usual, taken),) = differing
    return (f"{name} is taken to be {taken}, as its gradient is; "
            f"if {name} is {usual}, its gradient has the wrong shape")


def doubt(session, description, plan, passes):
    """Why a gradient that is wrong at a guess may be right all the same: a sentence, "" if nothing
    speaks for it.

    passes(plan): whether the gradient is right at another guess. The reading of the arguments that
    the pair's name asks for, and that some of the gradients fit, is beyond doubt.
    """
    trials = list(_trials(session, description))
    shapes = _shapes(plan.prepared(session, description, 0)[1])
    usual = [t for t in trials if t.first and t.plausible and t.shapes == shapes]
    fitting = [t for t in trials if t.fits and t.shapes != shapes]
    nothing = not any(t.gradients for t in trials)      # whatever the inputs
    if usual or nothing or (not fitting and any(t.fits for t in trials)):
        return ""
    if not fitting:
        return "the gradients have no guess's shapes"
    for other in fitting[:OTHERS]:
        if passes(other.plan):
            named = zip(description["arguments"], other.shapes, strict=False)
            said = ", ".join(f"{name} {shape}" for name, shape in named)
            return f"it is right with other shapes: {said}"
    return ""


@dataclass
class Trial:
    """A guess with which forward runs to finite floating numbers."""

    plan: Plan
    first: bool         # whether it is the most usual reading, and the pair's name asks for it
    shapes: list        # of the inputs
    gradients: int      # how many backward returned
    fits: bool          # whether every gradient has the shape of an argument
    plausible: bool     # whether one has, and no dimension came out of nothing


class _NotFinite(Exception):
    """Forward gives no floating numbers, or not only finite ones."""


def _trials(session, description, failures=None):
    """Every candidate with which forward runs at a few seeds, a Trial."""
    for plan, first in _candidates(description):
        try:
            trials = [_tried(session, description, plan, seed, first) for seed in range(SEEDS)]
            trials[0].fits = all(trial.fits for trial in trials)
            yield trials[0]
        except _NotFinite:
            continue
        except StudentError as error:
            if error.kind != "error" or error.message.startswith(MISTAKES):
                raise
            if failures is not None:
                failures.append(error.sentence)


def _tried(session, description, plan, seed, first):
    """The trial of a plan at a seed; raises if forward makes no sense."""
    description, inputs = plan.prepared(session, description, seed)
    subject = Subject(session, plan.name, description["arguments"], inputs)
    run = subject.run()
    gradients = None
    numbers = floats_of(run.outputs)
    if not numbers or not all(np.isfinite(y).all() for y in numbers):
        subject.forget(run)
        raise _NotFinite
    try:
        gradients, _ = subject.backward(run, subject.upstream(run.outputs, seed))
    except StudentError as error:
        if error.kind != "error":
            raise
    subject.forget(run)
    fitting = _fitting(gradients, inputs)
    grown = max(map(np.ndim, numbers)) > max(map(np.ndim, inputs), default=0)
    fits = bool(fitting) and all(fitting)
    return Trial(plan, first, _shapes(inputs), len(fitting), fits, any(fitting) and not grown)


def _fitting(gradients, inputs):
    """Of every gradient whether it has the shape of its argument, or if it does not say which that
    is, of any."""
    shapes = [np.shape(value) for _, value in trees.leaves(inputs)]
    own = [value.shape for _, value in trees.leaves(inputs) if is_float_array(value)]
    found = [value for _, value in trees.leaves(gradients)]
    one_each = not isinstance(gradients, dict) and len(found) == len(own)
    may_be = [[shape] for shape in own] if one_each else [shapes] * len(found)
    return [
        is_float(g) and np.shape(g) in places
        for g, places in zip(found, may_be, strict=True)
        if g is not None
    ]


def _shapes(inputs):
    return [np.shape(x) if isinstance(x, np.ndarray) else type(x).__name__ for x in inputs]


def _along_its_axis(session, description, plan):
    """The plan with its one-hot rows turned to columns if forward's softmax is over columns.

    Such a forward does not change when a number is added to all scores of a column; its gradient,
    p - y, is right only for targets that sum to 1 there.
    """
    order = [name for name in description["arguments"] if name in plan.arguments]
    recipes = [plan.arguments[name] for name in order]
    if [getattr(r, "one_hot", None) for r in recipes] != [None, 1]:
        return plan
    _, (scores, *rest) = plan.prepared(session, description, 0)

    def value(scores):
        return floats_of(session.forward(plan.name, (scores, *rest))["outputs"])[0]

    across, along = np.arange(scores.shape[1]) / 8, np.arange(scores.shape[0])[:, None] / 8
    moved = [not np.allclose(value(scores + c), value(scores)) for c in (across, along)]
    if moved == [False, True]:
        turned = replace(plan.arguments[order[1]], one_hot=0)
        return replace(plan, arguments={**plan.arguments, order[1]: turned})
    return plan


def _candidates(description):
    """(plan, whether it is the first and the pair's name asks for it) of all worlds that know every
    argument, those that the name asks for first, no two plans alike."""
    name = description["name"].lower()
    asked = [world for world in WORLDS if any(word in name for word in world.words.split())]
    plans = {}
    for world in (*asked, *(world for world in WORLDS if world not in asked)):
        for plan in _plans(description, world):
            recipes = [*plan.arguments.values(), *plan.init.values()]
            key = (*(r.toml() for r in recipes), *plan.sizes.items())
            plans.setdefault(key, (plan, not plans and world in asked))
    return list(plans.values())


def _plans(description, world):
    """The world's reading of the arguments: with optional arrays (bias=None) given, and without."""
    defaults = description.get("defaults", {})
    required, optional, sizes = {}, {}, {**world.sizes}
    alone = _alone(description)
    for argument in description["arguments"]:
        recipe = world.recipe(argument) or _unknown(argument, description, world)
        if argument == alone and isinstance(recipe, Fixed):
            recipe = world.recipe("x")
        if argument not in defaults:
            required[argument] = recipe
        elif defaults[argument] is None and _weight(recipe):
            optional[argument] = recipe
        elif _weight(recipe) and np.ndim(defaults[argument]) == len(recipe.shape):
            # a layer's parameter: what the other arguments have to fit
            given = zip(recipe.shape, np.shape(defaults[argument]), strict=True)
            sizes |= {name: n for name, n in given if name in sizes}
    init = {name: world.recipe(name) for name in description.get("constructor", ())}
    if None in (*required.values(), *init.values()):
        return
    for arguments in ([{**required, **optional}] if optional else []) + [required]:
        used = {n for recipe in (*arguments.values(), *init.values()) for n in recipe.names()}
        kept = {key: size for key, size in sizes.items() if key in used}
        yield Plan(description["name"], arguments, init, kept, source="guess")


def _unknown(argument, description, world):
    """A name that no world knows: a number if its annotation says so, else data."""
    written = description.get("annotations", {}).get(argument)
    if written in ANNOTATED:
        return ANNOTATED[written]
    if world not in PLAIN or any(other.recipe(argument) for other in WORLDS):
        return None
    return world.recipe("x")


def _alone(description):
    """The only argument without a default: it must be data, whatever its name."""
    needed = [a for a in description["arguments"] if a not in description.get("defaults", {})]
    return needed[0] if len(needed) == 1 else None


def _weight(recipe):
    return isinstance(recipe, Random) and recipe.dtype == "float64" and recipe.one_hot is None
