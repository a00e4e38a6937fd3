"""Arrays and devices.

Idea: an array says where it lives, so nobody else has to. Code above this floor asks
`array_module(x)` for the module that made x and calls `xp.exp(x)`, whatever xp is. What NumPy and
CuPy do differently stands here, once, under one name.

CuPy computes, and makes arrays, on the thread's current GPU, wherever its arguments live. Here the
current GPU follows the arrays: `array_module` and `follow` change it.
Read next: numpy.py (threads on the CPU), cupy.py (the only file that imports CuPy).
"""

import contextlib
import functools
import math
import re
import sys

import numpy as np  # not "numpy": the submodule numpy.py takes that name here

from minigen.backend import bounds

ndarray = np.ndarray


@functools.cache
def _gpu():
    """The CuPy side, imported on first need only."""
    from minigen.backend import cupy

    return cupy


def is_array(x):
    """Whether x is an array of one of our array modules (a NumPy scalar is not)."""
    return isinstance(x, ndarray) or _is_cupy(x)


def _is_cupy(x):
    # CuPy arrays can only exist once somebody imported CuPy: no import just to say no
    cupy = sys.modules.get("cupy")
    return cupy is not None and isinstance(x, cupy.ndarray)


def array_module(*arrays):
    """numpy or cupy: the module of the first CuPy array among the arguments, else NumPy.

    That array's GPU is then the current one.
    """
    for x in arrays:
        if type(x) is not ndarray and _is_cupy(x):
            if _gpu().several():
                x.device.use()
            return sys.modules["cupy"]
    return np


def follow(*arrays):
    """Make the GPU of these arrays the current one; nothing for arrays of the CPU.

    Values that are no arrays do not count. ValueError for arrays of several GPUs, which CuPy would
    compute with, slowly, and put the result on any of them.
    """
    if sys.modules.get("cupy") is None or not _gpu().several():
        return
    gpus = {x.device.id: x.device for x in arrays if _is_cupy(x)}
    if len(gpus) > 1:
        raise ValueError("arrays of several GPUs")
    for gpu in gpus.values():
        gpu.use()


def as_array(value):
    """value as an array where it lives; NumPy scalars (results of full reductions) become 0-d."""
    return value if _is_cupy(value) else np.asarray(value)


def parse_device(device):
    """ "cpu", "gpu" or "gpu:1" -> None for the CPU, else the GPU's number. ValueError on others."""
    if device == "cpu":
        return None
    found = re.fullmatch(r"gpu(?::(\d+))?", device) if isinstance(device, str) else None
    if not found:
        raise ValueError(f'device {device!r} is not known: use "cpu", "gpu" or "gpu:1"')
    return int(found[1] or 0)


def device_of(x):
    """ "cpu", "gpu" or "gpu:1": where the array lives."""
    if not _is_cupy(x):
        return "cpu"
    return f"gpu:{x.device.id}" if x.device.id else "gpu"


def to_device(x, device):
    """The array on the device; itself if it is there. RuntimeError if the GPU is missing."""
    number = parse_device(device)
    if number is None:
        return to_numpy(x)
    return _gpu().to_gpu(x, number)


def to_numpy(x):
    """The array in the CPU's memory: itself, or a copy of a GPU's.

    IndexError if an index on a GPU was out of range before: see bounds.py.
    """
    if not _is_cupy(x):
        return np.asarray(x)
    bounds.look()
    return x.get()


def watch_index(index, low, high, words):
    """IndexError unless all of an index is in [low, high): now, or late, see bounds.py.

    What a graph records has no numbers yet; the same step ran before, and was looked at.
    """
    follow(index)
    if _is_cupy(index) and is_capturing():
        return
    bounds.watch(index, low, high, words)


def watch_key(function, key, x):
    """The same for the integer arrays of a key of x[key], where nobody else looks: on a GPU."""
    if not _is_cupy(x):
        return
    for dim, index in bounds.indexed(key, x.ndim):
        size = x.shape[dim]
        watch_index(index, -size, size, functools.partial(bounds.words, function, dim, size))


def out_of_memory(function, error):
    """The MemoryError to raise for NumPy's or CuPy's in a function; itself if it was told already.

    A GPU's names the arrays that it holds.
    """
    if type(error) is MemoryError:
        return error
    told = _gpu().out_of_memory(function, error) if "cupy" in sys.modules else None
    return told or MemoryError(f"{function}: {error}")


