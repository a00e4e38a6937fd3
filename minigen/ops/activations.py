"""Nonlinearities of networks, elementwise.

Idea: as in elementwise.py; where the derivative costs as much as the function (gelu, silu), the op
is fused: forward computes value and derivative in one visit of the data, backward is one product.
Read next: ../op.py (what @fused does), reduce.py (softmax).
"""

import math

from minigen import backend
from minigen.backend import array_module
from minigen.ops._define import fused, primitive
from minigen.ops.elementwise import where
from minigen.ops.functions import erf, sigmoid, tanh


@primitive(lambda g, y: g * (y > 0))
def relu(x):
    """max(x, 0).   Derivative 0 at 0."""
    return array_module(x).maximum(x, 0)


@primitive(lambda g, x, negative_slope: where(x > 0, g, g * negative_slope))
def leaky_relu(x, negative_slope=0.01):
    """x above 0, negative_slope·x below.   Derivative negative_slope at 0."""
    xp = array_module(x)
    return xp.where(x > 0, x, x * negative_slope)


def _softplus_slope(g, x, beta, threshold):
    return g * where(x * beta > threshold, 1.0, sigmoid(x * beta))


@primitive(_softplus_slope)
def softplus(x, beta=1.0, threshold=20.0):
    """log(1 + exp(beta·x)) / beta, and x itself where beta·x > threshold.

    d/dx = σ(beta·x). Source: Dugas et al., NIPS 2000.
    """
    xp = array_module(x)
    t = x * beta
    y = (xp.maximum(t, 0) + xp.log1p(xp.exp(-xp.abs(t)))) / beta  # no overflow for large |x|
    return xp.where(t > threshold, x, y)


@fused("x", reference=lambda x: x * sigmoid(x))
def silu(x, *, needs):
    """x·σ(x), also called swish.   d/dx = σ(x)·(1 + x·(1 - σ(x)))

    Source: Elfwing, Uchibe & Doya, 2018; Ramachandran, Zoph & Le, 2017.
    """
    s = sigmoid.op.forward(x)
    y = x * s
    return y, _times(s + y * (1 - s)) if needs.x else None


def _gelu(x, approximate):
    if approximate == "tanh":
        return 0.5 * x * (1 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + erf(x * math.sqrt(0.5)))


@fused("x", reference=_gelu)
def gelu(x, approximate="none", *, needs):
    """x·Φ(x), with Φ the normal distribution function, or its approximation by a tanh.

        none:  ½x·(1 + erf(x/√2))        tanh:  ½x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))

    ValueError for another `approximate`. Source: Hendrycks & Gimpel, Gaussian Error Linear Units,
    2016.
    """
    xp = array_module(x)
    if approximate == "none":
        cdf = 0.5 * (1 + backend.erf(x * math.sqrt(0.5)))
        slope = x * xp.exp(-0.5 * x * x) * (1 / math.sqrt(2 * math.pi)) if needs.x else None
    elif approximate == "tanh":
        k = math.sqrt(2 / math.pi)
        cdf = sigmoid.op.forward((2 * k) * (x + 0.044715 * (x * x * x)))  # σ(2u) = ½(1 + tanh u)
        slope = x * (2 * cdf * (1 - cdf)) * (k * (1 + 3 * 0.044715 * (x * x))) if needs.x else None
    else:
        raise ValueError(f'gelu: approximate must be "none" or "tanh", not {approximate!r}')
    return x * cdf, _times(cdf + slope) if needs.x else None


def _times(derivative):
    """The backward of an elementwise op whose derivative is known."""
    return lambda g, needs: (g * derivative,)
