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


def guess(session, description):
    """A Plan for a pair of a session, None if nothing fits. description: as the session gives it.

    Calls forward and backward at some worlds' inputs. StudentError if forward fails in the same way
    at all of them, or runs out of time or memory at the first that it takes.
    """
    first, errors = None, []
    for plan in _candidates(description):
        try:
            fits = [_tried(session, description, plan, seed) for seed in range(SEEDS)]
            if all(fits):
                return _along_its_axis(session, description, plan)
            first = first or plan
        except StudentError as error:
            errors.append(error)
            if error.kind != "error":
                break
        except _NotFinite:
            errors.append(None)
    if first:
        return _along_its_axis(session, description, first)
    if errors and errors[-1] and all(_alike(error, errors[-1]) for error in errors):
        raise errors[-1]
    return None


def _alike(error, last):
    return last.kind != "error" or (error and error.message == last.message)


class _NotFinite(Exception):
    """Forward gives no floating numbers, or not only finite ones."""


def _tried(session, description, plan, seed):
    """Whether the gradients have the shapes of arguments; raises if forward makes no sense."""
    description, inputs = plan.prepared(session, description, seed)
    subject = Subject(session, plan.name, description["arguments"], inputs)
    run = subject.run()
    try:
        numbers = floats_of(run.outputs)
        if not numbers or not all(np.isfinite(y).all() for y in numbers):
            raise _NotFinite
        gradients, _ = subject.backward(run, subject.upstream(run.outputs, seed))
    except StudentError:
        return False
    finally:
        subject.forget(run)
    shapes = {np.shape(value) for _, value in trees.leaves(inputs)}
    found = [value for _, value in trees.leaves(gradients) if value is not None]
    return bool(found) and all(
        (is_float_array(g) or isinstance(g, (float, np.floating))) and np.shape(g) in shapes
        for g in found
    )


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
    required, optional, sizes = {}, {}, {**world.sizes}
    for argument in description["arguments"]:
        recipe = world.recipe(argument) or _unknown(argument, description, world)
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
    known = any(other.recipe(argument) for other in WORLDS)
    return world.recipe("x") if world in PLAIN and not known else None


def _weight(recipe):
    return isinstance(recipe, Random) and recipe.dtype == "float64" and recipe.one_hot is None
