"""Is a gradient right? Finite differences that know their own error.

`numeric.py` compares claimed gradients with differences of the function, on plain arrays; it knows
nothing of tensors. Read it next.
"""

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
    "Entry",
    "Result",
    "Slope",
    "UndecidedGradient",
    "assert_gradients",
    "check",
    "derivative",
    "upstream_like",
]
