"""Messages: every value arrives as it was sent, and no bytes do harm."""

import json
import math
import socket
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigen.gradcheck.child.wire import Channel, Codec, Garbled, Opaque

LIMIT = 1 << 20


class Bytes:
    """Bytes that arrived; notes the largest piece that was asked for."""

    def __init__(self, data):
        self.data, self.largest = memoryview(data), 0

    def read(self, n):
        self.largest = max(self.largest, n)
        if n > len(self.data):
            raise EOFError
        piece, self.data = bytearray(self.data[:n]), self.data[n:]
        return piece


def packed(value, codec=None):
    return b"".join(bytes(part) for part in (codec or Codec()).pack(value))


def sent(value):
    """value after the journey, which must use up all bytes."""
    arrived = Bytes(packed(value))
    result = Codec().unpack(arrived.read)
    assert not arrived.data
    return result


def same(a, b):
    """Whether two values are the same in type, nesting, layout and bits."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        keys = all(same(k, q) for k, q in zip(a, b, strict=True))
        return keys and same([*a.values()], [*b.values()])
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        layout = [(x.dtype, x.shape, x.flags.writeable) for x in (a, b)]
        fortran = [x.flags.f_contiguous and not x.flags.c_contiguous for x in (a, b)]
        return layout[0] == layout[1] and fortran[0] == fortran[1] and _bits(a) == _bits(b)
    if isinstance(a, np.generic):
        return a.dtype == b.dtype and a.tobytes() == b.tobytes()
    if isinstance(a, int):
        return a == b
    return repr(a) == repr(b)       # of floats and complex numbers all bits but a NaN's


def _bits(array):
    if array.dtype.char not in "gG":
        return array.tobytes()
    return repr(array.tolist())     # an 80-bit number has bytes without meaning


DTYPES = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(endianness="?"),
    hnp.unsigned_integer_dtypes(endianness="?"),
    hnp.floating_dtypes(endianness="?"),
    hnp.complex_number_dtypes(endianness="?"),
)


@st.composite
def arrays(draw):
    array = draw(hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0)))
    if draw(st.booleans()):
        array = np.array(array.T, order="K")
    array.flags.writeable = draw(st.booleans())
    return array


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.complex_numbers(), st.text(),
    arrays(), DTYPES.flatmap(hnp.from_dtype),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.text() | st.integers() | st.tuples(st.text()), inner, max_size=3),
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(VALUES)
def test_a_value_arrives_as_it_was_sent(value):
    assert same(sent(value), value)


@pytest.mark.parametrize(
    "value",
    [
        10**6000, -(2**63), 2**63, float("nan"), -math.inf, -0.0, 5e-324, complex(math.nan, -0.0),
        "\ud800 é \x00", np.longdouble(1) / 3, np.zeros((0, 3)), np.zeros((2, 0, 3)).T, np.array(2),
        np.arange(6.0).reshape(2, 3)[:, ::-1].copy("A"), np.array([1, 2], ">i4"), {(1, None): {}},
    ],
    ids=lambda value: type(value).__name__,
)
def test_hard_values_arrive(value):
    assert same(sent(value), value)


def test_strided_arrays_arrive_compact():
    x = np.arange(24.0).reshape(2, 3, 4)
    for view in (x[:, ::2], x[::-1], x.transpose(1, 0, 2), np.broadcast_to(x[0, 0], (2, 3, 4))):
        assert np.array_equal(sent(view), view)


def test_one_array_stays_one_array():
    x = np.ones(3)
    a, b, c = sent([x, {"x": x}, x.copy()])
    assert a is b["x"] and c is not a
    c[0] = 5        # writeable, and memory of its own
    assert a[0] == 1


def test_a_subclass_loses_its_methods():
    class Array(np.ndarray):
        shape = (7,)

        def ravel(self, order):
            return np.zeros(2)

    arrived = sent(np.ones(2).view(Array))
    assert type(arrived) is np.ndarray and arrived.tolist() == [1, 1]


def test_what_cannot_travel_stays_and_comes_back():
    theirs, ours = Codec(), Codec()
    things = [object(), np.array([object()]), np.array("text"), {1, 2}, len]
    there = ours.unpack(Bytes(packed(things, theirs)).read)
    assert all(isinstance(thing, Opaque) for thing in there)
    assert there[1].text == "numpy.ndarray of object"
    assert there[3].text == "builtins.set" and not theirs.kept

    there = ours.unpack(Bytes(b"".join(map(bytes, theirs.pack(things, keep=True)))).read)
    back = theirs.unpack(Bytes(packed(there, ours)).read)
    assert all(a is b for a, b in zip(back, things, strict=True))


def test_too_much_besides_arrays_says_what_to_do():
    with pytest.raises(ValueError, match="use arrays"):
        Codec().pack("x" * (17 << 20))


# Bytes that no pack made ------------------------------------------------------------------------


def arrival(data):
    """What comes out: a value, or the name of the exception; never more memory than the limit."""
    arrived = Bytes(data)
    try:
        return Codec(limit=LIMIT).unpack(arrived.read)
    except (Garbled, EOFError) as error:
        return type(error).__name__
    finally:
        assert arrived.largest <= 1 << 24


def framed(head):
    head = head if isinstance(head, bytes) else json.dumps(head).encode()
    return struct.pack("<Q", len(head)) + head


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60), st.booleans())
def test_random_bytes_do_no_harm(data, whole):
    arrival(data if whole else framed(data))


TREES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from("asltdofciz"), inner, max_size=2),
    ),
    max_leaves=10,
)
FORMS = st.lists(
    st.tuples(
        st.sampled_from(["<f8", "|b1", "|O", "<U3", "f8", ""]) | TREES,
        st.lists(st.integers(-3, 3) | st.integers(), max_size=3) | TREES,
        st.sampled_from(["C", "F", "K"]) | TREES,
        st.booleans() | TREES,
    )
    | TREES,
    max_size=3,
)


@settings(max_examples=200, deadline=None)
@given(TREES, FORMS, st.binary(max_size=40))
def test_random_heads_do_no_harm(tree, forms, rest):
    arrival(framed([tree, forms]) + rest)


@settings(max_examples=150, deadline=None)
@given(VALUES, st.data())
def test_damaged_messages_do_no_harm(value, data):
    message = bytearray(packed(value))
    position = data.draw(st.integers(0, len(message) - 1))
    if data.draw(st.booleans()):
        assert arrival(message[:position]) == "EOFError"
    else:
        message[position] ^= data.draw(st.integers(1, 255))
        arrival(message)


ONES = [["<f8", [1], "C", True]]

GARBLED = {
    "a huge head": struct.pack("<Q", 1 << 40),
    "a huge array": framed([None, [["<f8", [1 << 40], "C", True]]]),
    "many arrays": framed([None, [["<f8", [1 << 16], "C", True]] * 3]),
    "a negative side": framed([{"a": 0}, [["<f8", [-1, -1], "C", True]]]) + bytes(8),
    "a side that is no number": framed([{"a": 0}, [["<f8", [True], "C", True]]]) + bytes(8),
    "nothing times everything": framed([{"a": 0}, [["<f8", [0, 1 << 80], "C", True]]]),
    "too many dimensions": framed([{"a": 0}, [["<f8", [1] * 99, "C", True]]]) + bytes(8),
    "objects": framed([{"a": 0}, [["|O", [1], "C", True]]]) + bytes(8),
    "a record": framed([{"a": 0}, [["<f8,<f8", [1], "C", True]]]) + bytes(16),
    "an order of ours": framed([{"a": 0}, [["<f8", [1], "A", True]]]) + bytes(8),
    "no such array": framed([{"a": 1}, ONES]) + bytes(8),
    "the last array": framed([{"a": -1}, ONES]) + bytes(8),
    "an unhashable key": framed([{"d": [[{"l": []}, 1]]}, []]),
    "a kind of two": framed([{"t": [], "l": []}, []]),
    "no kind": framed([{"z": 1}, []]),
    "a bare list": framed([[1], []]),
    "deep nesting": framed(b"[" * 100_000),
    "deep values": framed(b'[' + b'{"l":[' * 5000 + b"]}" * 5000 + b",[]]"),
    "two heads": framed(b"[null,[]][null,[]]"),
    "a long number": framed(b"[" + b"9" * 5000 + b",[]]"),
    "no text": framed(b"\xff\xff"),
}


@pytest.mark.parametrize("case", GARBLED)
def test_what_is_no_message_is_garbled(case):
    assert arrival(GARBLED[case]) == "Garbled"


# The channel ------------------------------------------------------------------------------------


def test_messages_of_all_sizes_pass_a_channel_in_order():
    a, b = map(Channel, socket.socketpair())
    for size in (0, 1, 9, 8000, 8191, 8192):      # more would wait for a reader
        values = [np.arange(size, dtype=float), {"size": size}, np.ones(3)]
        a.send(Codec().pack(values))
        a.send(Codec().pack("next"))
        assert same(Codec().unpack(b.read), values)
        assert Codec().unpack(b.read) == "next"


def test_a_large_message_in_small_pieces():
    message = packed([np.arange(5000.0), np.arange(20000, dtype=np.int8)])

    class Dribble:
        sent = 0

        def recv_into(self, view):
            n = min(7777, len(view), len(message) - self.sent)
            view[:n] = message[self.sent : self.sent + n]
            self.sent += n
            return n

    channel = Channel(Dribble())
    first, second = Codec().unpack(channel.read)
    assert np.array_equal(first, np.arange(5000.0)) and second.size == 20000
    with pytest.raises(EOFError):
        channel.read(1)


def test_patience_ends_a_wait():
    a, _b = socket.socketpair()
    a.settimeout(0.01)
    looks = []

    def patience():
        looks.append(1)
        if len(looks) > 3:
            raise KeyError

    channel = Channel(a, patience)
    with pytest.raises(KeyError):
        channel.read(1)
    assert len(looks) == 4
    with pytest.raises(KeyError):
        channel.send([bytes(1 << 24)])
