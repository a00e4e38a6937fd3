"""Nonlinearities of networks, elementwise (but glu, which halves a dimension).

Idea: as in elementwise.py; where the derivative shares work with the function (gelu, silu), the op
is fused: forward computes value and derivative in one visit of the data, backward is one product.
On a device relu, leaky_relu, gelu and silu launch kernels, whose backward starts from x again.
Read next: ../backend/elementwise.py (the visit), ../op.py (what @fused does), softmax.py.
"""

import math
import numbers

from minigen.backend import array_module
from minigen.backend import elementwise as arrays
from minigen.backend.device import bias_activation as device
from minigen.backend.kernels import active
from minigen.errors import check_dim
from minigen.ops._define import composite, fused, primitive
from minigen.ops.elementwise import clamp, logical_or, where
from minigen.ops.functions import erf, exp, logaddexp, sigmoid, tanh
from minigen.ops.shape import reshape, split

# ---- straight lines


@primitive(lambda g, rectified: _relu_gradient(g, rectified))
def _relu_gradient(g, rectified):
    """g where rectified = max(x, 0) is not 0, else 0."""
    return arrays.relu_gradient(g, rectified)


@primitive(lambda g, y: _relu_gradient(g, y))
def relu(x):
    """max(x, 0).   Derivative 0 at 0."""
    if active(x):
        return device.activation("relu", x)
    xp = array_module(x)
    return arrays.at_least(xp, x, 0) if x.dtype.kind == "f" else xp.maximum(x, 0)


@primitive(lambda g, x, negative_slope: _leaky_gradient(g, x, negative_slope))
def _leaky_gradient(g, x, negative_slope):
    """g where x > 0, else negative_slope·g."""
    return arrays.leaky_gradient(g, x, negative_slope)


@primitive(lambda g, x, negative_slope: _leaky_gradient(g, x, negative_slope))
def leaky_relu(x, negative_slope=0.01):
    """x above 0, negative_slope·x below.   Derivative negative_slope at 0.

    TypeError if negative_slope is a tensor, which would get no gradient: that is prelu.
    """
    if not isinstance(negative_slope, numbers.Real):
        raise TypeError(
            f"leaky_relu: negative_slope must be a number, not {type(negative_slope).__name__}; "
            "prelu takes a tensor, which it learns"
        )
    return arrays.leaky(x, negative_slope)


@primitive(
    lambda g, x, weight: where(x > 0, g, g * weight),
    lambda g, x: g * clamp(x, max=0.0),
)
def _prelu(x, weight):
    return arrays.where(x > 0, x, x * weight)


@composite
def prelu(x, weight):
    """x above 0, weight·x below, with weights that are learnt.   Derivative weight at 0.

    weight: one number, (1,) or (), or one per channel, (C,) for x (N, C, ...); x of fewer than two
    dimensions is one channel. ValueError for other sizes. Source: He et al., Delving Deep into
    Rectifiers, 2015.
    """
    if not hasattr(weight, "shape"):
        raise TypeError(
            f"prelu: weight must be a tensor, not {weight!r}; leaky_relu takes a number"
        )
    channels = x.shape[1] if x.ndim > 1 else 1
    count = math.prod(weight.shape)
    if weight.ndim > 1 or count not in (1, channels):
        raise ValueError(
            f"prelu: weight {tuple(weight.shape)} for x {tuple(x.shape)}, which has {channels} "
            f"channels (dimension 1): give weights of shape (1,) or ({channels},)"
        )
    sizes = (count, *[1] * (x.ndim - 2)) if x.ndim > 1 else ()
    return _prelu(x, reshape(weight, sizes))


@primitive(lambda g, x, min_val, max_val: where(logical_or(x <= min_val, x >= max_val), 0.0, g))
def hardtanh(x, min_val=-1.0, max_val=1.0):
    """x limited to [min_val, max_val].   Derivative 0 on the limits (clamp has 1 there).

    ValueError if min_val is above max_val.
    """
    if min_val > max_val:
        raise ValueError(f"hardtanh: min_val {min_val} is above max_val {max_val}; exchange them")
    return array_module(x).clip(x, min_val, max_val)


# ---- exponentials below 0


def _times(derivative):
    """The backward of an elementwise op whose derivative is known."""
    return None if derivative is None else lambda g, needs: (g * derivative,)


def _elu_slope(g, x, alpha, scale, input_scale):
    below = exp(-relu(-x) * input_scale)  # no overflow above 0, where it is not taken
    return g * where(x > 0, scale, (alpha * scale * input_scale) * below)


@primitive(_elu_slope)
def _elu_reference(x, alpha, scale, input_scale):
    xp = array_module(x)
    below = alpha * xp.expm1(xp.minimum(x, 0) * input_scale)
    return scale * xp.where(x > 0, x, below)


