"""Calling conventions: whatever way a forward and its backward are written, one way to call them.

Idea: a `Pair` turns a convention into three calls,

    forward(inputs) -> outputs, context         inputs: tuple of arguments; outputs: a nested value
    backward(upstream, context) -> gradients    upstream: like outputs; gradients: as returned
    cache(context) -> whatever the student keeps between the two

What the gradients belong to, and whether they are right, is decided by the checker.
Read next: discover.py, which finds pairs in a file.
"""

import inspect
from dataclasses import dataclass, field

NOT_GIVEN = object()


@dataclass
class Pair:
    """Two functions: forward(*inputs) -> out or (out, cache), and backward(dout, cache).

    options: what the file says about the pair: wrt, points, seeds, training (names), line.
    """

    name: str
    forward_function: object
    backward_function: object
    make_inputs: object = None              # callable(seed) -> tuple, dict or single argument
    options: dict = field(default_factory=dict)

    def __post_init__(self):
        self.arguments = parameters(self.forward_function)
        self.receives = parameters(self.backward_function)

    def describe(self):
        """What the checker needs to know: plain values only."""
        return {
            "name": self.name,
            "arguments": list(self.arguments),
            "defaults": {k: v for k, v in self.arguments.items() if v is not NOT_GIVEN},
            "makes_inputs": self.make_inputs is not None,
            **self.options,
        }

    def inputs(self, seed):
        """The arguments for a seed as a tuple, None if the file makes none."""
        if self.make_inputs is None:
            return None
        made = self.make_inputs(seed)
        if isinstance(made, dict) and set(made) <= set(self.arguments):
            made = [made[name] for name in self.arguments if name in made]
        return tuple(made) if isinstance(made, (tuple, list)) else (made,)

    def forward(self, inputs):
        """(outputs, context)"""
        result = self.forward_function(*inputs)
        outputs, cache = self._split(result)
        return outputs, (inputs, outputs, cache)

    def _split(self, result):
        """Outputs and cache: the last of a returned tuple is the cache if backward takes one."""
        takes_cache = len(self.receives) > 1 and not set(list(self.receives)[1:]) <= set(
            self.arguments
        )
        if takes_cache and isinstance(result, tuple) and len(result) > 1:
            *outputs, cache = result
            return outputs[0] if len(outputs) == 1 else tuple(outputs), cache
        return result, NOT_GIVEN

    def backward(self, upstream, context):
        """The gradients as the student returns them."""
        inputs, outputs, cache = context
        extra = list(self.receives)[1:]
        given = dict(zip(self.arguments, inputs, strict=False))
        if cache is NOT_GIVEN:
            cache = inputs[0] if len(inputs) == 1 else inputs
        return self.backward_function(upstream, *(given.get(name, cache) for name in extra))

    def cache(self, context):
        """What the student keeps between forward and backward."""
        return None if context[2] is NOT_GIVEN else context[2]


def parameters(function):
    """Names of a function's positional parameters with their defaults, NOT_GIVEN for none."""
    return {
        p.name: NOT_GIVEN if p.default is p.empty else p.default
        for p in inspect.signature(function).parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    }
