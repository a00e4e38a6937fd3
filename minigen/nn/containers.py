"""Modules made of modules.

Idea: a container's items are attributes named "0", "1", ...: the names that appear in state dicts
(`encoder.2.weight` is the weight of item 2).
Read next: module.py.
"""

from minigen.nn.module import Module


class ModuleList(Module):
    """A list of modules whose parameters are found.   ModuleList([module, ...])

    It has no forward of its own: index or iterate over it. A plain Python list of modules would
    hide their parameters.
    """

    def __init__(self, modules=()):
        super().__init__()
        for module in modules:
            self.append(module)

    def append(self, module):
        """Add one module at the end. -> self"""
        place = len(self)
        if not isinstance(module, Module):
            fix = ""
            if isinstance(module, type):
                fix = f"; did you mean {module.__name__}()?"
            elif isinstance(module, (list, tuple)):
                fix = f"; did you mean {type(self).__name__}(*layers)?"
            name = type(self).__name__
            raise TypeError(f"{name}: item {place} is {module!r}, expected a module{fix}")
        setattr(self, str(place), module)
        return self

    def __len__(self):
        return len(self._own(Module))

    def __iter__(self):
        return iter([module for _, module in self._own(Module)])

    def __getitem__(self, index):
        """The module at an int; a container of the same kind for a slice."""
        items = list(self)
        if not isinstance(index, slice):
            return items[index]
        part = type(self)()
        for module in items[index]:
            part.append(module)
        return part


class Sequential(ModuleList):
    """Modules one after the other, each fed what the last returned.   Sequential(a, b, ...)"""

    def __init__(self, *modules):
        super().__init__(modules)

    def forward(self, x):
        """x -> the last module's output."""
        for module in self:
            x = module(x)
        return x


class Identity(Module):
    """Returns its input: holds the place of a layer that is not wanted."""

    def forward(self, x):
        """x -> x."""
        return x
