"""Guess inputs from the names of the arguments, where neither homework nor spec gives any.

Idea: every world (worlds.py) that knows all arguments of a pair proposes inputs; they are tried,
those whose words are in the pair's name first, until forward runs and gives finite floating numbers,
and backward gives gradients that have the shapes of arguments. If no backward does (it may be
wrong), the first forward that runs counts.

Invariant: a guess is only inputs. Whether a gradient is right is never decided here, and a guess
must not make a right gradient look wrong: targets of losses are one-hot rows, right for a squared
error as well as for a cross-entropy, labels are in range, probabilities are positive.
"""

import numpy as np

from minigen.gradcheck.child import trees
from minigen.gradcheck.child.session import StudentError
from minigen.gradcheck.inputs import Plan, Random
from minigen.gradcheck.subject import Subject, floats_of, is_float_array
from minigen.gradcheck.worlds import WORLDS

MOST = 40       # worlds tried for a pair


def guess(description, run):
    """A Plan for the pair, None if nothing fits.

    description: of the pair, as a session gives it. run(inputs, constructor) -> (outputs,
    gradients): calls forward and backward once; raises StudentError if forward does not run,
    gradients is None if backward does not. `runner` makes one from a session.
    """
    first = None
    for plan in _candidates(description)[:MOST]:
        inputs = plan.inputs(description, 0)
        try:
            outputs, gradients = run(inputs, plan.constructor(0))
        except StudentError as error:
            if error.kind != "error":       # no time or no memory for more
                return first
            continue
        numbers = floats_of(outputs)
        if not numbers or not all(np.isfinite(y).all() for y in numbers):
            continue
        if _fits(gradients, inputs):
            return plan
        first = first or plan
    return first


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
        recipe = world.recipe(argument)
        if argument not in defaults:
            if recipe is None:
                return
            required[argument] = recipe
        elif defaults[argument] is None and _weight(recipe):
            optional[argument] = recipe
    init = {}
    for argument, default in constructor.items():
        recipe = world.recipe(argument)
        if recipe is None:
            return
        init[argument] = recipe
    for arguments in ([{**required, **optional}] if optional else []) + [required]:
        used = {n for recipe in (*arguments.values(), *init.values()) for n in recipe.names()}
        sizes = {key: size for key, size in world.sizes.items() if key in used}
        yield Plan(description["name"], arguments, init, sizes, source="guess")


def _weight(recipe):
    return isinstance(recipe, Random) and recipe.dtype == "float64" and recipe.one_hot is None


def _fits(gradients, inputs):
    """Whether every gradient has the shape of some argument."""
    shapes = {np.shape(value) for _, value in trees.leaves(inputs)}
    found = [value for _, value in trees.leaves(gradients) if value is not None]
    return bool(found) and all(
        (is_float_array(g) or isinstance(g, (float, np.floating))) and np.shape(g) in shapes
        for g in found
    )
