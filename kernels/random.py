"""Entries of random.cu, and the same numbers in NumPy: bit for bit, so the tolerance is 0.

Read next: mg_philox.cuh (formulas), random.cu, entry.py.
"""

import numpy as np
from minigen.kernels.entry import In, InOut, Kernel, Out, Scalar, accumulator, ceil_div

F = np.float32

# ---- bits


def philox(counter, key):
    """Philox4x32-10: counters (n, 4) and a key (2) -> (n, 4), all uint32."""
    c, (k0, k1) = counter.T.astype("uint64"), (int(k) for k in key)
    for _ in range(10):
        product0, product1 = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57
        c = np.stack([product1 >> 32 ^ c[1] ^ k0, product1, product0 >> 32 ^ c[3] ^ k1, product0])
        c &= 0xFFFFFFFF
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return c.T.astype("uint32")


def bits(draw, count):
    """The first words (count) of a draw (seed, call); they come four at a time."""
    seed, call = (int(word) for word in draw)
    block = np.arange(ceil_div(count, 4), dtype="uint64")
    counter = np.zeros((len(block), 4), "uint32")
    counter[:, 0], counter[:, 1] = block & 0xFFFFFFFF, block >> 32
    counter[:, 2:] = call % 2**32, call >> 32
    return philox(counter, (seed % 2**32, seed >> 32)).reshape(-1)[:count]


def _long_bits(draw, count):
    """Pairs of words as one: uint64 (count)."""
    high, low = bits(draw, 2 * count).reshape(-1, 2).astype("uint64").T
    return high << 32 | low


# ---- numbers; every operation in float32, as in mg_philox.cuh


def log_of_unit(u):
    """ln u."""
    as_int = u.view("int32")
    exponent = (as_int - 0x3F3504F3) >> 23
    m = (as_int - exponent * (1 << 23)).view("float32")
    s = (m - F(1)) / (m + F(1))
    square = s * s
    series = F(1) / F(9) * square + F(1) / F(7)
    series = series * square + F(1) / F(5)
    series = series * square + F(1) / F(3)
    series = series * square + F(1)
    return exponent.astype("float32") * F(0.693147182) + F(2) * s * series


def cosine_and_sine(turn):
    """Of 2π·turn / 2³²."""
    quarter = turn + np.uint32(1 << 29) >> 30
    x = (turn - (quarter << 30)).view("int32").astype("float32") * F(1.46291808e-9)
    square = x * x
    cosine = F(-1) / F(3628800) * square + F(1) / F(40320)
    for divisor in (-720, 24, -2, 1):
        cosine = cosine * square + F(1) / F(divisor)
    sine = F(1) / F(362880) * square + F(-1) / F(5040)
    for divisor in (120, -6):
        sine = sine * square + F(1) / F(divisor)
    sine = sine * square * x + x
    odd = quarter % 2 == 1
    along, across = np.where(odd, sine, cosine), np.where(odd, cosine, sine)
    return np.where(quarter + 1 & 2, -along, along), np.where(quarter & 2, -across, across)


def unit_normal(words):
    """Pairs of words as pairs of normal numbers: uint32 (2n) -> float32 (2n)."""
    a, b = words.reshape(-1, 2).T
    u = a.astype("float32") * F(2**-32) + F(2**-33)
    radius = np.sqrt(F(-2) * log_of_unit(u))
    return np.stack([radius * part for part in cosine_and_sine(b)], axis=1).reshape(-1)


def unit_uniform(draw, count, T="float32"):
    """Numbers in [0, 1): of 24 bits, for float64 of 53."""
    if T == "float64":
        return (_long_bits(draw, count) >> 11) * 2.0**-53
    return (bits(draw, count) >> 8).astype("float32") * F(2**-24)


# ---- the kernels


def take(state):
    """The draw that is next, and the state behind it."""
    return state + np.uint64([0, 1]), state


