"""Messages between the checker and a homework's process: nested values as JSON and raw arrays.

Idea: nothing is pickled, so nothing that arrives can run. A message is

    8 bytes: length of the head | head: JSON | the arrays' bytes, one after the other

The head holds the nesting, with {"a": 3} for array 3, and of each array its dtype, shape and
order. The same array twice in a value is sent once and is one array again on the other side. What
is neither a number, a string, an array nor a container of those stays where it is: the other side
gets an `Opaque` that stands for it and may send it back.

Invariant: whatever bytes arrive, `unpack` gives a value or raises Garbled or EOFError, and asks for
no more memory than its limit. What it needs of NumPy and json is bound here, on import, before a
homework can put other functions in their place.
Read next: main.py, which answers on such a channel, and ../process.py, which asks.
"""

import math
import struct
from dataclasses import dataclass
from json import JSONDecoder, JSONEncoder

from numpy import asarray, dtype, generic, ndarray, uint8

HEAD = struct.Struct("<Q")
LARGEST_HEAD = 1 << 24          # bytes; parsed, a head takes up to 25 times as much
BUFFER = 1 << 16
SMALL = 1 << 16                 # bytes: parts up to this size are joined and sent at once
CHANNEL_CLOSED = 70     # exit code of a child that lost its channel
LONG = 1 << 63                  # integers from here on travel as hexadecimal text

encode = JSONEncoder(separators=(",", ":"), check_circular=False).encode
decode = JSONDecoder().raw_decode
DTYPES = {
    form: dtype(form)       # numbers of every kind and byte order
    for code in "?bBhHiIlLqQefdgFDG"
    for form in (dtype(code).str, dtype(code).newbyteorder().str)
}


class Garbled(Exception):
    """What arrived is no message: the other side wrote something else on the channel."""


@dataclass(frozen=True)
class Opaque:
    """Something that only the homework's process has; `text` describes it."""

    key: int
    text: str


class Codec:
    """Packs and unpacks messages; keeps what it could only send as Opaque.

    limit: the most bytes of arrays that a message may have on arrival.
    """

    def __init__(self, limit=1 << 62):
        self.limit, self.kept = limit, {}

    def pack(self, message, keep=False):
        """A nested value as a list of bytes-like parts, to be sent in this order.

        keep: hold what can only be sent as Opaque, since the other side may send it back.
        Raises ValueError if there is too much besides arrays.
        """
        arrays, seen = [], {}
        tree = self._plain(message, arrays, seen, keep)
        forms = [
            [a.dtype.str, a.shape, "F" if _fortran(a) else "C", a.flags.writeable] for a in arrays
        ]
        head = encode([tree, forms]).encode()
        if len(head) > LARGEST_HEAD:
            text = f"{len(head) >> 20} MB of numbers, texts and containers: use arrays"
            raise ValueError(text)
        bodies = [a.ravel("K" if _fortran(a) else "C").view(uint8).data for a in arrays if a.size]
        return [HEAD.pack(len(head)) + head, *bodies]

    def _plain(self, value, arrays, seen, keep):
        kind = type(value)
        if value is None or kind is bool or isinstance(value, str):
            return value
        if kind is int:
            return value if -LONG < value < LONG else {"i": hex(value)}
        if kind is float:
            return value if math.isfinite(value) else {"f": repr(value)}
        if kind is complex:
            return {"c": [repr(value.real), repr(value.imag)]}
        if isinstance(value, (tuple, list)):
            parts = [self._plain(part, arrays, seen, keep) for part in value]
            return {"l" if isinstance(value, list) else "t": parts}
        if isinstance(value, (ndarray, generic)):
            array = asarray(value)      # a subclass loses its own methods here
            if array.dtype.str in DTYPES:
                place = seen.setdefault(id(value), len(arrays))
                if place == len(arrays):
                    arrays.append(array)
                return {"a" if isinstance(value, ndarray) else "s": place}
        if isinstance(value, dict):
            items = [[self._plain(p, arrays, seen, keep) for p in pair] for pair in value.items()]
            return {"d": items}
        if isinstance(value, Opaque):
            return {"o": [value.key, value.text]}
        if keep:
            self.kept[id(value)] = value
        name = f"{kind.__module__}.{kind.__name__}"
        if issubclass(kind, ndarray):
            name += f" of {array.dtype}"
        return {"o": [id(value), name]}

    def unpack(self, read):
        """The next message; read(n) must return exactly n bytes (a bytearray), or raise EOFError.

        Raises Garbled for anything that `pack` did not make.
        """
        (length,) = HEAD.unpack(read(HEAD.size))
        if length > LARGEST_HEAD:
            raise Garbled(f"a head of {length} bytes")
        try:
            text = read(length).decode()
            (tree, forms), end = decode(text)
            if end < len(text):
                raise Garbled("a head with something after it")
            sizes = [_size(*form) for form in forms]
            if sum(sizes) > self.limit:
                raise Garbled(f"{sum(sizes)} bytes of arrays; at most {self.limit}")
            arrays = [_array(read(n), *form) for n, form in zip(sizes, forms, strict=True)]
            return self._value(tree, arrays)
        except (ValueError, ArithmeticError, LookupError, TypeError, RecursionError) as error:
            raise Garbled(f"{type(error).__name__}: {error}") from error

    def _value(self, tree, arrays):
        if not isinstance(tree, dict):
            if isinstance(tree, list):
                raise Garbled("a bare list")
            return tree
        ((kind, content),) = tree.items()
        if kind == "a":
            return arrays[_index(content)]
        if kind == "s":
            return arrays[_index(content)][()]
        if kind == "t":
            return tuple([self._value(part, arrays) for part in content])
        if kind == "l":
            return [self._value(part, arrays) for part in content]
        if kind == "d":
            return {self._value(k, arrays): self._value(v, arrays) for k, v in content}
        if kind == "o":
            key, text = content
            return self.kept.get(key, Opaque(_index(key), str(text)))
        if kind == "f":
            return float(content)
        if kind == "c":
            return complex(*map(float, content))
        if kind == "i":
            return int(content, 16)
        raise Garbled(f"a value of kind {kind!r}")


