"""Dropout: a network that cannot rely on any single number.

Read next: ../ops/sampling.py.
"""

from numbers import Real

from minigen import ops
from minigen.nn.module import Module


class Dropout(Module):
    """In training, zeroes each number with probability p and scales the others by 1 / (1 - p).

    rng: the generator of its draws, None for the default one. In use it returns its input.
    Source: Srivastava et al., Dropout, JMLR 2014.
    """

    def __init__(self, p=0.5, *, rng=None):
        super().__init__()
        check_probability(self, "p", p)
        self.p = p
        self.rng = rng

    def forward(self, x):
        """x -> like x."""
        return ops.dropout(x, self.p, self.training, rng=self.rng)

    def extra_repr(self):
        """The probability."""
        return f"p={self.p}"


class Dropout2d(Dropout):
    """In training, zeroes each channel of each sample with probability p, and scales the others.

    rng as in Dropout. Source: Tompson et al., Efficient Object Localization, CVPR 2015.
    """

    def forward(self, x):
        """x (N, C, ...) -> like x."""
        return ops.dropout2d(x, self.p, self.training, rng=self.rng)


class DropPath(Dropout):
    """In training, zeroes all of a sample with probability p, and scales the others (stochastic
    depth): on the branch of a residual block, x + drop(f(x)), it leaves the block out.

    rng as in Dropout. Source: Huang et al., Deep Networks with Stochastic Depth, ECCV 2016.
    """

    def __init__(self, p=0.0, *, rng=None):
        super().__init__(p, rng=rng)

    def forward(self, x):
        """x (N, ...) -> like x."""
        if not self.training or self.p == 0:
            return x
        samples = ops.ones((*x.shape[:1], *[1] * (x.ndim - 1)), dtype=x.dtype, device=x.device)
        return x * ops.dropout(samples, self.p, rng=self.rng)


def check_probability(layer, name, p):
    """ValueError unless p is a number in [0, 1]."""
    if not isinstance(p, Real) or not 0 <= p <= 1:
        raise ValueError(f"{type(layer).__name__}: {name} is a probability, in [0, 1], not {p!r}")
