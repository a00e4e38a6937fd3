"""Other inputs to run a pair at: its modes (train and eval), and inputs that differ everywhere.

Idea: both need no knowledge of the homework. A flag is known by its name, and other inputs are made
from the given ones, so that shapes, and the range of integers, stay right.

    modes(arguments, inputs, defaults) -> [(label, inputs), ...], the given mode first
    others(inputs)                     -> inputs, again and again, the most different first
"""

import numpy as np

from minigen.gradcheck.child import trees
from minigen.gradcheck.subject import is_float_array

FLAGS = {"training", "train", "is_training", "is_train", "train_mode", "train_flag", "mode"}
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
    inputs = tuple(inputs)
    for i in range(len(inputs), len(arguments)):        # a flag that was left at its default
        if arguments[i] in FLAGS and all(name in (defaults or {}) for name in arguments[: i + 1][
            len(inputs) :
        ]):
            inputs += tuple(defaults[name] for name in arguments[len(inputs) : i + 1])
            break
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


def others(inputs):
    """Inputs that differ from these at every floating number: to be tried in this order.

    The first flips signs, since relu's mask depends on nothing else, and turns integer arrays
    round; the second keeps integers, the last two keep signs, too, for log and sqrt.
    """
    yield _moved(inputs, -1.3, 0.1, turn=True)
    yield _moved(inputs, -1.3, 0.1, turn=False)
    yield _moved(inputs, 1.3, 0.1, turn=False)
    yield _moved(inputs, 0.8, 0.0, turn=False)


def _moved(inputs, factor, shift, turn):
    def moved(path, leaf):
        if is_float_array(leaf):
            return np.asarray(factor * leaf + shift, dtype=leaf.dtype)
        if turn and isinstance(leaf, np.ndarray) and leaf.ndim and leaf.dtype.kind in "biu":
            return leaf[::-1].copy()
        return leaf

    return trees.rebuilt(inputs, moved)