class Channel:
    """A connected socket with a buffer: messages are sent as parts, and read by the byte.

    patience: called before each wait, raises to give up; None to wait for ever. A socket with a
    time-out (settimeout) lets it look again after that time.
    """

    def __init__(self, socket, patience=None):
        self.socket, self.patience = socket, patience
        self.buffer, self.start, self.stop = bytearray(BUFFER), 0, 0

    def send(self, parts):
        """Send all parts. Raises OSError if the other side is gone."""
        if sum(map(len, parts)) <= SMALL:
            parts = [b"".join(parts)]       # one call, one wake-up of the other side
        for part in parts:
            view = memoryview(part)
            while view:
                view = view[self._when_ready(self.socket.send, view) :]

    def read(self, n):
        """Exactly n bytes, as a bytearray of its own. Raises EOFError if there are fewer."""
        if self.stop - self.start >= n:
            self.start += n
            return self.buffer[self.start - n : self.start]
        data = bytearray(n)
        view, done = memoryview(data), 0
        while done < n:
            if self.start == self.stop and n - done < BUFFER:
                self.start, self.stop = 0, self._receive(self.buffer)
            if self.start == self.stop:
                done += self._receive(view[done:])
                continue
            part = min(n - done, self.stop - self.start)
            view[done : done + part] = memoryview(self.buffer)[self.start : self.start + part]
            self.start, done = self.start + part, done + part
        return data

    def _receive(self, view):
        got = self._when_ready(self.socket.recv_into, view)
        if not got:
            raise EOFError
        return got

    def _when_ready(self, call, view):
        while True:
            if self.patience:
                self.patience()
            try:
                return call(view)
            except TimeoutError:
                continue


def _size(form, shape, order, writeable):
    """Bytes of the array that is announced so."""
    if order not in ("C", "F") or type(writeable) is not bool:
        raise Garbled(f"an array of order {order!r}")
    return math.prod(map(_index, shape)) * DTYPES[form].itemsize


def _array(data, form, shape, order, writeable):
    array = ndarray(shape, DTYPES[form], data, order=order)
    if not writeable:
        array.flags.writeable = False
    return array


def _index(number):
    if type(number) is not int or number < 0:
        raise Garbled(f"{number!r} in place of a count")
    return number


def _fortran(array):
    return array.flags.f_contiguous and not array.flags.c_contiguous
