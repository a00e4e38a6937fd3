"""Padding: a border around a tensor.

Idea: padding is linear (for value 0), so its VJP is its adjoint: the border is cut off, and where
it was made of elements of the tensor, added back to them. Dimension after dimension: the corners
follow, since what is copied along one dimension has the borders of those before it.
Read next: shape.py, conv.py.
"""

from numbers import Integral, Real

from minigen.backend import array_module, zeros_like
from minigen.errors import check_value
from minigen.ops._define import composite, primitive

# ---- one value


@primitive(lambda g, widths: _pad(g, tuple((-a, -b) for a, b in widths), 0.0))
def _pad(x, widths, value):
    crop = tuple(slice(-a if a < 0 else None, b if b < 0 else None) for a, b in widths)
    x = x[crop]
    added = tuple((max(a, 0), max(b, 0)) for a, b in widths)
    shape = tuple(n + a + b for n, (a, b) in zip(x.shape, added, strict=True))
    if shape == x.shape:
        return x
    check_value("pad", x, value)
    y = zeros_like(x, shape) if value == 0 else array_module(x).full_like(x, value, shape=shape)
    y[_inside(x.shape, added)] = x
    return y


def _inside(size, widths):
    """Where a tensor of this size lies within its border."""
    return tuple(slice(a, a + n) for n, (a, _) in zip(size, widths, strict=True))


# ---- elements of the tensor


@primitive(lambda g, widths, mode: _extend_adjoint(g, widths, mode))
def _extend(x, widths, mode):
    shape = tuple(n + a + b for n, (a, b) in zip(x.shape, widths, strict=True))
    y = array_module(x).empty_like(x, shape=shape)
    y[_inside(x.shape, widths)] = x
    for border, source in _copies(x.shape, widths, mode):
        y[border] = y[source]
    return y


@primitive(lambda g, widths, mode: _extend(g, widths, mode))
def _extend_adjoint(g, widths, mode):
    """What `_extend` copied, last dimension first, added back to where it came from."""
    size = tuple(n - a - b for n, (a, b) in zip(g.shape, widths, strict=True))
    y = g.copy(order="K")
    for border, source in reversed(list(_copies(size, widths, mode))):
        dim = len(border) - 1
        y[source] += y[border].sum(dim, keepdims=True) if mode == "replicate" else y[border]
    return y[_inside(size, widths)]


def _copies(size, widths, mode):
    """Pairs (border, source) of indices of the padded tensor, in the order in which to copy."""
    for dim, (n, (a, b)) in enumerate(zip(size, widths, strict=True)):
        before, end = (slice(None),) * dim, a + n
        if mode == "reflect":  # the edge itself is not repeated
            stop = end - 2 - b
            sources = slice(2 * a, a, -1), slice(end - 2, stop if stop >= 0 else None, -1)
        elif mode == "replicate":
            sources = slice(a, a + 1), slice(end - 1, end)
        else:
            sources = slice(n, end), slice(a, a + b)
        if a:
            yield (*before, slice(0, a)), (*before, sources[0])
        if b:
            yield (*before, slice(end, end + b)), (*before, sources[1])


_MODES = {  # mode: (the widest border that a dimension of size n allows, in words)
    "reflect": (lambda n: n - 1, "below its size: the edge is not repeated"),
    "replicate": (lambda n: float("inf") if n else 0, "0 where there is no edge to repeat"),
    "circular": (lambda n: n, "at most its size: it goes round once"),
}


@composite
def pad(x, pad, mode="constant", value=None):
    """x with a border of widths (left, right, top, bottom, ...), counted from the last dimension.

    mode: "constant", `value` (None: 0) everywhere, where negative widths crop; or elements of x, in
    up to three dimensions:
        "reflect"    c b | a b c | b a      "replicate"  a a | a b c | c c
        "circular"   b c | a b c | a b
    ValueError for another mode, an odd count, too many or too large widths.
    """
    if mode != "constant" and mode not in _MODES:
        raise ValueError(
            f'pad: mode {mode!r} does not exist; there are "constant", "reflect", "replicate" and '
            '"circular"'
        )
    if not isinstance(pad, (tuple, list)):
        raise TypeError(f"pad: the widths are a tuple, (left, right, ...), not {pad!r}")
    if len(pad) % 2 or len(pad) > 2 * x.ndim:
        raise ValueError(f"pad: {len(pad)} widths for {x.ndim} dimensions; give two per dimension")
    widths = [(0, 0)] * (x.ndim - len(pad) // 2)
    if not all(isinstance(n, Integral) for n in pad):
        raise TypeError(f"pad: the widths must be whole numbers, not {tuple(pad)}")
    if value is not None and not isinstance(value, Real):
        raise TypeError(f"pad: value must be a number or None, not {type(value).__name__}")
    widths += [(int(a), int(b)) for a, b in zip(pad[-2::-2], pad[::-2], strict=True)]
    if mode != "constant":
        _check_border(x.shape, tuple(pad), widths, mode, value)
        return _extend(x, tuple(widths), mode)
    for size, (a, b) in zip(x.shape, widths, strict=True):
        if size + a + b < 0 or -a > size or -b > size:
            raise ValueError(f"pad: widths {tuple(pad)} crop more than {tuple(x.shape)} has")
    return _pad(x, tuple(widths), 0.0 if value is None else value)


def _check_border(shape, pad, widths, mode, value):
    """The limits of a border made of elements."""
    if len(pad) > 6:
        raise ValueError(f'pad: mode "{mode}" pads three dimensions at most, got {len(pad)} widths')
    if value:
        raise ValueError(f'pad: mode "{mode}" takes no value, got {value}')
    widest, rule = _MODES[mode]
    for dim, (size, both) in enumerate(zip(shape, widths, strict=True)):
        if min(both) < 0:
            raise ValueError(
                f'pad: mode "{mode}" takes widths >= 0, not {pad}; crop with x[...] or mode '
                '"constant"'
            )
        if max(both) > max(widest(size), 0):
            raise ValueError(
                f'pad: mode "{mode}" with widths {both} in dim {dim} of {tuple(shape)}: a width '
                f"must be {rule}"
            )
