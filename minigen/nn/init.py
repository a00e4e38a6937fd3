"""How parameters start.

Idea: a layer keeps the variance of what flows through it if its weights' variance is about 1 over
the number of terms in each sum. `fan_in` counts the terms of an output's sum, `fan_out` those of an
input's gradient. `xavier` takes both into account; `kaiming` one of them, and the variance that the
activation behind the layer loses.
All overwrite the tensor in place and return it; `rng` is a Generator, None for the default one.
Sources: Glorot & Bengio, AISTATS 2010; He et al., Delving Deep into Rectifiers, ICCV 2015.
Read next: linear.py, conv.py (which start by `default_`).
"""

import functools
import math

import numpy

from minigen.autograd import assign
from minigen.backend import to_device, to_numpy
from minigen.nn.parameter import is_shape_only
from minigen.ops import normal, uniform


def _where_there_are_values(function):
    """Decorator: a tensor made inside `nn.meta()` stays as it is, and nothing is drawn."""

    @functools.wraps(function)
    def call(tensor, *args, **kwargs):
        return tensor if is_shape_only(tensor) else function(tensor, *args, **kwargs)

    return call


@_where_there_are_values
def uniform_(tensor, a=0.0, b=1.0, *, rng=None):
    """Numbers from U(a, b)."""
    drawn = uniform(tensor.shape, a, b, rng=rng, dtype=tensor.dtype, device=tensor.device)
    return _fill(tensor, drawn.to(tensor.device))


@_where_there_are_values
def normal_(tensor, mean=0.0, std=1.0, *, rng=None):
    """Numbers from N(mean, std²)."""
    drawn = normal(tensor.shape, mean, std, rng=rng, dtype=tensor.dtype, device=tensor.device)
    return _fill(tensor, drawn.to(tensor.device))


@_where_there_are_values
def constant_(tensor, val):
    """The same number everywhere."""
    return _fill(tensor, val)


def zeros_(tensor):
    """0 everywhere."""
    return constant_(tensor, 0)


def ones_(tensor):
    """1 everywhere."""
    return constant_(tensor, 1)


@_where_there_are_values
def trunc_normal_(tensor, mean=0.0, std=1.0, a=-2.0, b=2.0, *, rng=None):
    """Numbers from N(mean, std²), those outside [a, b] drawn again: no weight starts far out.

    a and b are values, not multiples of std. By the inverse of the distribution function, from
    uniform numbers. ValueError unless a < b. What vision transformers start with, std=0.02.
    """
    if not a < b:
        raise ValueError(f"trunc_normal_: a {a} must be less than b {b}")
    from scipy import special  # slow to import, and not every model wants it

    low, high = (special.ndtr((limit - mean) / std) for limit in (a, b))
    u = uniform(tensor.shape, rng=rng, dtype="float64", device=tensor.device)
    x = mean + std * special.ndtri(low + (high - low) * to_numpy(u.data))
    return _fill(tensor, to_device(x.clip(a, b).astype(tensor.dtype), tensor.device))


@_where_there_are_values
def eye_(tensor):
    """The identity, as far as the shape of a matrix allows: a Linear that passes its input on."""
    if tensor.ndim != 2:
        raise ValueError(f"eye_: expected a matrix, got {tensor.shape}")
    return _fill(tensor, to_device(numpy.eye(*tensor.shape, dtype=tensor.dtype), tensor.device))


