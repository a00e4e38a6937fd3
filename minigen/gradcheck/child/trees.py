"""Nested values: arguments, outputs and gradients as tuples, lists and dicts with arrays as leaves.

Idea: a homework may pass a dict of parameters or return a tuple of gradients. Everything that walks
such values does so here, in one order: depth first, dicts in their own order. A path is a tuple of
indices and keys; its label is what a student would write: x, params['W'], states[1].
Read next: session.py, whose answers are such values.
"""

import copy
import inspect

from numpy import floating, ndarray


def leaves(tree, path=()):
    """Every leaf of a nested value with its path, depth first: [(path, leaf)]."""
    if isinstance(tree, dict):
        items = tree.items()
    elif isinstance(tree, (tuple, list)):
        items = enumerate(tree)
    else:
        return [(path, tree)]
    return [leaf for key, value in items for leaf in leaves(value, (*path, key))]


def rebuilt(tree, change, path=()):
    """The same nesting with each leaf as change(path, leaf); named tuples become tuples."""
    if isinstance(tree, dict):
        return {key: rebuilt(value, change, (*path, key)) for key, value in tree.items()}
    if isinstance(tree, (tuple, list)):
        values = [rebuilt(value, change, (*path, i)) for i, value in enumerate(tree)]
        return values if isinstance(tree, list) else tuple(values)
    return change(path, tree)


def at(tree, path):
    """What stands at a path, which may lead through attributes. LookupError if there is nothing."""
    for key in path:
        tree = (tree if isinstance(tree, (dict, list, tuple)) else attributes(tree))[key]
    return tree


def attributes(value):
    """An object's attributes by name."""
    return getattr(value, "__dict__", {})


def label(path, names=()):
    """How a student would write the leaf at path; names: of the first level, the arguments."""
    first, *rest = path or ("",)
    if isinstance(first, int):
        first = names[first] if first < len(names) else f"argument {first}"
    return str(first) + "".join(f"[{key!r}]" for key in rest)


def is_float_array(value):
    """Whether value is an array of floating numbers."""
    return isinstance(value, ndarray) and value.dtype.kind == "f"


def is_float(value):
    """Whether value is a floating array or number: what can have a gradient."""
    return is_float_array(value) or isinstance(value, (float, floating))


def fresh(tree):
    """A deep copy that keeps what is shared inside shared, and Fortran order and read-only arrays
    as they are. What cannot be copied (a module, a lock) is passed as it is."""
    seen = {}

    def copied(path, leaf):
        if id(leaf) not in seen:
            seen[id(leaf)] = _copy(leaf)
        return seen[id(leaf)]

    return rebuilt(tree, copied)


def _copy(leaf):
    if isinstance(leaf, ndarray) and leaf.dtype != object:
        new = leaf.copy(order="K")
        new.flags.writeable = leaf.flags.writeable
        return new
    try:
        return copy.deepcopy(leaf)
    except Exception:
        return leaf


def arrays_inside(value, most=10_000):
    """Every array inside a value of any type: in containers, and in attributes of objects.

    For a look into a cache or a layer, whatever it is made of. [(path, array)], an array in two
    places twice; each container once, and no more than `most` of them. Classes, functions and
    modules are not looked into.
    """
    found, seen, stack = [], set(), [((), value)]
    while stack and len(seen) < most:
        path, one = stack.pop()
        if isinstance(one, ndarray):
            found.append((path, one))
        elif id(one) not in seen:
            seen.add(id(one))
            stack += [((*path, key), part) for key, part in reversed(_parts(one).items())]
    return found


def _parts(one):
    """What a container or an object holds, by key, index or attribute."""
    if isinstance(one, dict):
        return one
    if isinstance(one, (tuple, list)):
        return dict(enumerate(one))
    if inspect.isclass(one) or inspect.isroutine(one) or inspect.ismodule(one):
        return {}
    return attributes(one)
