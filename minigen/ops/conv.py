"""Convolution, one algebra in any dimension.

Idea: a convolution is linear in its input and in its weight, so there are three maps,

    conv              (x, w) -> y        y[o] = Σ x[o·stride - padding + k·dilation] · w[k]
    conv_transpose    (y, w) -> x        its adjoint in x: every output position sends back
    conv_weight_grad  (x, y) -> w        its adjoint in w: which products each weight took part in

and the gradient of each is made of the other two. That is all the derivatives of every order.
conv1d, conv2d, conv3d and conv_transpose1d ... are names for it that read the usual options. How
the maps are computed is the backend's: backend/conv.py.
Read next: pool.py, backend/conv.py.
"""

from numbers import Integral

from minigen.backend import conv as arrays
from minigen.ops._define import composite, primitive
from minigen.ops.padding import pad
from minigen.ops.reduce import sum
from minigen.ops.shape import reshape


def _bias_grad(g):
    return sum(g, (0, *range(2, g.ndim)))


def _conv_x(g, weight, x_shape, stride, padding, dilation, groups):
    return _conv_transpose(g, weight, None, stride, padding, dilation, groups, x_shape[2:])


def _conv_weight(g, x, weight_shape, stride, padding, dilation, groups):
    return _conv_weight_grad(x, g, stride, padding, dilation, groups, weight_shape[2:])


@primitive(_conv_x, _conv_weight, _bias_grad)
def _conv(x, weight, bias, stride, padding, dilation, groups):
    return arrays.conv(x, weight, bias, stride, padding, dilation, groups)


def _transpose_x(g, weight, stride, padding, dilation, groups):
    return _conv(g, weight, None, stride, padding, dilation, groups)


def _transpose_weight(g, x, weight_shape, stride, padding, dilation, groups):
    return _conv_weight_grad(g, x, stride, padding, dilation, groups, weight_shape[2:])


@primitive(_transpose_x, _transpose_weight, _bias_grad)
def _conv_transpose(x, weight, bias, stride, padding, dilation, groups, size):
    return arrays.conv_transpose(x, weight, bias, stride, padding, dilation, groups, size)


@primitive(
    lambda g, g_up, x_shape, stride, padding, dilation, groups: _conv_transpose(
        g_up, g, None, stride, padding, dilation, groups, x_shape[2:]
    ),
    lambda g, x, stride, padding, dilation, groups: _conv(
        x, g, None, stride, padding, dilation, groups
    ),
)
def _conv_weight_grad(x, g_up, stride, padding, dilation, groups, kernel):
    return arrays.conv_weight_grad(x, g_up, stride, padding, dilation, groups, kernel)


# ---- the usual names


def _tuple(function, name, value, n):
    """An option as n whole numbers: one for all dimensions, or one each."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * n
    whole = all(isinstance(v, Integral) and not isinstance(v, bool) for v in values)
    if len(values) != n or not whole:
        raise ValueError(f"{function}: {name} must be a whole number or {n} of them, not {value!r}")
    return values


def _at_least(function, name, values, least):
    if min(values) < least:
        raise ValueError(f"{function}: {name} must be at least {least}, not {values}")
    return values


def _check(function, x, weight, n, groups, transposed=False):
    """Shapes of a convolution's arguments."""
    if x.ndim != n + 2 or weight.ndim != n + 2:
        expected = "(N, C, " + {1: "L", 2: "H, W", 3: "D, H, W"}.get(n, "...") + ")"
        hint = "; a single sample needs x.unsqueeze(0)" if x.ndim == n + 1 else ""
        raise ValueError(
            f"{function}: x {tuple(x.shape)} and weight {tuple(weight.shape)} must both have "
            f"{n + 2} dimensions, {expected} for x{hint}"
        )
    if groups < 1 or weight.shape[0] % groups or x.shape[1] % groups:
        raise ValueError(
            f"{function}: groups {groups} must divide x's {x.shape[1]} channels and weight's first "
            f"size {weight.shape[0]}"
        )
    channels = weight.shape[0] if transposed else weight.shape[1] * groups
    if x.shape[1] != channels:
        raise ValueError(
            f"{function}: x {tuple(x.shape)} has {x.shape[1]} channels, weight "
            f"{tuple(weight.shape)} with groups={groups} expects {channels}"
        )


def _check_bias(function, bias, outputs):
    shape = getattr(bias, "shape", bias)
    if bias is not None and shape != (outputs,):
        raise ValueError(f"{function}: bias {shape} must have shape ({outputs},)")


