"""How the ops of this package are defined: as minigen.op says, with polymorphic VJPs.

Idea: VJPs here use operators and functions of minigen.ops only, which take arrays as well as
tensors. A plain backward calls them with arrays, create_graph=True with tensors.
"""

import functools
from typing import Any

import numpy

from minigen import op

composite = op.composite
fused = op.fused
primitive: Any = functools.partial(op.primitive, polymorphic=True)


def float_dtypes(*arrays):
    """The dtype of a result of these arrays, and of its computation: float32 at the least."""
    floats = [a.dtype for a in arrays if a is not None and a.dtype.kind in "fV"]
    dtype = numpy.result_type(*floats) if floats else numpy.dtype("float32")
    return dtype, numpy.result_type(dtype, "float32")
