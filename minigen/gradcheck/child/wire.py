"""Messages between the checker and a homework's process: nested values as JSON and raw arrays.

Idea: nothing is pickled, so nothing that arrives can run. A message is

    8 bytes: length of the head | head: JSON | the arrays' bytes, one after the other

The head holds the nesting, with {"a": 3} for array 3, and of each array its dtype, shape and
order. The same array twice in a value is sent once and is one array again on the other side. What
is neither a number, a string, an array nor a container of those stays where it is: the other side
gets an `Opaque` that stands for it and may send it back.
"""

import json
import math
import struct
from dataclasses import dataclass

import numpy as np

HEAD = struct.Struct("<Q")
LARGEST_HEAD = 1 << 26          # bytes: a longer head is no message of ours


class Garbled(Exception):
    """What arrived is no message: the other side wrote something else on the channel."""


@dataclass(frozen=True)
class Opaque:
    """Something that only the homework's process has; `text` describes it."""

    key: int
    text: str


class Codec:
    """Packs and unpacks messages; keeps what it could only send as Opaque."""

    def __init__(self):
        self.kept = {}

    def pack(self, message):
        """A nested value as a list of bytes-like parts, to be written in this order."""
        arrays, seen = [], {}
        tree = self._plain(message, arrays, seen)
        forms = [
            [a.dtype.str, a.shape, "F" if _fortran(a) else "C", bool(a.flags.writeable)]
            for a in arrays
        ]
        head = json.dumps({"tree": tree, "arrays": forms}).encode()
        bodies = [np.ravel(a, order="K" if _fortran(a) else "C").view(np.uint8).data for a in arrays]
        return [HEAD.pack(len(head)), head, *(body for body in bodies if body.nbytes)]

    def _plain(self, value, arrays, seen):
        if value is None or isinstance(value, (bool, str)):
            return value
        if type(value) in (int, float):
            return value if type(value) is int or math.isfinite(value) else {"f": repr(value)}
        if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biufc":
            if id(value) not in seen:
                seen[id(value)] = len(arrays)
                arrays.append(np.asarray(value))
            return {"a" if isinstance(value, np.ndarray) else "s": seen[id(value)]}
        if isinstance(value, (tuple, list)):
            parts = [self._plain(part, arrays, seen) for part in value]
            return {"l" if isinstance(value, list) else "t": parts}
        if isinstance(value, dict):
            return {"d": [[self._plain(p, arrays, seen) for p in pair] for pair in value.items()]}
        if isinstance(value, Opaque):
            return {"o": [value.key, value.text]}
        self.kept[id(value)] = value
        return {"o": [id(value), _describe(value)]}

    def unpack(self, read):
        """The next message; read(n) must return exactly n bytes (a bytearray), or raise EOFError.

        Raises Garbled for anything that `pack` did not make.
        """
        (length,) = HEAD.unpack(read(HEAD.size))
        if length > LARGEST_HEAD:
            raise Garbled(f"a head of {length} bytes")
        try:
            head = json.loads(bytes(read(length)))
            arrays = [self._array(read, *form) for form in head["arrays"]]
            return self._value(head["tree"], arrays)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise Garbled(str(error)) from error

    def _array(self, read, dtype, shape, order, writeable):
        dtype = np.dtype(dtype)
        if dtype.kind not in "biufc":
            raise Garbled(f"an array of {dtype}")
        size = math.prod(shape)
        data = read(size * dtype.itemsize)
        array = np.frombuffer(data, dtype, size).reshape(shape, order=order)
        array.flags.writeable = bool(writeable)
        return array

    def _value(self, tree, arrays):
        if not isinstance(tree, dict):
            return tree
        ((kind, content),) = tree.items()
        if kind == "a":
            return arrays[content]
        if kind == "s":
            return arrays[content][()]
        if kind == "f":
            return float(content)
        if kind == "o":
            return self.kept.get(content[0], Opaque(*content))
        if kind == "d":
            return {self._value(k, arrays): self._value(v, arrays) for k, v in content}
        parts = [self._value(part, arrays) for part in content]
        return parts if kind == "l" else tuple(parts)


def _fortran(array):
    return array.flags.f_contiguous and not array.flags.c_contiguous


def _describe(value):
    return f"{type(value).__module__}.{type(value).__name__}"
