"""Shape ops: the same elements in another arrangement.

Idea: every op here is linear, and its VJP is its adjoint: reshape back, permute back, the slice
that was padded, the sum of what was copied.
Read next: index.py (reading and writing at positions), diagonal.py (triangles and diagonals),
conv.py (a bigger algebra of the same kind).
"""

import builtins
import math
from collections.abc import Iterable
from numbers import Integral

import numpy

from minigen import backend, errors
from minigen.backend import array_module
from minigen.errors import check_dim
from minigen.ops._define import composite, primitive
from minigen.ops.index import _index

# ---- reshaping


@primitive(lambda g, x_shape: _reshape(g, x_shape))
def _reshape(x, shape):
    try:
        y = x.reshape(shape)
    except (ValueError, TypeError) as error:
        raise _misfit(x, shape) from error
    if y.shape != shape and builtins.min(shape, default=0) < -1:  # which NumPy takes for -1
        raise _misfit(x, shape)
    return y


def _misfit(x, shape):
    """Why x does not take a shape."""
    if not all(isinstance(s, Integral) for s in shape):
        return TypeError(f"reshape: the sizes must be whole numbers, not {shape}")
    if shape.count(-1) > 1 or builtins.min(shape, default=0) < -1:
        return ValueError(
            f"reshape: one size of {shape} may be -1 (what is left), the others must be >= 0"
        )
    many = "a multiple of " if -1 in shape else ""
    known = math.prod(s for s in shape if s != -1)
    return ValueError(f"reshape: {x.shape} has {x.size} elements, {shape} asks for {many}{known}")


def _sizes(sizes):
    """What was passed for *sizes, one argument, as a tuple: a sequence, or a number of NumPy."""
    try:
        return tuple(sizes)
    except TypeError:
        return (sizes,)


def reshape(x, *shape, **other):
    """The elements in row-major order in another shape; one size may be -1. A view if it can be.

    shape: numbers, or one tuple. ValueError if the sizes do not multiply to the number of elements.
    """
    if other:  # the work of @composite, which would cost a tenth of the time
        raise TypeError(errors.unknown_argument("reshape", next(iter(other)), ("x", "shape")))
    if len(shape) == 1 and not isinstance(shape[0], int):
        shape = _sizes(shape[0])
    return _reshape(x, shape)


view = reshape


