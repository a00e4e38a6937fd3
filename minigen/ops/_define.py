"""How the ops of this package are defined: as minigen.op says, with polymorphic VJPs.

Idea: VJPs here use operators and functions of minigen.ops only, which take arrays as well as
tensors. A plain backward calls them with arrays, create_graph=True with tensors.
"""

import functools
from typing import Any

from minigen import op

composite = op.composite
fused = op.fused
primitive: Any = functools.partial(op.primitive, polymorphic=True)