@fused("x", reference=lambda x, alpha: _elu_reference(x, alpha, 1.0, 1.0))
def elu(x, alpha=1.0, *, needs):
    """x above 0, alpha·(exp(x) - 1) below.   At 0 the derivative is alpha, the second one 0.

    Source: Clevert, Unterthiner & Hochreiter, Exponential Linear Units, 2016.
    """
    y, d = arrays.elu(x, needs.x, alpha, 1.0, 1.0)
    return y, _times(d)


@fused("x", reference=lambda x, alpha: _elu_reference(x, alpha, 1.0, 1 / alpha))
def celu(x, alpha=1.0, *, needs):
    """x above 0, alpha·(exp(x/alpha) - 1) below: elu with derivative 1 at 0.

    ValueError if alpha is 0. Source: Barron, Continuously Differentiable ELUs, 2017.
    """
    if alpha == 0:
        raise ValueError("celu: alpha divides x and must not be 0; the limit is relu(x)")
    y, d = arrays.elu(x, needs.x, alpha, 1.0, 1 / alpha)
    return y, _times(d)


_SELU = 1.6732632423543772, 1.0507009873554805  # alpha, scale


@fused("x", reference=lambda x: _elu_reference(x, *_SELU, 1.0))
def selu(x, *, needs):
    """1.0507·(x above 0, 1.6733·(exp(x) - 1) below), which keeps mean 0 and variance 1.

    Source: Klambauer et al., Self-Normalizing Neural Networks, 2017.
    """
    y, d = arrays.elu(x, needs.x, *_SELU, 1.0)
    return y, _times(d)


# ---- smooth


def _softplus(x, beta, threshold):
    t = x * beta
    return where(t > threshold, x, logaddexp(t, 0.0) / beta)


@fused("x", reference=_softplus)
def softplus(x, beta=1.0, threshold=20.0, *, needs):
    """log(1 + exp(beta·x)) / beta, and x itself where beta·x > threshold.

    d/dx = σ(beta·x). ValueError if beta is 0. Source: Dugas et al., NIPS 2000.
    """
    if beta == 0:
        raise ValueError("softplus: beta divides the result and must not be 0")
    y, d = arrays.softplus(x, needs.x, beta, threshold)
    return y, _times(d)


@fused("x", reference=lambda x: -logaddexp(-x, 0.0))
def logsigmoid(x, *, needs):
    """log σ(x) = -log(1 + exp(-x)), finite where σ(x) is 0 in floats.   d/dx = σ(-x)"""
    y, d = arrays.logsigmoid(x, needs.x)
    return y, _times(d)


@fused("x", reference=lambda x: x * sigmoid(x))
def silu(x, *, needs):
    """x·σ(x), also called swish.   d/dx = σ(x)·(1 + x·(1 - σ(x)))

    Source: Elfwing, Uchibe & Doya, 2018; Ramachandran, Zoph & Le, 2017.
    """
    if active(x):
        return device.activated("silu", x)
    y, d = arrays.silu(x, needs.x)
    return y, _times(d)


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
    if approximate not in ("none", "tanh"):
        raise ValueError(f'gelu: approximate must be "none" or "tanh", not {approximate!r}')
    if active(x):
        return device.activated("gelu_tanh" if approximate == "tanh" else "gelu", x)
    y, d = (arrays.gelu_tanh if approximate == "tanh" else arrays.gelu)(x, needs.x)
    return y, _times(d)


@fused("x", reference=lambda x: x * tanh(logaddexp(x, 0.0)))
def mish(x, *, needs):
    """x·tanh(log(1 + exp(x))).   Source: Misra, Mish: A Self Regularized Activation, 2019."""
    y, d = arrays.mish(x, needs.x)
    return y, _times(d)


def _softsign_slope(g, x):
    inverse = 1 / (1 + abs(x))
    return g * (inverse * inverse)


@primitive(_softsign_slope)
def softsign(x):
    """x / (1 + |x|).   d/dx = 1 / (1 + |x|)²"""
    x = arrays.real(x)
    return x / (1 + abs(x))


# ---- gates


def _glu(x, dim):
    a, b = split(x, [x.shape[dim] // 2] * 2, dim)
    return a * sigmoid(b)


@fused("x", reference=_glu)
def glu(x, dim=-1):
    """a·σ(b), with a and b the first and the second half of x along dim.   (..., 2D) -> (..., D)

    ValueError if that size is odd. Source: Dauphin et al., Gated Convolutional Networks, 2017.
    """
    dim = check_dim("glu", dim, x.ndim)
    if x.ndim == 0:
        raise ValueError("glu: x () has no dimension to halve; it needs at least one")
    if x.shape[dim] % 2:
        raise ValueError(
            f"glu: dim {dim} of x {x.shape} is halved into values and gates, its size must be "
            "even; did you mean another dim?"
        )
    half, before = x.shape[dim] // 2, (slice(None),) * dim
    first, second = (*before, slice(half)), (*before, slice(half, None))
    a, gate = x[first], sigmoid.op.forward(x[second])
    y = a * gate

    def backward(g, needs):
        d = array_module(g).empty_like(x, dtype=gate.dtype)
        d[first] = g * gate
        d[second] = g * y * (1 - gate)
        return (d,)

    return y, backward
