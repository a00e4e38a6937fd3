"""Convolution layers, and their transposes.

Idea: one family. `_Conv` holds settings and parameters in any number of dimensions; Conv1d, Conv2d
and Conv3d only name the op. A transposed convolution is the adjoint of a convolution and has that
convolution's weight, so input and output channels change places in it.
Read next: ../ops/conv.py (the mathematics), init.py.
"""

from typing import Any

from minigen import ops
from minigen.nn import init
from minigen.nn.module import Module, Parameter, check_sizes
from minigen.ops import zeros


class _Conv(Module):
    """What all convolutions share; a subclass says `op` and `dims`."""

    op: Any = None  # the function of ops
    dims = 0  # number of spatial dimensions
    transposed = False

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        groups=1,
        bias=True,
        padding_mode="zeros",
        *,
        rng=None,
        dtype="float32",
    ):
        super().__init__()
        name = type(self).__name__
        if padding_mode != "zeros":
            raise ValueError(f'{name}: padding_mode {padding_mode!r} is not known, only "zeros"')
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{name}: groups {groups} must divide in_channels {in_channels} and "
                f"out_channels {out_channels}"
            )
        self.in_channels, self.out_channels = in_channels, out_channels
        check_sizes(self, "in_channels", in_channels)
        check_sizes(self, "out_channels", out_channels)
        self.kernel_size = self._each("kernel_size", kernel_size)
        self.stride = self._each("stride", stride)
        self.padding = padding if isinstance(padding, str) else self._each("padding", padding)
        self.dilation = self._each("dilation", dilation)
        self.groups = groups
        channels = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        shape = (channels[0], channels[1] // groups, *self.kernel_size)
        self.weight = Parameter(zeros(shape, dtype=dtype))
        self.bias = Parameter(zeros(out_channels, dtype=dtype)) if bias else None
        init.default_(self.weight, self.bias, rng=rng)

    def _each(self, name, value):
        """One number per spatial dimension."""
        values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * self.dims
        if len(values) != self.dims:
            layer = type(self).__name__
            raise ValueError(f"{layer}: {name} must be one number or {self.dims}, not {value!r}")
        check_sizes(self, name, values, 0 if "padding" in name else 1)
        return values

    def forward(self, x):
        """x (N, in_channels, *size) -> (N, out_channels, *smaller size)."""
        return type(self).op(
            x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )

    def extra_repr(self):
        """The constructor's arguments that differ from their defaults."""
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        text += f", stride={self.stride}"
        none = (0,) * self.dims
        for name, default in (
            ("padding", none),
            ("output_padding", none),
            ("dilation", (1,) * self.dims),
            ("groups", 1),
        ):
            value = getattr(self, name, default)
            text += f", {name}={value!r}" if value != default else ""
        return text + ("" if self._has("bias") else ", bias=False")


class Conv1d(_Conv):
    """Convolution over sequences.   (N, in_channels, L) -> (N, out_channels, L')

    Everything as in `Conv2d`, with one spatial dimension.
    """

    op, dims = ops.conv1d, 1


class Conv2d(_Conv):
    """Convolution over images.   (N, in_channels, H, W) -> (N, out_channels, H', W')

        H' = (H + 2·padding - dilation·(kernel_size - 1) - 1) // stride + 1,   W' likewise

    kernel_size, stride, padding, dilation: a number, or one per dimension; padding also "same",
    "valid", or a (before, after) pair per dimension. groups: channels are cut into so many parts
    that do not see each other. weight: (out_channels, in_channels / groups, *kernel_size); bias:
    (out_channels,). Both start from U(-b, b), b² = groups / (in_channels · kernel positions), drawn
    from rng (None: the default generator).
    """

    op, dims = ops.conv2d, 2


class Conv3d(_Conv):
    """Convolution over volumes.   (N, in_channels, D, H, W) -> (N, out_channels, D', H', W')

    Everything as in `Conv2d`, with three spatial dimensions.
    """

    op, dims = ops.conv3d, 3


class _ConvTranspose(_Conv):
    """What all transposed convolutions share."""

    transposed = True

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        output_padding=0,
        groups=1,
        bias=True,
        dilation=1,
        padding_mode="zeros",
        *,
        rng=None,
        dtype="float32",
    ):
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            padding_mode,
            rng=rng,
            dtype=dtype,
        )
        self.output_padding = self._each("output_padding", output_padding)

    def forward(self, x):
        """x (N, in_channels, *size) -> (N, out_channels, *larger size)."""
        return type(self).op(
            x,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.output_padding,
            self.groups,
            self.dilation,
        )


class ConvTranspose1d(_ConvTranspose):
    """The adjoint of `Conv1d`.   (N, in_channels, L) -> (N, out_channels, L')

    Everything as in `ConvTranspose2d`, with one spatial dimension.
    """

    op, dims = ops.conv_transpose1d, 1


class ConvTranspose2d(_ConvTranspose):
    """The adjoint of `Conv2d`.   (N, in_channels, H, W) -> (N, out_channels, H', W')

        H' = (H - 1)·stride - 2·padding + dilation·(kernel_size - 1) + output_padding + 1

    output_padding chooses among the sizes that a convolution with this stride shrinks to H. weight:
    (in_channels, out_channels / groups, *kernel_size); it and the bias start from U(-b, b) with
    b² = groups / (out_channels · kernel positions), PyTorch's choice. Arguments as in `Conv2d`.
    """

    op, dims = ops.conv_transpose2d, 2


class ConvTranspose3d(_ConvTranspose):
    """The adjoint of `Conv3d`.   (N, in_channels, D, H, W) -> (N, out_channels, D', H', W')

    Everything as in `ConvTranspose2d`, with three spatial dimensions.
    """

    op, dims = ops.conv_transpose3d, 3
