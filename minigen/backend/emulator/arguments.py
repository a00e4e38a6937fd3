"""What is handed to a kernel: arrays as a GPU would allocate them, and arguments that fit.

Invariant: an argument is refused unless its type is exactly the parameter's. CuPy passes a Python
float as 8 bytes and an array's pointer whatever its dtype, so a mistake there is silent nonsense.
"""

import ctypes
import importlib.util
import weakref
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

ALIGNMENT = 256  # bytes, as cudaMalloc gives them

_uninitialised: set[int] = set()  # addresses of arrays that nobody has written


def empty(shape, dtype=np.float32):
    """An array filled with 0xFF bytes (NaN, -1), which a checked launch knows as uninitialised."""
    dtype = np.dtype(dtype)
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    raw = np.full(size + ALIGNMENT, 255, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    array = raw[start : start + size].view(dtype).reshape(shape)
    address = array.ctypes.data
    if size:
        _uninitialised.add(address)
        weakref.finalize(array, _uninitialised.discard, address)
    return array


def aligned(x):
    """A copy of x that begins where an array of a GPU may begin."""
    copy = empty(x.shape, x.dtype)
    copy[...] = x
    _uninitialised.discard(copy.ctypes.data)
    return copy


def initialised(array):
    """A launch has written the array."""
    _uninitialised.discard(array.ctypes.data)


class Parameter(NamedTuple):
    """One parameter of a kernel: three letters of its signature, see cuda_entry.h."""

    how: str  # p pointer, c pointer to const, v value
    kind: str  # f floating, b bfloat16, i signed, u unsigned, o bool, a address, s, x anything
    bytes: int

    def __str__(self):
        names = {"b": "bfloat16", "o": "bool", "a": "uint64 (addresses)", "s": "any", "x": "any"}
        words = {"f": "float", "i": "int", "u": "uint"}
        element = names.get(self.kind) or f"{words[self.kind]}{8 * self.bytes}"
        return element if self.how == "v" else f"an array of {element}"

    def takes(self, dtype):
        """Whether elements of this dtype are what the kernel reads."""
        if self.kind in "sx":
            return True
        if self.kind == "b":
            if dtype.name == "bfloat16":
                return True
            # bfloat16 as bits, where NumPy can not be taught the type itself
            return dtype == np.uint16 and importlib.util.find_spec("ml_dtypes") is None
        if self.kind == "o":
            return dtype == np.bool_
        if self.kind == "a":
            return dtype in (np.dtype(np.uint64), np.dtype(np.int64))
        if (self.kind, self.bytes) == ("u", 1) and dtype == np.bool_:
            return True
        return dtype.kind == self.kind and dtype.itemsize == self.bytes


def parameters(signature):
    """The parameters that a signature spells."""
    triples = zip(signature[::3], signature[1::3], signature[2::3], strict=True)
    return [Parameter(how, kind, int(digit)) for how, kind, digit in triples]


def values(kernel, parameters, args):
    """Each argument as the C value that the kernel takes; TypeError says which does not fit."""
    if len(args) != len(parameters):
        raise TypeError(f"{kernel} takes {len(parameters)} arguments, {len(args)} given")
    made = []
    for i, (parameter, value) in enumerate(zip(parameters, args, strict=True)):
        trouble = ""
        if parameter.how == "v":
            converted, trouble = _scalar(parameter, value)
        elif value is None:
            converted = ctypes.c_void_p(None)
        else:
            trouble = _trouble_with(parameter, value)
            converted = None if trouble else ctypes.c_void_p(value.ctypes.data)
        if trouble:
            raise TypeError(f"{kernel}: argument {i} {trouble}")
        made.append(converted)
    return made


def _trouble_with(parameter, array):
    """Why the kernel cannot take the array for this parameter; "" if it can."""
    if not isinstance(array, np.ndarray):
        return f"wants {parameter}, got {type(array).__name__}"
    if not parameter.takes(array.dtype):
        return f"wants {parameter}, got {array.dtype.name}"
    if not array.flags.c_contiguous:
        return f"is not contiguous (strides {array.strides}), and a kernel knows no strides: copy"
    if parameter.how == "p" and not array.flags.writeable:
        return "is read-only, and the kernel may write it: copy, or make the parameter const"
    return ""


_WHOLE = {
    **{("i", n): getattr(ctypes, f"c_int{8 * n}") for n in (1, 2, 4, 8)},
    **{("u", n): getattr(ctypes, f"c_uint{8 * n}") for n in (1, 2, 4, 8)},
}


def _scalar(parameter, value):
    """The value as the parameter's bytes, and the trouble with it ("" if there is none).

    A NumPy scalar must have exactly the parameter's dtype. A Python int is taken where it fits, a
    Python bool for a bool, and a Python float for a double, which is what CuPy makes of it.
    """
    if isinstance(value, np.generic):
        if not parameter.takes(value.dtype):
            return None, f"wants {parameter}, got {value.dtype.name}"
        return ctypes.create_string_buffer(value.tobytes(), value.nbytes), ""
    if isinstance(value, bool) and parameter.kind == "o":
        return ctypes.c_bool(value), ""
    if isinstance(value, int) and parameter.kind in "iu":
        made = _WHOLE[parameter.kind, parameter.bytes](value)
        return made, "" if made.value == value else f"wants {parameter}: {value} does not fit"
    if isinstance(value, float) and (parameter.kind, parameter.bytes) == ("f", 8):
        return ctypes.c_double(value), ""
    hint = ", of which CuPy would make 8 bytes" if isinstance(value, int | float) else ""
    return None, f"wants {parameter}, got {type(value).__name__}{hint}"


# Arrays in memory -------------------------------------------------------------------------------


@dataclass
class Pointer:
    """An array that a launch may touch, and the C pointer to it (None: the kernel has its own)."""

    name: str
    array: np.ndarray
    const: bool = False
    value: ctypes.c_void_p | None = None


@dataclass
class Group:
    """Arrays that share memory: to the checker they are one."""

    begin: int
    end: int
    pointers: list[Pointer]
    place: int = 0  # where the kernel finds them

    @property
    def size(self):
        return self.end - self.begin

    @property
    def name(self):
        return " and ".join(pointer.name for pointer in self.pointers)

    @property
    def movable(self):
        return all(pointer.value is not None for pointer in self.pointers)

    @property
    def uninitialised(self):
        return all(pointer.array.ctypes.data in _uninitialised for pointer in self.pointers)


def overlapping(pointers):
    """The arrays in groups that share memory."""
    groups = []
    for pointer in sorted(pointers, key=lambda pointer: pointer.array.ctypes.data):
        begin, size = pointer.array.ctypes.data, pointer.array.nbytes
        if groups and begin < groups[-1].end and size:
            groups[-1].end = max(groups[-1].end, begin + size)
            groups[-1].pointers.append(pointer)
        else:
            groups.append(Group(begin, begin + size, [pointer]))
    return groups
