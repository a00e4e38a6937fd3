"""Functions known from the calculator, elementwise: exponentials, roots, circles, erf.

Idea: forward is NumPy's own function, the VJP is the derivative times g. A derivative is written
with the output y where that is cheaper or keeps more digits.
Read next: elementwise.py (arithmetic, choosing, comparing), activations.py.
"""

import math

from minigen import backend
from minigen.backend import array_module
from minigen.backend import elementwise as arrays
from minigen.ops._define import primitive

# ---- exponentials, roots, circles


@primitive(lambda g, y: g * y)
def exp(x):
    """e to the x."""
    return arrays.evaluate("exp", x)


@primitive(lambda g, y: g * (y + 1))
def expm1(x):
    """exp(x) - 1, with all its digits near 0."""
    return arrays.evaluate("expm1", x)


@primitive(lambda g, x: g / x)
def log(x):
    """Natural logarithm; -inf at 0, nan below."""
    return arrays.evaluate("log", x)


@primitive(lambda g, x: g / (x + 1))
def log1p(x):
    """log(1 + x), with all its digits near 0; -inf at -1, nan below."""
    return arrays.evaluate("log1p", x)


@primitive(lambda g, x: g / (x * math.log(2)))
def log2(x):
    """Logarithm to base 2; -inf at 0, nan below."""
    return arrays.evaluate("log2", x)


@primitive(
    lambda g, x, other: g * sigmoid(_difference(x, other)),
    lambda g, x, other: g * sigmoid(_difference(other, x)),
)
def logaddexp(x, other):
    """log(exp(x) + exp(other)), without overflow.

    d/dx = σ(x - other), which is ½ where both are the same infinity.
    """
    return arrays.logaddexp(x, other)


@primitive(lambda g: g, lambda g: -g)
def _difference(a, b):
    """a - b, and 0 between equal infinities."""
    with backend.quiet():
        return arrays.where(a == b, 0, a - b)


@primitive(lambda g, y: g / (2 * y))
def sqrt(x):
    """Square root.   Derivative inf at 0; `std` and norms have 0 there."""
    return arrays.evaluate("sqrt", x)


@primitive(lambda g, y: g * (-0.5 * (y * y * y)))
def rsqrt(x):
    """1 / sqrt(x)."""
    return 1 / arrays.evaluate("sqrt", x)


@primitive(lambda g, x: g * cos(x))
def sin(x):
    """Sine, x in radians."""
    return arrays.evaluate("sin", x)


@primitive(lambda g, x: -g * sin(x))
def cos(x):
    """Cosine, x in radians."""
    return arrays.evaluate("cos", x)


@primitive(lambda g, y: g * (1 + y * y))
def tan(x):
    """Tangent, x in radians.   d tan(x)/dx = 1 + tan(x)²"""
    return arrays.evaluate("tan", x)


@primitive(lambda g, x: g * rsqrt(1 - x * x))
def asin(x):
    """The angle in [-π/2, π/2] whose sine is x; nan outside [-1, 1].   Derivative inf at ±1."""
    return arrays.evaluate("arcsin", x)


@primitive(lambda g, x: -g * rsqrt(1 - x * x))
def acos(x):
    """The angle in [0, π] whose cosine is x; nan outside [-1, 1].   Derivative -inf at ±1."""
    return arrays.evaluate("arccos", x)


@primitive(lambda g, x: g / (1 + x * x))
def atan(x):
    """The angle in (-π/2, π/2) whose tangent is x."""
    return arrays.evaluate("arctan", x)


def _over_square(a, b):
    # a / (a² + b²), and 0 at the origin
    square = a * a + b * b
    return a / (square + (square == 0))


@primitive(
    lambda g, x, other: g * _over_square(other, x),
    lambda g, x, other: -g * _over_square(x, other),
)
def atan2(x, other):
    """The angle of the point (other, x) of the plane, in [-π, π].

    d/dx = other / (x² + other²),  d/d other = -x / (x² + other²),  both 0 at the origin.
    """
    return array_module(x, other).arctan2(arrays.real(x), arrays.real(other))


@primitive(lambda g, x: g * (1.1283791670955126 * exp(-x * x)))
def erf(x):
    """The error function, 2/√π ∫₀ˣ exp(-t²) dt.   d erf(x)/dx = 2/√π · exp(-x²)"""
    return arrays.erf(x)


@primitive(lambda g, x: g * (-1.1283791670955126 * exp(-x * x)))
def erfc(x):
    """1 - erf(x), with all its digits where erf(x) is near 1."""
    return backend.erfc(x)


@primitive(lambda g, x: g * cosh(x))
def sinh(x):
    """Hyperbolic sine, (exp(x) - exp(-x)) / 2."""
    return arrays.evaluate("sinh", x)


@primitive(lambda g, x: g * sinh(x))
def cosh(x):
    """Hyperbolic cosine, (exp(x) + exp(-x)) / 2."""
    return arrays.evaluate("cosh", x)


@primitive(lambda g, y: g * (1 - y * y))
def tanh(x):
    """Hyperbolic tangent.   d tanh(x)/dx = 1 - tanh(x)²"""
    return arrays.evaluate("tanh", x)


@primitive(lambda g, y: g * (y * (1 - y)))
def sigmoid(x):
    """1 / (1 + exp(-x)), without overflow.   dσ(x)/dx = σ(x)·(1 - σ(x))"""
    return arrays.sigmoid(x)
