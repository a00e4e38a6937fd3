"""Tensors from nothing: numbers, ranges, grids.

Idea: every function here takes dtype, device and requires_grad by keyword and ends in `_made`.
Read next: random.py (tensors from a generator).
"""

import numpy

from minigen import backend
from minigen.tensor import Tensor, wrap

FLOAT = numpy.dtype("float32")  # what new tensors of Python floats are


def _made(make, dtype, device, requires_grad):
    """The tensor around make(xp), built on its device."""
    with backend.on(device):
        array = make(backend.module_on(device))
        if dtype is not None and array.dtype != dtype:
            array = array.astype(dtype)
    return Tensor(array, requires_grad)


def tensor(data, dtype=None, device="cpu", requires_grad=False):
    """A new tensor with a copy of data: number, nested list, array or Tensor.

    Python floats become float32, integers int64; arrays keep their dtype. TypeError for what is not
    numbers.
    """
    if isinstance(data, Tensor):
        data = data._data
    if isinstance(data, (list, tuple)) and any(isinstance(item, Tensor) for item in data):
        data = [item._data.tolist() if isinstance(item, Tensor) else item for item in data]
    if not backend.is_array(data):
        typed = isinstance(data, numpy.generic)
        try:
            data = numpy.asarray(data)
        except ValueError as error:
            raise ValueError(f"tensor: the nested lists do not form a box ({error})") from error
        if data.dtype.kind not in "biufc":
            raise TypeError(f"tensor: {data.dtype} elements are not numbers")
        if data.dtype == numpy.float64 and not typed:
            dtype = dtype or FLOAT
    if data.dtype.kind == "c":
        raise TypeError(
            "tensor: complex is not supported; keep real and imaginary part in two tensors"
        )
    array = backend.to_device(data, device).astype(dtype or data.dtype, copy=True)
    return Tensor(array, requires_grad)


def from_numpy(array):
    """A tensor that shares the NumPy array's memory."""
    if not isinstance(array, numpy.ndarray):
        raise TypeError(f"from_numpy: expected a NumPy array, got {type(array).__name__}")
    return wrap(array)


def _sizes(shape):
    """shape from zeros(2, 3), zeros((2, 3)) or zeros(2)."""
    return tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape


def zeros(*shape, dtype=FLOAT, device="cpu", requires_grad=False):
    """Zeros of a shape, given as numbers or as one tuple."""
    return _made(lambda xp: xp.zeros(_sizes(shape), dtype), None, device, requires_grad)


def ones(*shape, dtype=FLOAT, device="cpu", requires_grad=False):
    """Ones of a shape, given as numbers or as one tuple."""
    return _made(lambda xp: xp.ones(_sizes(shape), dtype), None, device, requires_grad)


def full(shape, value, dtype=None, device="cpu", requires_grad=False):
    """A shape filled with a number; its dtype follows the number (float32, int64 or bool)."""
    dtype = dtype or (FLOAT if isinstance(value, float) else numpy.asarray(value).dtype)
    return _made(lambda xp: xp.full(shape, value, dtype), None, device, requires_grad)


def zeros_like(x, dtype=None, requires_grad=False):
    """Zeros with the shape, dtype and device of x."""
    return Tensor(backend.array_module(x._data).zeros_like(x._data, dtype=dtype), requires_grad)


def ones_like(x, dtype=None, requires_grad=False):
    """Ones with the shape, dtype and device of x."""
    return Tensor(backend.array_module(x._data).ones_like(x._data, dtype=dtype), requires_grad)


def full_like(x, value, dtype=None, requires_grad=False):
    """A number in the shape, dtype and device of x."""
    xp = backend.array_module(x._data)
    return Tensor(xp.full_like(x._data, value, dtype=dtype), requires_grad)


def empty_like(x, dtype=None, requires_grad=False):
    """Memory with the shape, dtype and device of x, its values arbitrary."""
    return Tensor(backend.array_module(x._data).empty_like(x._data, dtype=dtype), requires_grad)


def arange(start, end=None, step=1, dtype=None, device="cpu", requires_grad=False):
    """start, start + step, ... below end; arange(n) counts from 0. Floats give float32."""
    if step == 0:
        raise ValueError("arange: step must not be 0")
    start, end = (0, start) if end is None else (start, end)
    if dtype is None and any(isinstance(v, float) for v in (start, end, step)):
        dtype = FLOAT
    return _made(lambda xp: xp.arange(start, end, step), dtype, device, requires_grad)


def linspace(start, end, steps, dtype=FLOAT, device="cpu", requires_grad=False):
    """steps numbers at equal distances from start to end, both included."""
    return _made(lambda xp: xp.linspace(start, end, steps), dtype, device, requires_grad)


def eye(n, m=None, dtype=FLOAT, device="cpu", requires_grad=False):
    """The n × m (n × n) matrix with ones on its diagonal."""
    return _made(lambda xp: xp.eye(n, m), dtype, device, requires_grad)


def meshgrid(*tensors, indexing="ij"):
    """One grid per 1-d tensor: grid i varies along dimension i ("xy": the first two exchanged)."""
    if indexing not in ("ij", "xy"):
        raise ValueError(f'meshgrid: indexing must be "ij" or "xy", not {indexing!r}')
    for t in tensors:
        if not isinstance(t, Tensor):
            raise TypeError(
                f"meshgrid: {type(t).__name__} is not a tensor; give them one by one, "
                "meshgrid(a, b)"
            )
    order = list(range(len(tensors)))
    if indexing == "xy":
        order[:2] = order[:2][::-1]
    shape = tuple(tensors[i].shape[0] for i in order)
    grids = []
    for i, t in enumerate(tensors):
        sizes = [1] * len(shape)
        sizes[order.index(i)] = -1
        grids.append(t.reshape(sizes).expand(shape))
    return tuple(grids)
