"""Other inputs to run a pair at: its modes (train and eval), and inputs that differ everywhere.

Idea: both need no knowledge of the homework. A flag is known by its name, and other inputs are made
from the given ones, so that shapes, and the range of integers, stay right.

    modes(arguments, inputs, defaults) -> [(label, inputs), ...], the given mode first
    others(inputs)                     -> inputs, again and again, the most different first

Read next: checker.py, which asks for modes; behaviour.py, which asks for other inputs.
"""

import numpy as np

from minigen.gradcheck.child import trees
from minigen.gradcheck.child.classes import FLAGS
from minigen.gradcheck.child.trees import is_float_array
from minigen.gradcheck.names import is_state

OPPOSITE = {
    "train": "test", "test": "train", "eval": "train", "training": "inference",
    "inference": "training", "Train": "Test", "Test": "Train", "TRAIN": "TEST", "TEST": "TRAIN",
}


def modes(arguments, inputs, defaults=None):
    """The modes that the pair has: [(label, inputs)], the given one first.

    arguments: names; inputs: tuple; defaults: {name: value} of arguments that may not be given.
    A mode is an argument, or an entry of a dict argument, with a name in FLAGS and a Boolean or
    a word such as "train" as value. Label: "training=False"; "" if there is but one mode.
    """
    inputs = tuple(inputs) + _up_to_a_flag(arguments[len(inputs) :], defaults or {})
    for path, value in trees.leaves(inputs):
        label = trees.label(path, arguments)
        name = str(path[-1]) if len(path) > 1 else label
        if name not in FLAGS:
            continue
        if isinstance(value, (bool, np.bool_)):
            other = not value
        elif isinstance(value, str) and value in OPPOSITE:
            other = OPPOSITE[value]
        else:
            continue
        changed = trees.rebuilt(inputs, lambda p, leaf, at=path, to=other: to if p == at else leaf)
        return [(f"{label}={value!r}", inputs), (f"{label}={other!r}", changed)]
    return [("", inputs)]


def _up_to_a_flag(arguments, defaults):
    """The defaults of arguments that were not given, up to the first flag; () if there is none."""
    for i, name in enumerate(arguments):
        if name not in defaults:
            break
        if name in FLAGS:
            return tuple(defaults[other] for other in arguments[: i + 1])
    return ()


def completed(arguments, inputs, defaults=None):
    """The inputs and what follows them by default, up to the last floating array: it has a
    gradient, too. An array that is room for state or results stays forward's own affair."""
    rest, defaults = list(arguments[len(inputs) :]), defaults or {}
    while rest and (is_state(rest[-1]) or not is_float_array(defaults.get(rest[-1]))):
        rest.pop()
    if not all(name in defaults for name in rest):
        return tuple(inputs)
    return tuple(inputs) + tuple(trees.fresh(defaults[name]) for name in rest)


def others(inputs):
    """Inputs that differ from these at every floating number: to be tried in this order.

    Arrays with both signs flip them, since relu's mask depends on nothing else. Those with one
    sign keep it, and stay between 0 and 1 if they are: probabilities, variances, distances.
    Integer arrays are turned round, or, if forward does not take that, kept.
    """
    for turn, factor in ((True, -1.3), (False, -1.3), (False, 0.9)):
        yield trees.rebuilt(inputs, lambda _, x, t=turn, f=factor: _other(x, t, f))


def _other(leaf, turn, factor):
    if turn and isinstance(leaf, np.ndarray) and leaf.ndim and leaf.dtype.kind in "biu":
        return leaf[::-1].copy()
    if not is_float_array(leaf) or not leaf.size:
        return leaf
    sign = int(leaf.max() > 0) - int(leaf.min() < 0)        # 0: both, or neither
    typical = np.abs(leaf).mean(dtype=np.float64)
    if sign:
        return np.asarray(0.7 * leaf + 0.1 * sign * typical, dtype=leaf.dtype)
    return np.asarray(factor * leaf + 0.1 * (typical or 1.0), dtype=leaf.dtype)
