"""Module: a tree of parameters that can be called.

Idea: a module's attributes *are* its registry. Walking `vars(module)` in the order of definition
finds its parameters, buffers (tensors that are saved and moved, but not trained) and submodules,
and gives each tensor a name such as `encoder.0.weight`: what optimizers and checkpoints work on.

Invariants: an object reachable by two paths is one object, counted, moved and trained once, under
its first name (a state dict has it under each). `to` and `load_state_dict` change values, never
objects, so that an optimizer keeps hold of what it updates.
Read next: parameter.py, linear.py (the smallest layer), containers.py, init.py.
"""

from collections.abc import Mapping
from numbers import Integral
from typing import NamedTuple

from minigen.autograd import assign
from minigen.backend import to_device, to_numpy
from minigen.nn import hooks
from minigen.nn.parameter import Parameter, give_values, is_shape_only, new_buffer
from minigen.nn.summary import Summary
from minigen.tensor import Tensor


class LoadedKeys(NamedTuple):
    """What load_state_dict had no value for, and what it had no place for."""

    missing_keys: list
    unexpected_keys: list


class _SetByInit:
    """Stands in for an attribute until Module.__init__ has set it."""

    def __get__(self, module, cls):
        if module is None:
            return self
        raise AttributeError  # Module.__getattr__ says more