def normal(draw, count, mean, std, T="float32"):
    """N(mean, std²) in float32, or float64 of the same numbers."""
    A = np.dtype(accumulator(T)).type
    z = unit_normal(bits(draw, 4 * ceil_div(count, 4)))[:count]
    return z.astype(A) * A(std) + A(mean)


def uniform(draw, count, low, width, largest, T="float32"):
    """[low, low + width), but at most largest."""
    A = np.dtype(accumulator(T)).type
    return np.minimum(unit_uniform(draw, count, T).astype(A) * A(width) + A(low), A(largest))


def randint(draw, count, low, width):
    """[low, low + width)."""
    chosen = [int(word) * width >> 64 for word in _long_bits(draw, count)]
    return np.array([low + c for c in chosen], "int64")


def dropout(x, draw, p, scale, T="float32"):
    """x·scale where unit_uniform is at least p, else x·0."""
    A = np.dtype(accumulator(T)).type
    kept = unit_uniform(draw, len(x)) >= F(p)
    return x.astype(A) * np.where(kept, A(scale), A(0))


DRAW = np.uint64([(0x9ABCDEF0 << 32) + 0x12345678, (3 << 32) + 5])  # all four halves are used
_DRAW = In("draw", "uint64", "2", draw=lambda rng, s: DRAW)
COUNTS = (1, 3, 4, 1021, 1024, 4103)  # one block draws 1024
_BENCH = 8192 * 4096


def _samples(**numbers):
    return tuple({"count": count, **numbers} for count in COUNTS)


def _fill(name, arguments, reference, numbers, at_once=4, **changes):
    """The entry of a kernel that fills y (count); a thread makes `at_once` of its numbers."""
    per_thread = at_once if callable(at_once) else lambda s: at_once
    described = dict(
        grid=lambda s: (ceil_div(s.count, 256 * per_thread(s)),),
        block=(256,),
        reference=reference,
        samples=_samples(**numbers),
        bench={"count": _BENCH, **numbers},
        bytes=lambda s: s.count * s.itemsize,
        flops=lambda s: 0,
        registers=40,
        tolerance=0.0,
    )
    return Kernel(name, "random.cu", arguments, **{**described, **changes})


KERNELS = (
    Kernel(
        "philox_take",
        "random.cu",
        (InOut("state", "uint64", "2", draw=lambda rng, s: DRAW), Out("draw", "uint64", "2")),
        grid=lambda s: (1,),
        block=(32,),
        reference=take,
        samples=({},),
        bench={},
        bytes=lambda s: 48,
        types=(),
        registers=16,
    ),
    _fill(
        "philox_normal",
        (_DRAW, Out("y", "T", "count"), Scalar("count", "int64"), Scalar("mean", "A"),
         Scalar("std", "A")),
        normal,
        {"mean": 0.7, "std": 1.3},
    ),
    _fill(
        "philox_uniform",
        (_DRAW, Out("y", "T", "count"), Scalar("count", "int64"), Scalar("low", "A"),
         Scalar("width", "A"), Scalar("largest", "A")),
        uniform,
        {"low": -2.0, "width": 3.0, "largest": 0.875},
        at_once=lambda s: 2 if s.T == "float64" else 4,  # a float64 takes two words
    ),
    _fill(
        "philox_randint",
        (_DRAW, Out("y", "int64", "count"), Scalar("count", "int64"), Scalar("low", "int64"),
         Scalar("width", "uint64")),
        randint,
        {"low": -5, "width": 12},
        at_once=2,
        types=(),
        bytes=lambda s: 8 * s.count,
    ),
    _fill(
        "philox_dropout",
        (In("x", "T", "count"), _DRAW, Out("y", "T", "count"), Scalar("count", "int64"),
         Scalar("p", "float32"), Scalar("scale", "A")),
        dropout,
        {"p": unit_uniform(DRAW, 1)[0], "scale": 1.7},  # the first number is kept: u >= p
        bytes=lambda s: 2 * s.count * s.itemsize,
    ),
)  # fmt: skip
