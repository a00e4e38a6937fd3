"""Elementwise ops: the same formula for every element, with broadcasting.

Idea: forward is NumPy's own function, the VJP is the derivative times g. Arguments broadcast as in
NumPy; the engine sums the gradients back to each argument's shape. Values at ties and edges are
PyTorch's and stand in the docstrings.
Read next: functions.py (exp, sin ...), activations.py (nonlinearities of networks), ../op.py (what
@primitive does).
"""

import builtins
import math
import numbers

import numpy

from minigen.backend import array_module, clip, power, quiet
from minigen.backend import elementwise as arrays
from minigen.ops._define import primitive
from minigen.ops.functions import log

# ---- arithmetic


@primitive(lambda g: g, lambda g: g)
def add(a, b):
    """a + b."""
    return a + b


@primitive(lambda g: g, lambda g: -g)
def sub(a, b):
    """a - b."""
    return a - b


@primitive(lambda g, b: g * b, lambda g, a: g * a)
def mul(a, b):
    """a · b, elementwise."""
    return a * b


@primitive(lambda g, b: g / b, lambda g, y, b: -g * y / b)
def div(a, b):
    """a / b; integers give float32."""
    return a / b


def _pow_base(g, a, b):
    # b·a^(b-1), and 0 where b = 0: there 0·a^-1 would be nan at a = 0
    if not hasattr(b, "shape") or isinstance(b, numpy.generic):
        return g * (b * a ** (b - 1)) if b else zero(g)
    return where(b == 0, 0.0, g * (b * a ** where(b == 0, 1, b - 1)))


def _pow_exponent(g, y, a, b):
    # a^b·log a, and 0 where a = 0 <= b: there y does not change as b grows
    if hasattr(a, "shape"):
        flat = logical_and(a == 0, b >= 0)
        return g * where(flat, 0.0, y * log(where(flat, 1.0, a)))
    if a == 0:
        return g * where(b >= 0, 0.0, -math.inf)
    return g * (y * (math.log(a) if a > 0 else math.nan))


@primitive(_pow_base, _pow_exponent)
def pow(a, b):
    """a to the power b.   d/da = b·a^(b-1), 0 for b = 0;  d/db = a^b·log a, 0 for a = 0 <= b

    ValueError for integers to a negative number.
    """
    return a**b if a.__class__ is numpy.ndarray else power(a, b)


@primitive(lambda g: -g)
def neg(x):
    """-x."""
    return -x


@primitive(lambda g, x: g * sign(x))
def abs(x):
    """|x|.   Derivative 0 at 0."""
    return array_module(x).abs(x)


@primitive(lambda g, x: g * (2 * x))
def square(x):
    """x²; booleans give int64."""
    return x * x if x.dtype.kind != "b" else x.astype("int64")


@primitive(lambda g: zero(g))
def zero(x):
    """0 for each element, inf and nan as well: the derivative of steps."""
    return array_module(x).zeros_like(x)


@primitive(lambda g: zero(g))
def sign(x):
    """-1, 0 or 1.   Derivative 0 everywhere."""
    return array_module(x).sign(x)


@primitive(lambda g, y: g * -(y * y))
def reciprocal(x):
    """1 / x; integers give float32."""
    return 1 / x


@primitive(
    lambda g, weight: g * (1 - weight),
    lambda g, weight: g * weight,
    lambda g, x, end: g * (end - x),
)
def lerp(x, end, weight):
    """x + weight·(end - x): x for weight 0, end for weight 1.   weight: a number or a tensor

    Integers give float32.
    """
    x, end, weight = arrays.real(x), arrays.real(end), arrays.real(weight)

    def from_x():
        return x + weight * (end - x)

    def from_end():
        return end - (1 - weight) * (end - x)

    # each is exact at the end that it starts from
    if not hasattr(weight, "shape"):
        return from_x() if -0.5 < weight < 0.5 else from_end()
    return arrays.where((weight > -0.5) & (weight < 0.5), from_x(), from_end())


def _log_that_counts(x, other):
    # log(other), and 0 where x = 0 and other <= 0
    if hasattr(other, "shape"):
        return log(where(logical_and(x == 0, other <= 0), 1.0, other))
    if other > 0:
        return math.log(other)
    return where(logical_and(x == 0, other <= 0), 0.0, -math.inf if other == 0 else math.nan)


@primitive(lambda g, x, other: g * _log_that_counts(x, other), lambda g, x, other: g * x / other)
def xlogy(x, other):
    """x·log(other), and 0 where x is 0, even for other = 0; nan where either is nan.

    d/dx = log(other), 0 where x = 0 and other <= 0;  d/d other = x / other, nan for 0 / 0
    """
    xp = array_module(x, other)
    with quiet():  # log(0), 0·inf
        y = x * xp.log(arrays.real(other))
    return arrays.where((x == 0) & (other == other), 0, y)


# ---- to whole numbers: the derivative is 0


def _whole(name, x):
    return x if x.dtype.kind in "iub" else getattr(array_module(x), name)(x)


@primitive(lambda g: zero(g))
def floor(x):
    """The largest whole number <= x.   Derivative 0 everywhere."""
    return _whole("floor", x)


@primitive(lambda g: zero(g))
def ceil(x):
    """The smallest whole number >= x.   Derivative 0 everywhere."""
    return _whole("ceil", x)