def module_on(device):
    """The array module that makes arrays on the device; use inside `with on(device)`."""
    return np if parse_device(device) is None else _gpu().module()


def on(device):
    """Context: new arrays of `module_on(device)` are made on that device."""
    number = parse_device(device)
    return contextlib.nullcontext() if number is None else _gpu().on(number)


def gpu_properties(device):
    """{"name": ..., "float32" and "float64": operations per second at its clock} of a GPU."""
    return _gpu().properties(parse_device(device) or 0)


def is_capturing():
    """Whether the current GPU's stream records a graph: then CuPy refuses cuBLAS and its like."""
    return _gpu().is_capturing()


def synchronize():
    """Wait until the current GPU has done all that it was asked for."""
    _gpu().module().cuda.Device().synchronize()


def spread(x, shape):
    """x broadcast to a shape: a read-only view, or a copy where that is faster (few elements)."""
    if type(x) is ndarray and math.prod(shape) <= 1024:
        out = np.empty(shape, x.dtype)
        out[...] = x
        return out
    return array_module(x).broadcast_to(x, shape)


def is_repeated(x):
    """Whether elements share memory, as broadcasting leaves them, or may not be written at all."""
    if _is_cupy(x):
        return any(n > 1 and not step for n, step in zip(x.shape, x.strides, strict=True))
    return not x.flags.writeable


def scatter_add(target, index, values):
    """target[index] += values, in place, where an index that repeats adds every time."""
    if _is_cupy(target):
        _gpu().scatter_add(target, index, values)
    else:
        np.add.at(target, index, values)


def power(a, b):
    """a to the power b."""
    return _gpu().power(a, b) if _is_cupy(a) else a**b


def clip(x, low, high):
    """x limited to [low, high]; either may be None. high wins over low."""
    return _gpu().clip(x, low, high) if _is_cupy(x) else np.clip(x, low, high)


def erf(x):
    """The error function, elementwise."""
    if _is_cupy(x):
        return _gpu().erf(x)
    from scipy import special

    return _no_wider(special.erf(x), x)


def _no_wider(y, x):
    """y in the dtype of floats x: SciPy has no float16."""
    return y.astype(x.dtype, copy=False) if x.dtype.kind == "f" else y


def zeros_like(x, shape):
    """Zeros of a shape, in memory in the order that x has: channels-last stays channels-last."""
    xp = array_module(x)
    if x.flags.c_contiguous:
        return xp.zeros(shape, x.dtype)  # memory that comes as zeros is not written twice
    return xp.zeros_like(x, shape=shape)


class Part:
    """An array that is zero but for values at a basic key: what reading there has as gradient.

    Adding it to another array touches the part alone.
    """

    __slots__ = ("dtype", "key", "shape", "values")

    def __init__(self, values, key, shape):
        self.values, self.key, self.shape, self.dtype = values, key, shape, values.dtype

    def whole(self):
        """It as an array."""
        out = zeros_like(self.values, self.shape)
        out[self.key] = self.values
        return out

    def added_to(self, out):
        """out + it, in the memory of out."""
        out[self.key] += self.values
        return out


def linalg_raises(x):
    """Context: LinAlgError where NumPy raises it; CuPy looks at what failed only if asked."""
    return _gpu().linalg_raises() if _is_cupy(x) else contextlib.nullcontext()


def fft_module(x):
    """The module with rfft and irfft for x: SciPy's (vectors of float32) or CuPy's."""
    if _is_cupy(x):
        return sys.modules["cupy"].fft
    from scipy import fft

    return fft


def erfc(x):
    """1 - erf(x), elementwise, with all its digits where erf is near 1."""
    if _is_cupy(x):
        return _gpu().erfc(x)
    from scipy import special

    return _no_wider(special.erfc(x), x)


def quiet():
    """Context: division by zero and overflow make inf and nan in silence (CuPy never warns).

    Every backward runs in it.
    """
    return np.errstate(all="ignore")


def byte_range(x):
    """First and one-past-last address of the memory that the array may touch."""
    if _is_cupy(x):
        return _gpu().byte_range(x)
    return np.lib.array_utils.byte_bounds(x)
