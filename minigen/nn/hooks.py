"""Hooks: functions of your own that a module calls before, after, or on the way back through it.

Idea: a module without hooks calls `forward` and nothing else, so hooks cost nothing where there are
none. For the way back, inputs and outputs get an `alias`, a node that only marks the place: its
gradient is the module's. Inputs are marked before anything in the module is recorded and outputs
after it, so that the walk back meets the marks of the outputs first.
Read next: module.py (register_forward_hook and its like), ../tensor.py (hooks of one tensor).
"""

from typing import NamedTuple

from minigen.tensor import Tensor


class Hook(NamedTuple):
    """A function and when it is called: "pre", "forward" or "backward"."""

    when: str
    function: object


class Handle:
    """What registering a hook returns."""

    def __init__(self, module, hook):
        self._module, self._hook = module, hook

    def remove(self):
        """Take the hook away again; a second call does nothing."""
        module = self._module
        module._hooks = tuple(hook for hook in module._hooks if hook is not self._hook)


def register(module, when, function):
    """Have the module call function; see Hook. -> Handle. TypeError if it cannot be called."""
    if not callable(function):
        raise TypeError(
            f"{type(module).__name__}: a hook is a function, not {type(function).__name__}"
        )
    hook = Hook(when, function)
    module._hooks = (*module._hooks, hook)
    return Handle(module, hook)


def call(module, args, kwargs):
    """`module.forward(*args, **kwargs)`, with its hooks around it."""
    named = {when: [hook.function for hook in module._hooks if hook.when == when] for when in _WHEN}
    for function in named["pre"]:
        changed = function(module, args)
        if changed is not None:
            args = changed if isinstance(changed, tuple) else (changed,)
    back = _Backward(module, named["backward"]) if named["backward"] else None
    if back:
        args = back.inputs(args)
    y = module.forward(*args, **kwargs)
    for function in named["forward"]:
        changed = function(module, args, y)
        y = y if changed is None else changed
    return back.outputs(y) if back else y


_WHEN = ("pre", "forward", "backward")


class _Backward:
    """One call's gradients, on their way to the hooks.

    It is complete when every input that requires a gradient has one; where none does, with the
    gradient of the first output, whose mark the walk meets last.
    """

    def __init__(self, module, functions):
        self.module, self.functions = module, functions

    def inputs(self, args):
        """The arguments, marked."""
        marked = [_marked(a) for a in args]
        self.grad_input = [None] * len(args)
        self.expected = [i for i, a in enumerate(marked) if _recorded(a)]
        self.waiting = set(self.expected)
        for i in self.expected:
            marked[i].register_hook(lambda g, i=i: self._came_in(i, g))
        return tuple(marked)

    def outputs(self, y):
        """What `forward` returned, marked: a Tensor or a tuple; nothing else is looked into."""
        ys = [_marked(one) for one in (y if isinstance(y, tuple) else (y,))]
        self.grad_output = [None] * len(ys)
        for i, one in enumerate(ys):
            if _recorded(one):
                one.register_hook(lambda g, i=i: self._came_out(i, g))
        return tuple(ys) if isinstance(y, tuple) else ys[0]

    def _came_out(self, i, g):
        self.grad_output[i] = g
        if i == 0 and not self.expected:
            self._tell()

    def _came_in(self, i, g):
        self.grad_input[i] = g
        self.waiting.discard(i)
        return None if self.waiting else self._tell()

    def _tell(self):
        """Call the hooks. -> what takes the place of the only input's gradient, or None"""
        found, changed = tuple(self.grad_input), None
        for function in self.functions:
            changed = function(self.module, found, tuple(self.grad_output))
            if changed is not None:
                found = self._replaced(found, changed)
        self.waiting = set(self.expected)  # a graph that is kept may be walked again
        self.grad_input = [None] * len(self.grad_input)
        self.grad_output = [None] * len(self.grad_output)
        return found[self.expected[0]] if len(self.expected) == 1 else None

    def _replaced(self, found, changed):
        name = type(self.module).__name__
        if not isinstance(changed, tuple) or len(changed) != len(found):
            raise TypeError(
                f"{name}: a backward hook returns None or a tuple of {len(found)} gradients, one "
                f"per positional argument, not {type(changed).__name__}"
            )
        if len(self.expected) != 1:
            raise RuntimeError(
                f"{name}: a backward hook can replace the gradient of one input; here "
                f"{len(self.expected)} require one. Use register_hook of those tensors"
            )
        return changed


def _marked(value):
    return value.alias() if isinstance(value, Tensor) and value.requires_grad else value


def _recorded(value):
    return isinstance(value, Tensor) and value.node is not None
