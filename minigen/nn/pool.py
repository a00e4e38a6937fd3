"""Pooling: one number from each window.

Read next: ../ops/pool.py.
"""

from typing import Any

from minigen import ops
from minigen.nn.module import Module


class _Pool2d(Module):
    """What both poolings share; a subclass says `op`."""

    op: Any = None

    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding

    def forward(self, x):
        """x (N, C, H, W) -> (N, C, H', W') H' = (H + 2·padding - kernel_size) // stride + 1."""
        return type(self).op(x, self.kernel_size, self.stride, self.padding)

    def extra_repr(self):
        """The constructor's arguments."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxPool2d(_Pool2d):
    """The largest of each window.   stride: None for kernel_size (windows side by side)"""

    op = ops.max_pool2d


class AvgPool2d(_Pool2d):
    """The mean of each window, padding counted as zeros.   stride: None for kernel_size"""

    op = ops.avg_pool2d
