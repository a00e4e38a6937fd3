"""Activations as modules, for use in `Sequential`. Each is the op of the same name; all are
elementwise, except Softmax.   (...) -> (...)

Read next: ../ops/activations.py (formulas and derivatives).
"""

from minigen import ops
from minigen.nn.module import Module


class ReLU(Module):
    """max(x, 0)."""

    def forward(self, x):
        """x -> like x."""
        return ops.relu(x)


class LeakyReLU(Module):
    """x above 0, negative_slope·x below."""

    def __init__(self, negative_slope=0.01):
        super().__init__()
        self.negative_slope = negative_slope

    def forward(self, x):
        """x -> like x."""
        return ops.leaky_relu(x, self.negative_slope)

    def extra_repr(self):
        """The constructor's argument."""
        return f"negative_slope={self.negative_slope}"


class GELU(Module):
    """x·Φ(x), Φ the normal distribution function; approximate="tanh" is faster, and close."""

    def __init__(self, approximate="none"):
        super().__init__()
        self.approximate = approximate

    def forward(self, x):
        """x -> like x."""
        return ops.gelu(x, self.approximate)

    def extra_repr(self):
        """The constructor's argument."""
        return f"approximate={self.approximate!r}"


class SiLU(Module):
    """x·sigmoid(x), also called swish."""

    def forward(self, x):
        """x -> like x."""
        return ops.silu(x)


class Softplus(Module):
    """log(1 + exp(beta·x)) / beta, and x itself where beta·x > threshold."""

    def __init__(self, beta=1.0, threshold=20.0):
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, x):
        """x -> like x."""
        return ops.softplus(x, self.beta, self.threshold)

    def extra_repr(self):
        """The constructor's arguments."""
        return f"beta={self.beta}, threshold={self.threshold}"


class Sigmoid(Module):
    """1 / (1 + exp(-x))."""

    def forward(self, x):
        """x -> like x, in (0, 1)."""
        return ops.sigmoid(x)


class Tanh(Module):
    """Hyperbolic tangent."""

    def forward(self, x):
        """x -> like x, in (-1, 1)."""
        return ops.tanh(x)


class Softmax(Module):
    """exp(x) scaled to sum to 1 along dim."""

    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    def forward(self, x):
        """x -> like x, in (0, 1)."""
        return ops.softmax(x, self.dim)

    def extra_repr(self):
        """The constructor's argument."""
        return f"dim={self.dim}"
