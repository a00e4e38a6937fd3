"""Padding: a border around a tensor.

Idea: padding is linear (for value 0), so its VJP is its adjoint.
Read next: shape.py, conv.py.
"""

import builtins

from minigen.backend import array_module
from minigen.ops._define import composite, primitive


@primitive(lambda g, widths: _pad(g, tuple((-a, -b) for a, b in widths), 0.0))
def _pad(x, widths, value):
    crop = tuple(slice(-a if a < 0 else None, b if b < 0 else None) for a, b in widths)
    xp, added = array_module(x), [(builtins.max(a, 0), builtins.max(b, 0)) for a, b in widths]
    return xp.pad(x[crop], added, constant_values=value)


@composite
def pad(x, pad, mode="constant", value=0.0):
    """x with `value` around it: (left, right, top, bottom, ...), counted from the last dimension.

    Negative widths crop. ValueError for another mode, an odd count, or too many widths.
    """
    if mode != "constant":
        raise ValueError(f'pad: mode {mode!r} does not exist; there is "constant"')
    if not isinstance(pad, (tuple, list)):
        raise TypeError(f"pad: the widths are a tuple, (left, right, ...), not {pad!r}")
    if len(pad) % 2 or len(pad) > 2 * x.ndim:
        raise ValueError(f"pad: {len(pad)} widths for {x.ndim} dimensions; give two per dimension")
    widths = [(0, 0)] * (x.ndim - len(pad) // 2)
    widths += [(int(a), int(b)) for a, b in zip(pad[-2::-2], pad[::-2], strict=True)]
    for size, (a, b) in zip(x.shape, widths, strict=True):
        if size + a + b < 0 or -a > size or -b > size:
            raise ValueError(f"pad: widths {tuple(pad)} crop more than {tuple(x.shape)} has")
    return _pad(x, tuple(widths), value)
