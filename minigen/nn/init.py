"""How parameters start.

Idea: a layer keeps the variance of what flows through it if its weights' variance is about 1 over
the number of terms in each sum. `fan_in` counts the terms of an output's sum, `fan_out` those of an
input's gradient. `xavier` takes both into account; `kaiming` one of them, and the variance that the
activation behind the layer loses.
All overwrite the tensor in place and return it; `rng` is a Generator, None for the default one.
Sources: Glorot & Bengio, AISTATS 2010; He et al., Delving Deep into Rectifiers, ICCV 2015.
Read next: linear.py, conv.py (which start by `default_`).
"""

import math

import numpy

from minigen.autograd import assign
from minigen.backend import to_device, to_numpy
from minigen.ops import normal, uniform


def uniform_(tensor, a=0.0, b=1.0, *, rng=None):
    """Numbers from U(a, b)."""
    drawn = uniform(tensor.shape, a, b, rng=rng, dtype=tensor.dtype, device=tensor.device)
    return _fill(tensor, drawn.to(tensor.device))


def normal_(tensor, mean=0.0, std=1.0, *, rng=None):
    """Numbers from N(mean, std²)."""
    drawn = normal(tensor.shape, mean, std, rng=rng, dtype=tensor.dtype, device=tensor.device)
    return _fill(tensor, drawn.to(tensor.device))


def constant_(tensor, val):
    """The same number everywhere."""
    return _fill(tensor, val)


def zeros_(tensor):
    """0 everywhere."""
    return constant_(tensor, 0)


def ones_(tensor):
    """1 everywhere."""
    return constant_(tensor, 1)


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
