"""Is a gradient right, and if not, where? Finite differences that know their own error.

    gradcheck(forward, backward, inputs=...)    a Report; `minigen gradcheck FILE` does files
    pair(...)                                   marks a forward for the command
    check, assert_gradients, derivative ...     the numeric core, on plain arrays

Read next: numeric.py, the core; checker.py, what is asked of homework, in order.
"""

from minigen.gradcheck.api import gradcheck, pair
from minigen.gradcheck.argument import Entry, Result
from minigen.gradcheck.numeric import (
    UndecidedGradient,
    assert_gradients,
    check,
    derivative,
    upstream_like,
)
from minigen.gradcheck.slopes import Slope

__all__ = [
    "gradcheck",
    "pair",
    "Entry",
    "Result",
    "Slope",
    "UndecidedGradient",
    "assert_gradients",
    "check",
    "derivative",
    "upstream_like",
]
