"""Functions of one number, elementwise: exponentials, roots, circles, the error function.

Idea: forward is NumPy's own function, the VJP is the derivative times g. A derivative is written
with the output y where that is cheaper or keeps more digits.
Read next: elementwise.py (arithmetic, choosing, comparing), activations.py.
"""

from minigen import backend
from minigen.backend import array_module
from minigen.ops._define import primitive

# ---- exponentials, roots, circles


@primitive(lambda g, y: g * y)
def exp(x):
    """e to the x."""
    return array_module(x).exp(x)


@primitive(lambda g, x: g / x)
def log(x):
    """Natural logarithm; -inf at 0, nan below."""
    return array_module(x).log(x)


@primitive(lambda g, y: g / (2 * y))
def sqrt(x):
    """Square root.   Derivative inf at 0; `std` and norms have 0 there."""
    return array_module(x).sqrt(x)


@primitive(lambda g, y: g * (-0.5 * (y * y * y)))
def rsqrt(x):
    """1 / sqrt(x)."""
    return 1 / array_module(x).sqrt(x)


@primitive(lambda g, x: g * cos(x))
def sin(x):
    """Sine, x in radians."""
    return array_module(x).sin(x)


@primitive(lambda g, x: -g * sin(x))
def cos(x):
    """Cosine, x in radians."""
    return array_module(x).cos(x)


@primitive(lambda g, x: g * (1.1283791670955126 * exp(-x * x)))
def erf(x):
    """The error function, 2/√π ∫₀ˣ exp(-t²) dt.   d erf(x)/dx = 2/√π · exp(-x²)"""
    return backend.erf(x)


@primitive(lambda g, y: g * (1 - y * y))
def tanh(x):
    """Hyperbolic tangent.   d tanh(x)/dx = 1 - tanh(x)²"""
    return array_module(x).tanh(x)


@primitive(lambda g, y: g * (y * (1 - y)))
def sigmoid(x):
    """1 / (1 + exp(-x)), without overflow.   dσ(x)/dx = σ(x)·(1 - σ(x))"""
    xp = array_module(x)
    y = xp.tanh(x * 0.5)  # σ(x) = (1 + tanh(x/2)) / 2
    y *= 0.5
    y += 0.5
    return y
