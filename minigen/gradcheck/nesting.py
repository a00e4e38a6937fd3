"""Arguments as what a gradient can belong to, and which gradient fits one by its nesting.

Read next: claims.py, which finds out what belongs to what.
"""

from dataclasses import dataclass

import numpy as np

from minigen.gradcheck.child import trees
from minigen.gradcheck.child.binding import belongs
from minigen.gradcheck.child.trees import is_float, is_float_array
from minigen.gradcheck.names import never


@dataclass
class Argument:
    """An argument, or a part of one: what is under a key of a dict, an element of a list."""

    path: tuple         # into the tuple of arguments
    name: str           # as a student writes it: x, params['W']
    value: object

    @property
    def nested(self):
        """Whether it is a container, so that its gradient is one, too."""
        return isinstance(self.value, (dict, list, tuple))

    def parts(self):
        """What a container holds, as arguments: {key or position: Argument}."""
        pairs = self.value.items() if isinstance(self.value, dict) else enumerate(self.value)
        return {
            key: Argument((*self.path, key), f"{self.name}[{key!r}]", value)
            for key, value in pairs
        }

    def holds(self, numbers=False):
        """Whether a floating array is in it that can have a gradient; numbers: a Python float."""
        return any(
            is_float(leaf) if numbers else is_float_array(leaf)
            for path, leaf in trees.leaves(self.value)
            if not (path and never(str(path[-1])))
        )

    def fits(self, gradient, exactly=False):
        """Whether a gradient is nested as it is; exactly: has the same shapes, too."""
        if gradient is None:
            return not exactly
        if isinstance(self.value, dict):
            return isinstance(gradient, dict) and any(named(key, self.value) for key in gradient)
        if self.nested:
            return (
                isinstance(gradient, (tuple, list))
                and len(gradient) == len(self.value)
                and all(self.parts()[i].fits(g, exactly) for i, g in enumerate(gradient))
            )
        if not is_float_array(self.value):
            return True
        array = as_array(gradient)
        if exactly:
            return array is not None and array.shape == self.value.shape
        return array is not None or not isinstance(gradient, (dict, tuple, list))


def arguments_of(subject):
    """The arguments of a Subject: a list."""
    names = subject.arguments
    return [
        Argument((i,), trees.label((i,), names), value) for i, value in enumerate(subject.inputs)
    ]


def named(key, names):
    """[name] of the names that a gradient's key stands for: "x" for "x", "dx", "grad_x"; or []."""
    exact = [name for name in names if name == key]
    return exact or [name for name in names if belongs(str(key), str(name))][:1]


def as_array(gradient):
    """A gradient as an array of its own: of an array, a number, a nested list; None of others."""
    try:
        array = np.array(gradient)
    except ValueError:              # a ragged list
        return None
    return array if array.dtype.kind in "biufc" else None


def kind(value):
    """What a value is, for a sentence: a float32 array, a list of 3."""
    if isinstance(value, np.ndarray):
        text = f"{value.dtype} array"
    elif isinstance(value, (dict, list, tuple)):
        text = f"{type(value).__name__} of {len(value)}"
    elif value is None:
        return "None"
    else:
        text = getattr(value, "text", type(value).__name__)     # of an Opaque
    return f"an {text}" if text[:1] in "aeiou" else f"a {text}"


def listed(names):
    """x, w, b"""
    return ", ".join(map(str, names))


def nested_otherwise(argument, gradient):
    """The sentence for a gradient that is nested otherwise than its argument."""
    said = f"d{argument.name} is {kind(gradient)}, {argument.name} is {kind(argument.value)}: "
    if isinstance(argument.value, dict):
        return f"{said}return a dict with the keys {listed(map(repr, argument.value))}"
    return f"{said}return a list of {len(argument.value)} gradients"