@primitive(lambda g: zero(g))
def round(x, decimals=0):
    """The nearest number of that many decimals; of two the even one (2.5 -> 2).   Derivative 0.

    decimals may be negative (-2: hundreds). TypeError if it is not whole, or for integers to
    decimals other than 0.
    """
    if not isinstance(decimals, numbers.Integral):
        raise TypeError(f"round: decimals must be a whole number, not {decimals!r}")
    if decimals == 0:
        return _whole("rint", x)
    if x.dtype.kind in "iub":
        raise TypeError(
            f"round: decimals={decimals} is for floats, x is {x.dtype}; use .float() first"
        )
    scale = 10.0 ** builtins.abs(decimals)
    xp = array_module(x)
    return xp.rint(x * scale) / scale if decimals > 0 else xp.rint(x / scale) * scale


# ---- choosing


def _winner(g, a, b, loses):
    # ties share the gradient equally
    g = where(loses, 0.0, g)
    return where(a == b, 0.5 * g, g)


@primitive(lambda g, a, b: _winner(g, a, b, a < b), lambda g, a, b: _winner(g, a, b, b < a))
def maximum(a, b):
    """The larger of a and b; nan if either is.   Ties share the gradient equally."""
    return array_module(a, b).maximum(a, b)


@primitive(lambda g, a, b: _winner(g, a, b, a > b), lambda g, a, b: _winner(g, a, b, b > a))
def minimum(a, b):
    """The smaller of a and b; nan if either is.   Ties share the gradient equally."""
    return array_module(a, b).minimum(a, b)


def _inside(g, x, min, max):
    kept = None
    for inside in (
        (x >= min) if min is not None else None,
        (x <= max) if max is not None else None,
    ):
        kept = (
            inside if kept is None else (logical_and(kept, inside) if inside is not None else kept)
        )
    return where(kept, g, 0.0)


def _below(g, x, min, max):
    low = x < min
    return where(low if max is None else logical_and(low, min < max), g, 0.0)


def _above(g, x, min, max):
    high = x > max
    return where(high if min is None else logical_or(high, max < min), g, 0.0)


@primitive(_inside, _below, _above)
def clamp(x, min=None, max=None):
    """x limited to [min, max]; either may be None, a number or a tensor. max wins over min.

    Derivative 1 inside and on the limits, 0 outside: there the limit that x meets has 1.
    ValueError if both are None.
    """
    if min is None and max is None:
        raise ValueError("clamp: give min, max or both")
    return clip(x, min, max)


_BOOL = numpy.dtype("bool")
_VALUES = numpy.ndarray, float, int, bool


@primitive(
    None,
    lambda g, condition: where(condition, g, 0.0),
    lambda g, condition: where(condition, 0.0, g),
)
def where(condition, a, b):
    """a where condition holds, else b.   The branch not taken gets gradient 0, nan or not."""
    if condition.__class__ is not bool and getattr(condition, "dtype", None) != _BOOL:
        given = getattr(condition, "dtype", None) or repr(condition)
        raise TypeError(f"where: the condition must be boolean, not {given}; compare first")
    for value in (a, b):
        usual = value.__class__ in _VALUES or hasattr(value, "dtype")
        if not usual and not isinstance(value, numbers.Real):
            given = "None" if value is None else f"{type(value).__name__} {value!r}"
            raise TypeError(f"where: {given} is not a tensor, array or number")
    return arrays.where(condition, a, b)


# ---- comparisons and logic: never recorded


@primitive()
def eq(a, b):
    """a == b, elementwise."""
    return a == b


@primitive()
def ne(a, b):
    """a != b, elementwise."""
    return a != b


@primitive()
def lt(a, b):
    """a < b, elementwise."""
    return a < b


@primitive()
def le(a, b):
    """a <= b, elementwise."""
    return a <= b


@primitive()
def gt(a, b):
    """a > b, elementwise."""
    return a > b


@primitive()
def ge(a, b):
    """a >= b, elementwise."""
    return a >= b


@primitive()
def logical_not(x):
    """Whether x is 0, elementwise."""
    return array_module(x).logical_not(x)


@primitive()
def logical_and(a, b):
    """Whether a and b are both not 0, elementwise."""
    return array_module(a, b).logical_and(a, b)


@primitive()
def logical_or(a, b):
    """Whether a or b is not 0, elementwise."""
    return array_module(a, b).logical_or(a, b)


@primitive()
def bitwise_and(a, b):
    """a & b: bit by bit for integers, and for booleans.   TypeError for floats"""
    return a & b


@primitive()
def bitwise_or(a, b):
    """a | b: bit by bit for integers, or for booleans.   TypeError for floats"""
    return a | b


@primitive()
def bitwise_xor(a, b):
    """a ^ b: bit by bit for integers, either-or for booleans.   TypeError for floats"""
    return a ^ b


@primitive()
def bitwise_not(x):
    """~x: every bit for integers (-x - 1), not for booleans.   TypeError for floats"""
    return ~x


@primitive()
def isnan(x):
    """Whether each element is not a number."""
    return array_module(x).isnan(x)


@primitive()
def isfinite(x):
    """Whether each element is neither infinite nor nan."""
    return array_module(x).isfinite(x)


# ---- the same values in another dtype or place


@primitive(lambda g: g, settles=False)
def cast(x, dtype):
    """x in another dtype.   The gradient is cast back by the engine."""
    if dtype is None:  # NumPy's float64
        raise TypeError("cast: give a dtype, not None")
    return x.astype(dtype)


@primitive(lambda g: g)
def alias(x):
    """x itself, as a tensor of its own in the graph."""
    return x
