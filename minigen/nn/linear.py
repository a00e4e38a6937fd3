"""The fully connected layer."""

import math

from minigen import ops
from minigen.nn import init
from minigen.nn.module import Module, Parameter, check_sizes
from minigen.ops import zeros


class Linear(Module):
    """y = x Wᵀ + b.   (..., in_features) -> (..., out_features)

    weight: (out_features, in_features); bias: (out_features,), None if bias=False. Both start from
    U(-1/√in_features, 1/√in_features), drawn from rng (None: the default generator).
    """

    def __init__(self, in_features, out_features, bias=True, *, rng=None, dtype="float32"):
        super().__init__()
        check_sizes(self, "in_features", in_features, 0)
        check_sizes(self, "out_features", out_features, 0)
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(zeros((out_features, in_features), dtype=dtype))
        self.bias = Parameter(zeros(out_features, dtype=dtype)) if bias else None
        init.default_(self.weight, self.bias, rng=rng)

    def forward(self, x):
        """x (..., in_features) -> (..., out_features). ValueError for another last size."""
        if x.shape[-1:] != (self.in_features,):
            raise ValueError(self._mismatch(x.shape))
        return ops.linear(x, self.weight, self.bias)

    def _mismatch(self, shape):
        problem = f"Linear({self.in_features}, {self.out_features}) got {shape}: "
        problem += f"last size {shape[-1] if shape else 'none'}, expected {self.in_features}"
        fits_flat = math.prod(shape[1:]) == self.in_features
        return problem + ("; did you mean Flatten() before it?" if fits_flat else "")

    def extra_repr(self):
        """The constructor's arguments."""
        has_bias = self._has("bias")
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={has_bias}"
