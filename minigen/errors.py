"""Errors that teach: which function, which shapes, the rule, the likely fix.

Idea: no op checks on its fast path what NumPy will check anyway. When NumPy refuses, the exception
is translated here, at no cost to calls that succeed.
"""

import difflib
import inspect
import numbers
import re

from numpy import floating, generic
from numpy.exceptions import AxisError
from numpy.linalg import LinAlgError

from minigen.backend import device_of, is_array, out_of_memory
from minigen.tensor import Tensor


def explain(name, args, error):
    """The exception to raise for `error`, which NumPy or CuPy raised in the op called `name`."""
    if isinstance(error, MemoryError):
        return out_of_memory(name, error)
    flat = [b for a in args for b in (a if isinstance(a, tuple) else (a,))]  # an index is a tuple
    tensors = [a for a in flat if isinstance(a, Tensor) or is_array(a)]
    devices = list(dict.fromkeys(device_of(getattr(a, "_data", a)) for a in tensors))
    if len(devices) > 1:
        return RuntimeError(
            f"{name}: one argument is on {devices[0]}, another on {devices[1]}; "
            f'move one of them, for example with .to("{devices[1]}")'
        )
    if str(error).startswith(f"{name}:"):
        return error
    if isinstance(error, AxisError) and error.ndim is not None:
        return _out_of_range(name, error.axis, error.ndim)
    shapes = [tuple(a.shape) for a in tensors]
    if "broadcast" in str(error) and len(shapes) > 1:
        return ValueError(f"{name}: {_broadcast_problem(shapes)}")
    if isinstance(error, AttributeError) and (asked := _asked(error, args)):
        return TypeError(f"{name}: {asked} is not a tensor")
    strange = _strange(args, isinstance(error, AttributeError))
    if strange and (not tensors or any(hint in str(error) for hint in _STRANGE)):
        kinds = "a tensor" if isinstance(error, AttributeError) else "a tensor, array or number"
        return TypeError(f"{name}: {strange[0]} is not {kinds}")
    if name.startswith("bitwise_") and isinstance(error, TypeError):
        return TypeError(
            f"{name}: only integers and booleans have bits; logical_and, logical_or and "
            "logical_not ask whether numbers are 0"
        )
    if tensors and "did not contain a loop" in str(error):
        held = ", ".join(dict.fromkeys(str(a.dtype) for a in tensors))
        return TypeError(f"{name}: is not defined for {held}; use .float() or .long() first")
    if tensors and "truth value of an array" in str(error):
        return TypeError(f"{name}: an argument that must be one number is a tensor, {shapes[-1]}")
    given = f" (shapes {', '.join(map(str, shapes))})" if shapes else ""
    words = re.sub(r"\baxis\b", "dim", str(error))
    kind = next((kind for kind in _PLAIN if isinstance(error, kind)), ValueError)
    return kind(f"{name}: {words}{given}")


# NumPy's own kinds of these are made of more than words; of a number too large: ValueError
_PLAIN = (LinAlgError, IndexError, TypeError, ValueError, AttributeError)
# what NumPy and Python say of such arguments
_STRANGE = ("operand type", "ufunc", "no attribute", "not supported between")


