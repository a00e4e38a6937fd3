"""Guess inputs from the names of the arguments, where neither homework nor spec gives any.

Idea: every world (worlds.py) that knows all arguments of a pair proposes inputs; they are tried,
those whose words are in the pair's name first, until forward runs and gives finite floating
numbers, and backward gives gradients that have the shapes of arguments. If no backward does (it may
be wrong), the first forward that runs counts.

Invariant: a guess is only inputs. Whether a gradient is right is never decided here, and a guess
must not make a right gradient look wrong: targets of losses are one-hot rows, right for a squared
error as well as for a cross-entropy, labels are in range, probabilities are positive.
"""

from dataclasses import replace

import numpy as np

from minigen.gradcheck.child import trees
from minigen.gradcheck.child.session import StudentError
from minigen.gradcheck.inputs import Fixed, Plan, Random
from minigen.gradcheck.subject import Subject, floats_of, is_float_array
from minigen.gradcheck.worlds import PLAIN, WORLDS

ANNOTATED = {"int": Fixed(2), "float": Fixed(0.5), "bool": Fixed(True)}
SEEDS = 3       # a label may be in range by accident, but not three times


def guess(description, run):
    """A Plan for the pair, None if nothing fits.

    description: of the pair, as a session gives it. run(inputs, constructor) -> (outputs,
    gradients): calls forward and backward once; raises StudentError if forward does not run,
    gradients is None if backward does not. `runner` makes one from a session.
    """
    first = None
    for plan in _candidates(description):
        try:
            fits = [_tried(plan, description, run, seed) for seed in range(SEEDS)]
            if all(fits):
                return _along_its_axis(plan, description, run)
        except StudentError as error:
            if error.kind != "error":       # no time or no memory for more
                return first
        except _NotFinite:
            pass
        else:
            first = first or plan
    return first and _along_its_axis(first, description, run)


class _NotFinite(Exception):
    """Forward gives no floating numbers, or not only finite ones."""


def _tried(plan, description, run, seed):
    """Whether the gradients have the shapes of arguments; raises if forward makes no sense."""
    inputs = plan.inputs(description, seed)
    outputs, gradients = run(inputs, plan.constructor(seed))
    numbers = floats_of(outputs)
    if not numbers or not all(np.isfinite(y).all() for y in numbers):
        raise _NotFinite
    shapes = {np.shape(value) for _, value in trees.leaves(inputs)}
    found = [value for _, value in trees.leaves(gradients) if value is not None]
    return bool(found) and all(
        (is_float_array(g) or isinstance(g, (float, np.floating))) and np.shape(g) in shapes
        for g in found
    )


def _along_its_axis(plan, description, run):
    """The plan with its one-hot rows turned to columns if forward's softmax is over columns.

    Such a forward does not change when a number is added to all scores of a column; its gradient,
    p - y, is right only for targets that sum to 1 there.
    """
    order = [name for name in description["arguments"] if name in plan.arguments]
    recipes = [plan.arguments[name] for name in order]
    if [getattr(r, "one_hot", None) for r in recipes] != [None, 1]:
        return plan
    scores, *rest = plan.inputs(description, 0)

    def value(scores):
        outputs, _ = run((scores, *rest), plan.constructor(0))
        return floats_of(outputs)[0]

    across, along = np.arange(scores.shape[1]) / 8, np.arange(scores.shape[0])[:, None] / 8
    moved = [not np.allclose(value(scores + c), value(scores)) for c in (across, along)]
    if moved == [False, True]:
        turned = replace(plan.arguments[order[1]], one_hot=0)
        return replace(plan, arguments={**plan.arguments, order[1]: turned})
    return plan


def runner(session, description):
    """The `run` that guess needs, for a pair of a session."""

    def run(inputs, constructor):
        subject = Subject(session, description["name"], description["arguments"], inputs)
        forward = subject.run()
        try:
            upstream = subject.upstream(forward.outputs, 0)
            gradients, _ = subject.backward(forward, upstream)
        except StudentError:
            gradients = None
        subject.forget(forward)
        return forward.outputs, gradients

    return run


def _candidates(description):
    """Plans of all worlds that know every argument, likely ones first, no two alike."""
    name = description["name"].lower()
    likely = sorted(WORLDS, key=lambda world: not any(w in name for w in world.words.split()))
    plans = []
    for world in likely:
        for plan in _plans(description, world):
            if plan not in plans:
                plans.append(plan)
    return plans


def _plans(description, world):
    """The world's reading of the arguments: with optional arrays (bias=None) given, and without."""
    defaults = description.get("defaults", {})
    constructor = description.get("init", {})
    required, optional = {}, {}
    for argument in description["arguments"]:
        recipe = world.recipe(argument) or _unknown(argument, description, world)
        if argument not in defaults:
            if recipe is None:
                return
            required[argument] = recipe
        elif defaults[argument] is None and _weight(recipe):
            optional[argument] = recipe
    init = {}
    for argument in constructor:
        recipe = world.recipe(argument)
        if recipe is None:
            return
        init[argument] = recipe
    for arguments in ([{**required, **optional}] if optional else []) + [required]:
        used = {n for recipe in (*arguments.values(), *init.values()) for n in recipe.names()}
        sizes = {key: size for key, size in world.sizes.items() if key in used}
        yield Plan(description["name"], arguments, init, sizes, source="guess")


def _unknown(argument, description, world):
    """A name that no world knows: a number if its annotation says so, else data."""
    written = description.get("annotations", {}).get(argument)
    if written in ANNOTATED:
        return ANNOTATED[written]
    known = any(other.recipe(argument) for other in WORLDS)
    return world.recipe("x") if world in PLAIN and not known else None


def _weight(recipe):
    return isinstance(recipe, Random) and recipe.dtype == "float64" and recipe.one_hot is None
