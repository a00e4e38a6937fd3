"""Pooling: one number from each window.

Read next: ../ops/pool.py.
"""

from typing import Any

from minigen import ops
from minigen.nn.module import Module, check_sizes


class _MaxPool(Module):
    op: Any = None

    def __init__(
        self,
        kernel_size,
        stride=None,
        padding=0,
        dilation=1,
        return_indices=False,
        ceil_mode=False,
    ):
        super().__init__()
        check_sizes(self, "kernel_size", kernel_size)
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, x):
        """x (N, C, *size) -> (N, C, *windows); with return_indices a pair, see the op."""
        return type(self).op(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.return_indices,
        )

    def extra_repr(self):
        """The constructor's arguments."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """The largest of each window.   (N, C, L) -> (N, C, L'), options as in MaxPool2d"""

    op = ops.max_pool1d


class MaxPool2d(_MaxPool):
    """The largest of each window.   (N, C, H, W) -> (N, C, H', W')

    stride: None for kernel_size (windows side by side). H' is
    (H + 2·padding - dilation·(kernel_size - 1) - 1) / stride + 1, rounded down, or up (ceil_mode).
    """

    op = ops.max_pool2d


class MaxPool3d(_MaxPool):
    """The largest of each window.   (N, C, D, H, W) -> (N, C, D', H', W'), as MaxPool2d"""

    op = ops.max_pool3d


class _AvgPool(Module):
    op: Any = None

    def __init__(
        self,
        kernel_size,
        stride=None,
        padding=0,
        ceil_mode=False,
        count_include_pad=True,
        divisor_override=None,
    ):
        super().__init__()
        check_sizes(self, "kernel_size", kernel_size)
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, x):
        """x (N, C, *size) -> (N, C, *windows)"""
        override = () if self.divisor_override is None else (self.divisor_override,)
        return type(self).op(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            *override,
        )

    def extra_repr(self):
        """The first of the constructor's arguments."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPool):
    """The mean of each window.   (N, C, L) -> (N, C, L'), options as in AvgPool2d"""

    op = ops.avg_pool1d

    def __init__(
        self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True
    ):
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)


class AvgPool2d(_AvgPool):
    """The mean of each window.   (N, C, H, W) -> (N, C, H', W'), sizes as in MaxPool2d

    stride: None for kernel_size (windows side by side). count_include_pad: whether padding counts,
    as zeros. divisor_override: what to divide the sums by instead.
    """

    op = ops.avg_pool2d


class AvgPool3d(_AvgPool):
    """The mean of each window.   (N, C, D, H, W) -> (N, C, D', H', W'), options as in AvgPool2d"""

    op = ops.avg_pool3d


class _AdaptiveAvgPool(Module):
    op: Any = None

    def __init__(self, output_size):
        super().__init__()
        self.output_size = output_size

    def forward(self, x):
        """x (N, C, *size) -> (N, C, *output_size)"""
        return type(self).op(x, self.output_size)

    def extra_repr(self):
        """The constructor's argument."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """The means of output_size windows.   (N, C, L) -> (N, C, output_size)"""

    op = ops.adaptive_avg_pool1d


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """The means of output_size windows, spread evenly over x.   (N, C, H, W) -> (N, C, H', W')

    output_size: one number, or (H', W'); None keeps x's size.
    """

    op = ops.adaptive_avg_pool2d


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """The means of output_size windows.   (N, C, D, H, W) -> (N, C, D', H', W')"""

    op = ops.adaptive_avg_pool3d