@composite
def flatten(x, start_dim=0, end_dim=-1):
    """Dimensions start_dim to end_dim made one.   (N, C, H, W) -> (N, C·H·W) for start_dim=1"""
    first, last = (check_dim("flatten", d, x.ndim) for d in (start_dim, end_dim))
    if first > last:
        raise ValueError(f"flatten: start_dim {start_dim} lies after end_dim {end_dim}")
    shape = tuple(x.shape)
    return _reshape(x, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


@composite
def unflatten(x, dim, sizes):
    """Dimension dim split into several; one of the sizes may be -1."""
    dim, shape = check_dim("unflatten", dim, x.ndim), tuple(x.shape)
    if not isinstance(sizes, (tuple, list)):
        raise TypeError(f"unflatten: sizes must be a tuple, not {sizes!r}")
    size, sizes = shape[dim] if shape else 1, tuple(sizes)
    left = size // (math.prod(s for s in sizes if s != -1) or 1)
    whole = tuple(left if s == -1 else s for s in sizes)
    if sizes.count(-1) > 1 or math.prod(whole) != size or builtins.min(whole, default=0) < 0:
        raise ValueError(
            f"unflatten: {sizes} must multiply to {size}, dim {dim} of {shape}; one may be -1"
        )
    return _reshape(x, (*shape[:dim], *whole, *shape[dim + 1 :]))


@composite
def squeeze(x, dim=None):
    """Without the dimensions of size 1; with dim, a number or a tuple, only those of size 1."""
    if dim is None:
        dims = range(x.ndim)
    else:
        several = dim if isinstance(dim, (tuple, list)) else (dim,)
        dims = [check_dim("squeeze", d, x.ndim) for d in several]
    return _reshape(x, tuple(s for i, s in enumerate(x.shape) if s != 1 or i not in dims))


@composite
def unsqueeze(x, dim):
    """A new dimension of size 1 before position dim."""
    dim = check_dim("unsqueeze", dim, x.ndim + 1, "a result")
    return _reshape(x, (*x.shape[:dim], 1, *x.shape[dim:]))


def _repeated_to(function, x, shape):
    try:
        return backend.spread(x, shape)
    except ValueError as error:
        raise ValueError(
            f"{function}: {x.shape} does not expand to {shape}: only dimensions of size 1, and "
            "new ones in front, are repeated"
        ) from error


@primitive(lambda g: g)
def broadcast_to(x, shape):
    """x repeated to a shape, as a read-only view.   The gradient is summed back by the engine."""
    return _repeated_to("broadcast_to", x, shape)


@primitive(lambda g: g)
def _expand(x, shape):
    return _repeated_to("expand", x, shape)


@composite
def expand(x, *shape):
    """x repeated to a shape, as a view; -1 keeps a dimension's size."""
    if len(shape) == 1 and not isinstance(shape[0], int):
        shape = _sizes(shape[0])
    if -1 in shape:
        lead = len(shape) - x.ndim
        if lead < 0 or -1 in shape[:lead]:
            raise ValueError(f"expand: {tuple(x.shape)} does not expand to {tuple(shape)}")
        shape = tuple(x.shape[i - lead] if s == -1 else s for i, s in enumerate(shape))
    return _expand(x, shape)


# ---- reordering


@primitive(lambda g, dims: _permute(g, tuple(numpy.argsort(dims).tolist())))
def _permute(x, dims):
    return x.transpose(dims)


@composite
def permute(x, *dims):
    """The dimensions in another order: result dimension i is dimension dims[i] of x. A view."""
    dims = dims[0] if len(dims) == 1 and isinstance(dims[0], (tuple, list)) else dims
    order = tuple(check_dim("permute", d, x.ndim) for d in dims)
    if sorted(order) != list(range(x.ndim)):
        raise ValueError(
            f"permute: dims {tuple(dims)} must name each of the {x.ndim} dimensions of "
            f"{tuple(x.shape)} once"
        )
    return _permute(x, order)


@composite
def transpose(x, dim0, dim1):
    """Two dimensions exchanged. A view."""
    order = list(range(x.ndim))
    i, j = check_dim("transpose", dim0, x.ndim), check_dim("transpose", dim1, x.ndim)
    if order:
        order[i], order[j] = order[j], order[i]
    return _permute(x, tuple(order))


@composite
def movedim(x, source, destination):
    """Dimensions source, a number or a tuple, moved to the places destination. A view.

    The others keep their order.   movedim(x, 1, -1): (N, C, H, W) -> (N, H, W, C)
    """
    both = [d if isinstance(d, (tuple, list)) else (d,) for d in (source, destination)]
    start, end = ([check_dim("movedim", d, x.ndim) for d in dims] for dims in both)
    if len(start) != len(end) or len(set(start)) != len(start) or len(set(end)) != len(end):
        raise ValueError(
            f"movedim: source {source} and destination {destination} must be as many dimensions of "
            f"{tuple(x.shape)}, each named once"
        )
    order = [d for d in range(x.ndim) if d not in start]
    for to, d in sorted(zip(end, start, strict=True)):
        order.insert(to, d)
    return _permute(x, tuple(order[: x.ndim]))


@primitive(lambda g, dims: _flip(g, dims))
def _flip(x, dims):
    return array_module(x).flip(x, dims)


@composite
def flip(x, dims):
    """The order reversed along dims, a number or a tuple."""
    dims = dims if isinstance(dims, (tuple, list)) else (dims,)
    return _flip(x, tuple(check_dim("flip", d, x.ndim) for d in dims))


@primitive(lambda g, shifts, dims: _roll(g, tuple(-s for s in shifts), dims))
def _roll(x, shifts, dims):
    return array_module(x).roll(x, shifts, dims)


@composite
def roll(x, shifts, dims=None):
    """Elements moved on by shifts along dims; what leaves at the end comes back at the start.

    shifts, dims: numbers, or tuples of one length. Without dims the flattened elements move.
    """
    shifts = tuple(shifts) if isinstance(shifts, (tuple, list)) else (shifts,)
    if not all(isinstance(s, Integral) for s in shifts):
        raise TypeError(f"roll: shifts must be whole numbers, not {shifts}")
    flat = dims is None
    dims = tuple(dims) if isinstance(dims, (tuple, list)) else (0 if flat else dims,)
    if len(shifts) != len(dims) or not shifts:
        raise ValueError(
            f"roll: {len(shifts)} shifts for {len(dims)} dims; give each dim a shift of its own"
            if not flat
            else f"roll: without dims the flattened tensor takes one shift, not {shifts}"
        )
    if flat:
        return _reshape(_roll(_reshape(x, (-1,)), shifts, dims), tuple(x.shape))
    return _roll(x, shifts, tuple(check_dim("roll", d, x.ndim) for d in dims))


# ---- repeating


@composite
def tile(x, *dims):
    """x laid side by side, dims[i] times along dimension i.   (2, 3), tile(2, 2) -> (4, 6)

    dims: numbers, or one tuple; fewer of them than dimensions repeat the last ones, more of them
    make new dimensions in front.
    """
    dims = tuple(dims[0]) if len(dims) == 1 and isinstance(dims[0], (tuple, list)) else dims
    if not all(isinstance(d, Integral) and d >= 0 for d in dims):
        raise ValueError(f"tile: dims {dims} must be whole numbers >= 0, one for each dimension")
    shape = (1,) * (len(dims) - x.ndim) + tuple(x.shape)
    dims = (1,) * (len(shape) - len(dims)) + dims
    apart = _reshape(x, tuple(n for size in shape for n in (1, size)))
    apart = broadcast_to(apart, tuple(n for both in zip(dims, shape, strict=True) for n in both))
    return _reshape(apart, tuple(d * size for d, size in zip(dims, shape, strict=True)))


@composite
def repeat_interleave(x, repeats, dim=None):
    """Each element repeated in place along dim.   [a, b], repeats 2 -> [a, a, b, b]

    repeats: a number, or a tensor of one number for each element along dim. Without dim the
    flattened elements are repeated.
    """
    if dim is None:
        x, dim = _reshape(x, (math.prod(x.shape),)), 0
    dim = check_dim("repeat_interleave", dim, x.ndim)
    x = x if x.ndim else _reshape(x, (1,))
    before, size, after = tuple(x.shape[:dim]), x.shape[dim], tuple(x.shape[dim + 1 :])
    if hasattr(repeats, "shape"):
        return _index(x, (slice(None),) * dim + (_repeated(x, repeats, size, dim),))
    if not isinstance(repeats, Integral) or repeats < 0:
        raise ValueError(
            f"repeat_interleave: repeats must be a whole number >= 0 or a tensor of them, not "
            f"{repeats!r}"
        )
    apart = broadcast_to(_reshape(x, (*before, size, 1, *after)), (*before, size, repeats, *after))
    return _reshape(apart, (*before, size * repeats, *after))


def _repeated(x, repeats, size, dim):
    """The positions 0 to size - 1, each as often as repeats says, where x lives."""
    if repeats.dtype.kind not in "iu":
        raise TypeError(f"repeat_interleave: repeats must be integers, not {repeats.dtype}")
    counts = backend.to_numpy(getattr(repeats, "_data", repeats))
    if counts.shape not in ((), (1,), (size,)):
        raise ValueError(
            f"repeat_interleave: repeats {counts.shape} must hold one number, or one for each of "
            f"the {size} in dim {dim} of {tuple(x.shape)}"
        )
    if (counts < 0).any():
        raise ValueError(f"repeat_interleave: repeats must be >= 0, not {counts.min()}")
    positions = numpy.repeat(numpy.arange(size), counts)
    return backend.to_device(positions, backend.device_of(getattr(x, "_data", x)))


# ---- joining and splitting


def _cat_vjp(g, tensors_shape, dim):
    start, parts = 0, []
    for shape in tensors_shape:
        parts.append(_index(g, (slice(None),) * dim + (slice(start, start + shape[dim]),)))
        start += shape[dim]
    return parts


@primitive(_cat_vjp)
def _cat(dim, *tensors):
    return array_module(*tensors).concatenate(tensors, dim)


def _parts(function, tensors):
    """The tensors to join and their shapes. TypeError for what is no list of tensors."""
    if hasattr(tensors, "shape"):
        raise TypeError(f"{function}: give the tensors in one list, {function}([a, b])")
    if type(tensors) not in (tuple, list) and not isinstance(tensors, Iterable):
        raise TypeError(f"{function}: give a list of tensors, not {tensors!r}")
    tensors = tuple(tensors)
    try:
        return tensors, [tuple(t.shape) for t in tensors]
    except AttributeError as error:
        strange = next(t for t in tensors if not hasattr(t, "shape"))
        raise TypeError(
            f"{function}: {type(strange).__name__} {strange!r} is not a tensor"
        ) from error


@composite
def cat(tensors, dim=0):
    """Tensors joined along an existing dim; all other sizes must agree. ValueError else."""
    tensors, shapes = _parts("cat", tensors)
    if not tensors:
        raise ValueError("cat: no tensors to join")
    dim = check_dim("cat", dim, len(shapes[0]))
    first = shapes[0]
    for shape in shapes[1:]:
        if shape[:dim] != first[:dim] or shape[dim + 1 :] != first[dim + 1 :]:
            raise ValueError(f"cat: {first} and {shape} differ outside of dim {dim}")
    return _cat(dim, *tensors)


def _stack_vjp(g, tensors_shape, dim):
    return [_index(g, (slice(None),) * dim + (i,)) for i in range(len(tensors_shape))]


@primitive(_stack_vjp)
def _stack(dim, *tensors):
    new = (slice(None),) * dim + (None,)
    return array_module(*tensors).concatenate([x[new] for x in tensors], dim)


@composite
def stack(tensors, dim=0):
    """Tensors of one shape joined along a new dim."""
    tensors, shapes = _parts("stack", tensors)
    if len(set(shapes)) != 1:
        got = sorted(set(shapes)) or "nothing"
        raise ValueError(f"stack: all shapes must be the same, got {got}")
    return _stack(check_dim("stack", dim, len(shapes[0]) + 1, "a result"), *tensors)


def _cut(x, dim, sizes):
    """x cut along dim; sizes: how large each part is, or a number for all but the last."""
    total = x.shape[dim]
    if isinstance(sizes, Integral):
        sizes = [builtins.min(sizes, total - i) for i in range(0, total, sizes)] or [0]
    if builtins.sum(sizes) != total:
        raise ValueError(f"split: sizes {list(sizes)} do not add up to {total} in dim {dim}")
    parts, start = [], 0
    for size in sizes:
        parts.append(_index(x, (slice(None),) * dim + (slice(start, start + size),)))
        start += size
    return tuple(parts)


def _dim_to_cut(function, x, dim):
    if not x.ndim:
        raise IndexError(f"{function}: a tensor of 0 dimensions has no parts")
    return check_dim(function, dim, x.ndim)


@composite
def split(x, split_size, dim=0):
    """Parts along dim: of split_size each (the last may be smaller), or of the sizes in a list."""
    dim = _dim_to_cut("split", x, dim)
    if isinstance(split_size, Integral):
        if split_size < 1:
            raise ValueError(f"split: split_size must be at least 1, not {split_size}")
    elif not isinstance(split_size, (tuple, list)) or not all(
        isinstance(size, Integral) and size >= 0 for size in split_size
    ):
        raise TypeError(
            f"split: split_size must be a whole number, or a list of them >= 0, not {split_size!r}"
        )
    return _cut(x, dim, split_size)


@composite
def chunk(x, chunks, dim=0):
    """At most `chunks` parts of equal size along dim (the last may be smaller)."""
    dim = _dim_to_cut("chunk", x, dim)
    if not isinstance(chunks, Integral):
        raise TypeError(f"chunk: chunks must be a whole number, not {chunks!r}")
    if chunks < 1:
        raise ValueError(f"chunk: chunks must be at least 1, not {chunks}")
    return _cut(x, dim, builtins.max(1, -(-x.shape[dim] // chunks)))


@composite
def unbind(x, dim=0):
    """The slices along dim, without it, as a tuple.   (T, B, D) -> T tensors (B, D)"""
    if not x.ndim:
        raise IndexError("unbind: a tensor of 0 dimensions has no slices")
    before = (slice(None),) * check_dim("unbind", dim, x.ndim)
    return tuple(_index(x, (*before, i)) for i in range(x.shape[len(before)]))


# ---- where it lives


@primitive(lambda g, home: _to_device(g, home, g.device))
def _to_device(x, device, home):
    return backend.to_device(x, device)


@composite
def to_device(x, device):
    """x copied to a device; its gradient comes back."""
    return _to_device(x, device, x.device)