class Module:
    """Base of every layer and model: assign parameters and modules in __init__, write `forward`.

    training: whether dropout and batch normalisation behave as in training; see `train`, `eval`.
    """

    training = _SetByInit()
    _buffers = _SetByInit()  # {name: whether it is saved} of the attributes that are buffers
    _hooks: tuple[hooks.Hook, ...] = ()  # of this module, in the order they were registered

    def __init__(self):
        self.training = True
        self._buffers = {}

    def __getattr__(self, name):
        """What is not stored may be a weight that is computed; see parametrize.py."""
        if self._is_computed(name):
            return vars(self.parametrizations)[name]()
        kind = type(self).__name__
        if isinstance(getattr(type(self), name, None), _SetByInit):
            raise AttributeError(f"{kind}: its __init__ must call super().__init__() first")
        raise AttributeError(f"{kind!r} object has no attribute {name!r}", name=name, obj=self)

    def _is_computed(self, name):
        computed = vars(self).get("parametrizations")
        return computed is not None and isinstance(vars(computed).get(name), Module)

    def _has(self, name):
        """Whether there is something of this name, without computing it."""
        return vars(self).get(name) is not None or self._is_computed(name)

    def __setattr__(self, name, value):
        if self._is_computed(name):
            raise TypeError(
                f"{type(self).__name__}.{name} is computed from parametrizations.{name}: change "
                f"that, or call nn.remove_parametrizations(module, {name!r}) first"
            )
        if isinstance(value, (Parameter, Module)):
            self._buffers.pop(name, None)  # takes the place of a buffer of this name
        elif value is None:
            pass  # takes away what was there
        elif name in vars(self).get("_buffers", ()) and not isinstance(value, Tensor):
            raise TypeError(
                f"{type(self).__name__}.{name} is a buffer: expected a Tensor or None, got "
                f"{type(value).__name__}; minigen.assign(module.{name}, value) changes its values"
            )
        elif isinstance(vars(self).get(name), Parameter):
            raise TypeError(
                f"{type(self).__name__}.{name} is a Parameter; {type(value).__name__} there would "
                f"not be trained. minigen.assign(module.{name}, value) changes its values, "
                f"module.{name} = nn.Parameter(value) replaces it"
            )
        super().__setattr__(name, value)

    def __call__(self, *args, **kwargs):
        """What `forward` returns, with the hooks around it."""
        if self._hooks:
            return hooks.call(self, args, kwargs)
        return self.forward(*args, **kwargs)

    def forward(self, *args):
        """The computation; every module writes its own."""
        raise NotImplementedError(f"{type(self).__name__} has no forward method")

    # ---- registering by name

    def register_parameter(self, name, parameter):
        """Same as `self.name = parameter`, for a name made by the program; None reserves it."""
        self._check_name("register_parameter", name)
        if not isinstance(parameter, (Parameter, type(None))):
            raise TypeError(
                f"register_parameter: {name} is a {type(parameter).__name__}, not an nn.Parameter"
            )
        setattr(self, name, parameter)

    def register_buffer(self, name, tensor, persistent=True):
        """Make `self.name` a tensor that moves with the module and, if persistent, is saved too.

        tensor: Tensor, or None to reserve the name.
        """
        self._check_name("register_buffer", name)
        if not isinstance(tensor, (Tensor, type(None))) or isinstance(tensor, Parameter):
            raise TypeError(
                f"register_buffer: {name} is a {type(tensor).__name__}, expected a plain Tensor; "
                "minigen.tensor(...) makes one"
            )
        setattr(self, name, new_buffer(tensor) if tensor is not None and persistent else tensor)
        self._buffers[name] = persistent

    def _check_name(self, function, name):
        if not isinstance(name, str) or not name or "." in name or hasattr(type(self), name):
            raise ValueError(
                f"{function}: {name!r} cannot name a tensor of {type(self).__name__}: expected a "
                "non-empty text without dots that names nothing else"
            )

    # ---- hooks; each returns a handle, whose remove() ends it

    def register_forward_pre_hook(self, hook):
        """Call hook(module, args) before `forward`.

        args: the positional arguments, a tuple. What hook returns, unless None, takes their place.
        """
        return hooks.register(self, "pre", hook)

    def register_forward_hook(self, hook):
        """Call hook(module, args, output) after `forward`.

        What hook returns, unless None, takes the output's place.
        """
        return hooks.register(self, "forward", hook)

    def register_full_backward_hook(self, hook):
        """Call hook(module, grad_input, grad_output) when backward came through the module.

        Both are tuples of Tensors, None for what has no gradient: one per positional argument, one
        per output (a Tensor, or a tuple). hook may return a grad_input to go on with, where one
        input requires a gradient (RuntimeError: several). It waits for every input that requires a
        gradient: if the output does not depend on one of them, hook is not called.
        """
        return hooks.register(self, "backward", hook)

    # ---- walking

    def _own(self, kind):
        """[(name, value)] of this module's attributes of one kind, in order of definition."""
        return [(name, value) for name, value in vars(self).items() if isinstance(value, kind)]

    def _own_buffers(self):
        return [(name, value) for name, value in self._own(Tensor) if name in self._buffers]

    def _walk(self, prefix=""):
        """(prefix of its names, module), depth first; shared modules come again at each place."""
        yield prefix, self
        for name, child in self._own(Module):
            yield from child._walk(f"{prefix}{name}.")

    def named_parameters(self):
        """(name, Parameter) of this module and all below, each once, in order of definition."""
        return _once(
            (prefix + name, parameter)
            for prefix, module in self._walk()
            for name, parameter in module._own(Parameter)
        )

    def parameters(self):
        """The parameters of this module and all below, each once."""
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self):
        """(name, Tensor) of the buffers of this module and all below, each once."""
        return _once(
            (prefix + name, buffer)
            for prefix, module in self._walk()
            for name, buffer in module._own_buffers()
        )

    def buffers(self):
        """The buffers of this module and all below, each once."""
        return (buffer for _, buffer in self.named_buffers())

    def named_modules(self):
        """(name, module) of this module, whose name is "", and of all below, each once."""
        return _once((prefix[:-1], module) for prefix, module in self._walk())

    def modules(self):
        """This module and all below, each once."""
        return (module for _, module in self.named_modules())

    def named_children(self):
        """(name, module) of the modules directly below, each once."""
        return _once(self._own(Module))

    def children(self):
        """The modules directly below, each once."""
        return (child for _, child in self.named_children())

    # ---- changing all at once

    def apply(self, function):
        """Call function(module) on everything below, then on this module. -> self"""
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    def train(self, mode=True):
        """Behave as in training (mode True) or in use. -> self"""
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self):
        """Behave as in use: dropout off, batch normalisation by its running statistics. -> self"""
        return self.train(False)

    def requires_grad_(self, requires_grad=True):
        """Freeze (False) or unfreeze all parameters. -> self"""
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def zero_grad(self):
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None

    def to(self, target):
        """Move to a device ("cpu", "gpu", "gpu:1"), or cast the floats to a float dtype. -> self

        The Parameter objects stay the same, their gradients go along.
        """
        for tensor in [*self.parameters(), *self.buffers()]:
            moved = tensor.detach().to(target)
            if moved.dtype.kind in "iub" and tensor.dtype.kind not in "iub":
                raise TypeError(f"Module.to({target!r}): expected a device or a float dtype")
            if moved.dtype != tensor.dtype and tensor.dtype.kind in "iub":
                continue  # counts stay whole when the floats are cast
            tensor._data = moved.data
            if tensor.grad is not None:
                tensor.grad = tensor.grad.detach().to(target)
        return self

    # ---- saving

    def _state(self):
        """{name: tensor} of what is saved: per module its parameters, its buffers, those below."""
        state = {}
        for prefix, module in self._walk():
            saved = [(name, b) for name, b in module._own_buffers() if module._buffers[name]]
            state.update((prefix + name, t) for name, t in module._own(Parameter) + saved)
        return state

    def state_dict(self):
        """{name: Tensor} of all parameters and persistent buffers, sharing their memory.

        Names, order and layouts are PyTorch's. What has a shape only, see `meta`, comes as it is.
        """
        return {n: t if is_shape_only(t) else t.detach() for n, t in self._state().items()}

    def load_state_dict(self, state, strict=True):
        """Copy saved values in.   state: {name: Tensor, array or number}, as from `state_dict`

        -> (missing_keys, unexpected_keys). Nothing is changed, and a ValueError lists every
        missing, unexpected and mis-shaped name, unless all fit. strict=False: what is missing stays
        as it is, what is unexpected is left out, and only mis-shaped values are an error.
        """
        if not isinstance(state, Mapping):
            raise TypeError(
                f"load_state_dict: expected a dict of names and values, got {type(state).__name__}"
                "; nn.load_weights(module, path) reads a file"
            )
        own = self._state()
        shapes = {name: tuple(getattr(value, "shape", ())) for name, value in state.items()}
        keys = LoadedKeys([n for n in own if n not in state], [n for n in state if n not in own])
        problems = []
        if strict:
            problems += [f"missing: {name} {own[name].shape}" for name in keys.missing_keys]
            problems += [f"unexpected: {name} {shapes[name]}" for name in keys.unexpected_keys]
        problems += [
            f"mis-shaped: {name} is {shapes[name]}, expected {tensor.shape}"
            for name, tensor in own.items()
            if name in state and shapes[name] != tensor.shape
        ]
        if problems:
            title = f"load_state_dict: the state does not fit this {type(self).__name__}"
            raise ValueError("\n  ".join([title, *problems]))
        for name in [name for name in own if name in state]:
            value = state[name].data if isinstance(state[name], Tensor) else state[name]
            if is_shape_only(own[name]):
                give_values(own[name], to_numpy(value))
            else:
                assign(own[name], to_device(value, own[name].device))
        return keys

    # ---- showing

    def summary(self, *inputs, depth=None):
        """A table of the modules with their parameters: print it. -> Summary

        inputs: what to call the module with; then the table has output shapes and FLOPs as well.
        depth: how many levels to show (0: the sums alone), None for all.
        """
        return Summary(self, inputs, depth)

    def extra_repr(self):
        """What repr shows between the parentheses; layers give their settings."""
        return ""

    def __repr__(self):
        lines = [self.extra_repr()] if self.extra_repr() else []
        below = self._own(Module)
        lines += [f"({name}): {child!r}".replace("\n", "\n  ") for name, child in below]
        body = "\n  ".join(lines)
        if below:
            body = f"\n  {body}\n"
        return f"{type(self).__name__}({body})"


def check_sizes(layer, name, sizes, least=1):
    """ValueError unless sizes, a number or a tuple of some, are whole and not below least."""
    values = sizes if isinstance(sizes, (tuple, list)) else (sizes,)
    whole = all(isinstance(v, Integral) and not isinstance(v, bool) and v >= least for v in values)
    if not values or not whole:
        many = " or a tuple of them" if isinstance(sizes, (tuple, list)) else ""
        raise ValueError(
            f"{type(layer).__name__}: {name} must be a whole number >= {least}{many}, not {sizes!r}"
        )


def _once(pairs):
    """The (name, object) pairs whose object did not come before."""
    seen = set()
    for name, value in pairs:
        if id(value) not in seen:
            seen.add(id(value))
            yield name, value