@_where_there_are_values
def dirac_(tensor, groups=1):
    """A convolution that passes channels on: 1 at the kernel's centre, from channel i to i.

    groups: the same in each group of output channels. ValueError unless the weight has 3 to 5
    dimensions and groups divides its first size.
    """
    if tensor.ndim not in (3, 4, 5) or tensor.shape[0] % groups:
        raise ValueError(
            f"dirac_: expected the weight of a convolution whose first size {groups} divides, got "
            f"{tensor.shape}"
        )
    weight = numpy.zeros(tensor.shape, tensor.dtype)
    outputs = tensor.shape[0] // groups
    centre = tuple(size // 2 for size in tensor.shape[2:])
    for i in range(min(outputs, tensor.shape[1])):
        weight[(slice(i, None, outputs), i, *centre)] = 1
    return _fill(tensor, to_device(weight, tensor.device))


def xavier_uniform_(tensor, gain=1.0, *, rng=None):
    """U(-b, b) with variance gain² · 2 / (fan_in + fan_out)."""
    bound = math.sqrt(3.0) * _xavier_std("xavier_uniform_", tensor, gain)
    return uniform_(tensor, -bound, bound, rng=rng)


def xavier_normal_(tensor, gain=1.0, *, rng=None):
    """N(0, gain² · 2 / (fan_in + fan_out))."""
    return normal_(tensor, 0.0, _xavier_std("xavier_normal_", tensor, gain), rng=rng)


def kaiming_uniform_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", *, rng=None):
    """U(-b, b) with variance gain² / fan.   a: the negative slope, for leaky_relu only

    mode: "fan_in" keeps the variance of the forward pass, "fan_out" that of the backward pass;
    nonlinearity: what follows the layer, see `calculate_gain`.
    """
    bound = math.sqrt(3.0) * _kaiming_std("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, rng=rng)


def kaiming_normal_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", *, rng=None):
    """N(0, gain² / fan); arguments as `kaiming_uniform_`."""
    std = _kaiming_std("kaiming_normal_", tensor, a, mode, nonlinearity)
    return normal_(tensor, 0.0, std, rng=rng)


@_where_there_are_values
def orthogonal_(tensor, gain=1.0, *, rng=None):
    """gain times an orthogonal matrix: W Wᵀ = I or Wᵀ W = I, as the shape allows.

    No direction of a signal or of its gradient shrinks or grows more than another. More than two
    dimensions: the first against all others. Source: Saxe, McClelland & Ganguli, Exact Solutions to
    the Nonlinear Dynamics of Learning in Deep Linear Neural Networks, ICLR 2014.
    """
    _fans("orthogonal_", tensor)
    rows = tensor.shape[0]
    drawn = normal((rows, tensor.numel() // max(rows, 1)), rng=rng, device=tensor.device)
    left, _, right = numpy.linalg.svd(to_numpy(drawn.data), full_matrices=False)
    turned = (gain * (left @ right)).reshape(tensor.shape)
    return _fill(tensor, to_device(turned.astype(tensor.dtype), tensor.device))


def default_(weight, bias=None, *, rng=None):
    """What Linear and the convolutions start with: both from U(-b, b), b = 1 / sqrt(fan_in).

    For the weight this is `kaiming_uniform_(weight, a=sqrt(5))`, PyTorch's choice.
    """
    bound = 1 / math.sqrt(max(_fans("default_", weight)[0], 1))
    uniform_(weight, -bound, bound, rng=rng)
    if bias is not None:
        uniform_(bias, -bound, bound, rng=rng)


def calculate_gain(nonlinearity, param=None):
    """The factor by which weights' standard deviation makes up for a nonlinearity.

    nonlinearity: "linear", "conv1d" ... "conv_transpose3d", "sigmoid": 1; "tanh": 5/3; "relu": √2;
    "leaky_relu": √(2 / (1 + slope²)), param the slope (0.01); "selu": 3/4. ValueError for others.
    """
    if nonlinearity.startswith(("linear", "conv", "sigmoid")):
        return 1.0
    gains = {"tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4}
    if nonlinearity in gains:
        return gains[nonlinearity]
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    raise ValueError(
        f"calculate_gain: {nonlinearity!r} is not known (linear, conv2d, sigmoid, tanh, relu, "
        "leaky_relu, selu are)"
    )


def _xavier_std(name, tensor, gain):
    fan_in, fan_out = _fans(name, tensor)
    return gain * math.sqrt(2 / max(fan_in + fan_out, 1))


def _kaiming_std(name, tensor, a, mode, nonlinearity):
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f'{name}: mode must be "fan_in" or "fan_out", got {mode!r}')
    fan = _fans(name, tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(max(fan, 1))


def _fans(name, tensor):
    """(fan_in, fan_out) of a weight (out, in, *kernel): sizes 1 and 0 times the kernel's positions.

    A transposed convolution's weight is (in, out, *kernel): its two are exchanged, as in PyTorch.
    """
    if tensor.ndim < 2:
        raise ValueError(f"{name}: expected a weight of 2 dimensions or more, got {tensor.shape}")
    positions = math.prod(tensor.shape[2:])
    return tensor.shape[1] * positions, tensor.shape[0] * positions


def _fill(tensor, value):
    assign(tensor, value)
    return tensor