def _padding(function, padding, kernel, stride, dilation):
    """The option padding as a (low, high) pair per dimension."""
    n = len(kernel)
    if padding == "same":
        if any(s != 1 for s in stride):
            raise ValueError(f'{function}: padding="same" needs stride 1, not {stride}')
        total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return tuple((t // 2, t - t // 2) for t in total)  # the odd one goes after, as in PyTorch
    if padding == "valid":
        padding = 0
    if isinstance(padding, str):
        raise ValueError(
            f'{function}: padding {padding!r} is not known: "same", "valid" or numbers'
        )
    if isinstance(padding, (tuple, list)) and all(isinstance(p, (tuple, list)) for p in padding):
        pairs = tuple((int(low), int(high)) for low, high in padding)
        if len(pairs) != n:
            raise ValueError(f"{function}: padding {padding} must have {n} (low, high) pairs")
    else:
        pairs = tuple((p, p) for p in _tuple(function, "padding", padding, n))
    _at_least(function, "padding", [p for pair in pairs for p in pair], 0)
    return pairs


@composite
def conv(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Convolution (as in networks: no flip) over the n = x.ndim - 2 trailing dimensions.

    x (N, C, *size), weight (O, C/groups, *kernel), bias (O,) or None -> (N, O, *out) with
    out = (size + padding - dilation·(kernel - 1) - 1) // stride + 1. stride, padding, dilation: a
    number or n; padding also "same", "valid", or n (low, high) pairs. ValueError names the shapes.
    """
    n = _dimensions("conv", weight)
    return _convolve(n, x, weight, bias, stride, padding, dilation, groups)


def _dimensions(function, weight):
    if weight.ndim < 3:
        raise ValueError(f"{function}: weight {tuple(weight.shape)} must have 3 or more dimensions")
    return weight.ndim - 2


def _convolve(n, x, weight, bias, stride, padding, dilation, groups):
    function = f"conv{n}d"
    _check(function, x, weight, n, groups)
    _check_bias(function, bias, weight.shape[0])
    kernel, size = tuple(weight.shape[2:]), tuple(x.shape[2:])
    stride = _at_least(function, "stride", _tuple(function, "stride", stride, n), 1)
    dilation = _at_least(function, "dilation", _tuple(function, "dilation", dilation, n), 1)
    padding = _padding(function, padding, kernel, stride, dilation)
    if min(arrays.output_size(size, kernel, stride, padding, dilation)) < 1:
        raise ValueError(
            f"{function}: kernel {kernel} with dilation {dilation} is larger than x "
            f"{tuple(x.shape)} "
            f"with padding {padding}"
        )
    return _conv(x, weight, bias, stride, padding, dilation, groups)


@composite
def conv_transpose(
    x,
    weight,
    bias=None,
    stride=1,
    padding=0,
    output_padding=0,
    groups=1,
    dilation=1,
):
    """The adjoint of `conv` in its input: what sends a small map to a large one.

    x (N, C, *size), weight (C, O/groups, *kernel), bias (O,) or None -> (N, O, *out) with
    out = (size - 1)·stride - 2·padding + dilation·(kernel - 1) + output_padding + 1. padding may
    be n (low, high) pairs. ValueError if output_padding is not below stride or dilation.
    """
    n = _dimensions("conv_transpose", weight)
    return _transposed(n, x, weight, bias, stride, padding, output_padding, groups, dilation)


def _transposed(n, x, weight, bias, stride, padding, output_padding, groups, dilation):
    function = f"conv_transpose{n}d"
    _check(function, x, weight, n, groups, transposed=True)
    _check_bias(function, bias, weight.shape[1] * groups)
    kernel = tuple(weight.shape[2:])
    stride = _at_least(function, "stride", _tuple(function, "stride", stride, n), 1)
    dilation = _at_least(function, "dilation", _tuple(function, "dilation", dilation, n), 1)
    extra = _tuple(function, "output_padding", output_padding, n)
    padding = _padding(function, padding, kernel, (1,) * n, dilation)
    if any(not 0 <= e < max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
        raise ValueError(
            f"{function}: output_padding {extra} must be below stride {stride} or dilation "
            f"{dilation}, from 0"
        )
    # From `stride` extra positions on, one more window would fit. Those positions are what the
    # high padding cut off, and past it nothing arrives but the bias.
    beyond = [max(0, e - s + 1) for e, s in zip(extra, stride, strict=True)]
    extra = [e - b for e, b in zip(extra, beyond, strict=True)]
    uncut = [min(b, high) for b, (_, high) in zip(beyond, padding, strict=True)]
    padding = tuple((low, high - u) for (low, high), u in zip(padding, uncut, strict=True))
    beyond = [b - u for b, u in zip(beyond, uncut, strict=True)]
    out = tuple(
        (size - 1) * s - low - high + d * (k - 1) + e + 1
        for size, s, (low, high), d, k, e in zip(
            x.shape[2:], stride, padding, dilation, kernel, extra, strict=True
        )
    )
    if min(out) < 1:
        raise ValueError(f"{function}: padding {padding} leaves nothing of x {tuple(x.shape)}")
    if not any(beyond):
        return _conv_transpose(x, weight, bias, stride, padding, dilation, groups, out)
    y = _conv_transpose(x, weight, None, stride, padding, dilation, groups, out)
    y = pad(y, [width for b in reversed(beyond) for width in (0, b)])
    return y if bias is None else y + reshape(bias, (1, -1) + (1,) * n)


@composite
def conv1d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """`conv` over one dimension.   x (N, C, L), weight (O, C/groups, K) -> (N, O, L')"""
    return _convolve(1, x, weight, bias, stride, padding, dilation, groups)


@composite
def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """`conv` over two dimensions.   x (N, C, H, W), weight (O, C/groups, K, K) -> (N, O, H', W')"""
    return _convolve(2, x, weight, bias, stride, padding, dilation, groups)


@composite
def conv3d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """`conv` over three dimensions.   x (N, C, D, H, W) -> (N, O, D', H', W')"""
    return _convolve(3, x, weight, bias, stride, padding, dilation, groups)


@composite
def conv_transpose1d(
    x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """`conv_transpose` over one dimension.   x (N, C, L), weight (C, O/groups, K) -> (N, O, L')"""
    return _transposed(1, x, weight, bias, stride, padding, output_padding, groups, dilation)


@composite
def conv_transpose2d(
    x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """`conv_transpose` over two dimensions.   x (N, C, H, W), weight (C, O/groups, K, K)"""
    return _transposed(2, x, weight, bias, stride, padding, output_padding, groups, dilation)


@composite
def conv_transpose3d(
    x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """`conv_transpose` over three dimensions.   x (N, C, D, H, W) -> (N, O, D', H', W')"""
    return _transposed(3, x, weight, bias, stride, padding, output_padding, groups, dilation)