def explain_call(name, parameters, args, kwargs, error):
    """The exception to raise for a wrong call of a function made of ops, or None for other errors.

    Wrong are arguments that do not fit its parameters, and what is asked for an attribute that
    tensors have, but was passed as something else (an error deeper inside is not disguised).
    """
    if isinstance(error, AttributeError):
        asked = _asked(error, (*args, *kwargs.values()))
        return TypeError(f"{name}: {asked} is not a tensor") if asked else None
    several = any(p.kind is p.VAR_POSITIONAL for p in parameters.values())
    names = [n for n, p in parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    if len(args) > len(names) and not several:
        return TypeError(
            f"{name}: takes {len(names)} arguments ({', '.join(names)}), got {len(args)}"
        )
    for key in kwargs:
        if key not in parameters or parameters[key].kind is inspect.Parameter.VAR_POSITIONAL:
            return TypeError(unknown_argument(name, key, parameters))
        if key in names[: len(args)]:
            return TypeError(f"{name}: argument {key} was given twice")
    given = {*names[: len(args)], *kwargs}
    for key, p in parameters.items():
        if key not in given and p.default is p.empty and p.kind is not p.VAR_POSITIONAL:
            return TypeError(f"{name}: argument {key} is missing ({', '.join(parameters)})")
    return None


def _asked(error, values):
    """Which of the values was asked for an attribute that tensors have, described; or None."""
    value = error.obj
    if error.name is None or isinstance(value, Tensor) or is_array(value):
        return None
    return _described(value) if any(value is v for v in values) else None


def _described(value):
    return repr(value) if value is None else f"{type(value).__name__} {value!r}"


def _strange(args, numbers_too):
    """Descriptions of the arguments that are no numbers; None, often a default, comes last."""
    usual = Tensor if numbers_too else (Tensor, numbers.Number, generic)
    strange = [a for a in args if not isinstance(a, usual) and not is_array(a)]
    strange.sort(key=lambda a: a is None)
    return [_described(a) for a in strange]


def _broadcast_problem(shapes):
    """The sentence about the last dimension that differs."""
    rank = max(map(len, shapes))
    for dim in range(-1, -rank - 1, -1):
        sizes = list(dict.fromkeys(s[dim] for s in shapes if len(s) >= -dim and s[dim] != 1))
        if len(sizes) > 1:
            fix = ""
            if all(len(s) == 1 for s in shapes[1:]) and shapes[1][0] in shapes[0]:
                rest = len(shapes[0]) - 1 - shapes[0].index(shapes[1][0])
                fix = f"; did you mean reshape({', '.join(['-1'] + ['1'] * rest)}) for the second?"
            return (
                f"shapes {' and '.join(map(str, shapes))} do not broadcast: in dimension {dim} the "
                f"sizes {sizes[0]} and {sizes[1]} differ, and neither is 1{fix}"
            )
    return f"shapes {' and '.join(map(str, shapes))} do not broadcast"


_NUMPY_NAMES = {
    "axis": ("dim", "dims"),
    "axes": ("dims", "dim"),
    "keepdims": ("keepdim",),
    "ddof": ("correction",),
    "a_min": ("min",),
    "a_max": ("max",),
}
_OTHER_NAMES = {"input": "x", "other": "b", "unbiased": "correction"}  # PyTorch's, but not ours


def unknown_argument(function, name, known):
    """The message for a keyword that the function does not have, with the likely one."""
    for usual in _NUMPY_NAMES.get(name, ()):
        if usual in known:
            return f"{function}: the argument is called {usual} here, not {name} (as in PyTorch)"
    if _OTHER_NAMES.get(name) in known:
        return f"{function}: the argument is called {_OTHER_NAMES[name]} here, not {name}"
    if name in known:  # *dims
        return f"{function}: give {name} by position, not as a keyword"
    near = difflib.get_close_matches(name, known, 1)
    guess = f"; did you mean {near[0]}?" if near else ""
    return f"{function}: no argument {name} (it takes {', '.join(known)}){guess}"


def check_tensors(function, *values):
    """TypeError for the first of the values that is neither a tensor nor an array."""
    for value in values:
        if not isinstance(value, Tensor) and not is_array(value):
            raise TypeError(f"{function}: {_described(value)} is not a tensor")


def check_value(function, x, value):
    """TypeError for a value that an array cannot be filled with, or not without a loss."""
    if value is None or isinstance(value, str):
        raise TypeError(f"{function}: value must be a number or a tensor, not {value!r}")
    if isinstance(value, (float, floating)):
        held = "" if value.is_integer() else repr(value)
    else:
        held = str(getattr(value, "dtype", ""))
        held = held if "float" in held else ""
    if held and x.dtype.kind in "iu":  # of booleans, any number is one or the other
        raise TypeError(f"{function}: {held} is no {x.dtype}, as x is; use x.float() first")


def check_dim(function, dim, ndim, of="a tensor"):
    """dim as a number in [0, ndim). IndexError naming the function and the range, or TypeError."""
    if type(dim) is not int and not isinstance(dim, numbers.Integral):  # the usual one first: speed
        raise TypeError(f"{function}: dim must be a whole number, not {dim!r}")
    if not -max(ndim, 1) <= dim < max(ndim, 1):
        raise _out_of_range(function, dim, ndim, of)
    return dim % ndim if ndim else 0


def _out_of_range(function, dim, ndim, of="a tensor"):
    return IndexError(
        f"{function}: dim {dim} is out of range for {of} of {ndim} dimensions "
        f"(expected {-max(ndim, 1)} to {max(ndim, 1) - 1})"
    )
