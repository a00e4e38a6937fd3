"""Layers that only change shapes.

Read next: ../ops/shape.py.
"""

from minigen import ops
from minigen.nn.module import Module


class Flatten(Module):
    """Dimensions start_dim to end_dim become one: by default all but the batch's.

    (N, C, H, W) -> (N, C·H·W)
    """

    def __init__(self, start_dim=1, end_dim=-1):
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, x):
        """x -> the same numbers in fewer dimensions."""
        return ops.flatten(x, self.start_dim, self.end_dim)

    def extra_repr(self):
        """The constructor's arguments."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """One dimension becomes several.   Unflatten(1, (C, H, W)): (N, C·H·W) -> (N, C, H, W)"""

    def __init__(self, dim, unflattened_size):
        super().__init__()
        self.dim = dim
        self.unflattened_size = tuple(unflattened_size)

    def forward(self, x):
        """x -> the same numbers in more dimensions."""
        return ops.unflatten(x, self.dim, self.unflattened_size)

    def extra_repr(self):
        """The constructor's arguments."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
