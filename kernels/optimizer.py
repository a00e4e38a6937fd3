"""Entries of optimizer.cu, and how many tensors are cut into chunks.

Read next: optimizer.cu, entry.py.
"""

import numpy as np
from minigen.kernels.entry import In, InOut, Kernel, Out, Scalar, Table, ceil_div

CHUNK = 4096  # elements that a block takes, as in optimizer.cu


def chunks_of(lengths):
    """The list of (tensor, chunk) for tensors of so many elements: int32 (chunks, 2)."""
    parts = [ceil_div(length, CHUNK) for length in lengths]
    pairs = [(tensor, part) for tensor, n in enumerate(parts) for part in range(n)]
    return np.array(pairs, "int32").reshape(-1, 2)


# ---- references: of each tensor by itself; rows of arrays in, rows of arrays out


def _columns(table, update):
    """update of the arrays of each tensor, and the rows of what it returns."""
    return [list(row) for row in zip(*map(update, zip(*table, strict=True)), strict=True)]


def _sgd(table, settings):
    lr, decay = settings[:2]
    return _columns(table, lambda c: (c[0] - lr * (c[1] + decay * c[0]), c[1]))


def _momentum(table, steps, settings):
    lr, decay, momentum, dampening, nesterov = settings
    shares = iter(np.where(steps == 1, 1.0, 1 - dampening))

    def update(column):
        x, b, g = column
        direction = g + decay * x
        b = momentum * b + next(shares) * direction
        return x - lr * (direction + momentum * b if nesterov else b), b, g

    return _columns(table, update)


def _adam_tick(steps, settings):
    steps = steps + 1
    lr, beta1, beta2, eps = settings[:4]
    root = np.sqrt(1 - beta2**steps)
    return steps, np.stack([lr * root / (1 - beta1**steps), eps * root], axis=1)


def _adam(table, corrections, settings):
    lr, beta1, beta2, _, decay, decoupled = settings
    each = iter(corrections)

    def update(column):
        (x, m, v, g), (rate, floor) = column, next(each)
        d = g + decay * x
        m, v = beta1 * m + (1 - beta1) * d, beta2 * v + (1 - beta2) * d * d
        return x * (1 - lr * decoupled) - rate * m / (np.sqrt(v) + floor), m, v, g

    return _columns(table, update)


def _average(table, settings):
    (decay,) = settings
    return _columns(table, lambda c: (decay * c[0] + (1 - decay) * c[1], c[1]))


def _squares(table, chunks):
    parts = [table[0][tensor][part * CHUNK : (part + 1) * CHUNK] for tensor, part in chunks]
    return table, np.array([np.square(part).sum() for part in parts])


def _clip(table, norm, largest):
    scale = min(1.0, largest / (norm[0] + 1e-6))
    return _columns(table, lambda c: (c[1] * scale, c[1]))


# ---- entries

# A single number, an end inside a pack, whole chunks, one more than that, none at all.
LENGTHS = (1, 1030, CHUNK, CHUNK + 1, 0, 2 * CHUNK + 515, 77)
FEW = (3, 5)


def _table(rows, squares=None):
    """A table of so many rows; row number `squares` has no negative numbers."""

    def draw(rng, s):
        table = [[rng.standard_normal(n) for n in s.lengths] for _ in range(rows)]
        if squares is not None:
            table[squares] = [np.square(x) for x in table[squares]]
        return table

    return Table("table", f"{rows} tensors", draw)


_SIZES = In("sizes", "int64", "tensors", draw=lambda rng, s: s.lengths)
_CHUNKS = In("chunks", "int32", "chunks 2", draw=lambda rng, s: chunks_of(s.lengths))
_TENSORS = Scalar("tensors")


def _steps(make):
    """Step counts of which the second is the first step."""
    return make("steps", "int64", "tensors", draw=lambda rng, s: np.arange(s.tensors) * 7 % 6)


def _positive(rng, s):
    return rng.random((s.tensors, 2))


def _settings(*numbers):
    return In("settings", "float64", str(len(numbers)), draw=lambda rng, s: numbers)


def _few(s):
    """Of the samples the one in which a kernel shall take its other branch."""
    return s.tensors == len(FEW)


def _sample(lengths, **numbers):
    chunks = len(chunks_of(lengths))
    return {"lengths": lengths, "tensors": len(lengths), "chunks": chunks, **numbers}


def _step(name, arguments, reference, accesses, flops, **numbers):
    """The entry of a kernel that goes over all chunks, and accesses each element so often."""
    return Kernel(
        name,
        "optimizer.cu",
        (*arguments, _TENSORS),
        grid=lambda s: (s.chunks,),
        block=(256,),
        reference=reference,
        samples=(_sample(LENGTHS, **numbers), _sample(FEW, **numbers)),
        bench=_sample((1 << 20,) * 32, **numbers),
        bytes=lambda s: accesses * sum(s.lengths) * s.itemsize,
        flops=lambda s: flops * sum(s.lengths),
        types=("float32", "float64"),  # a step is taken on master weights, never on 16 bits
    )


def _tick(name, arguments, reference):
    """The entry of a kernel that counts the steps of each tensor."""
    return Kernel(
        name,
        "optimizer.cu",
        (*arguments, _TENSORS),
        grid=lambda s: (ceil_div(s.tensors, 128),),
        block=(128,),
        reference=reference,
        samples=({"tensors": 1}, {"tensors": 7}, {"tensors": 128}, {"tensors": 129}),
        bench={"tensors": 1000},
        bytes=lambda s: 32 * s.tensors,
        types=(),
    )


_SGD = 0.1, 0.01, 0.9, 0.3  # and whether Nesterov's
_ADAM = 0.01, 0.8, 0.95, 0.01, 0.02, 0.3

KERNELS = (
    _tick("sgd_tick", (_steps(InOut),), lambda steps: steps + 1),
    _step("sgd_step", (_table(2), _SIZES, _CHUNKS, _settings(*_SGD, 0.0)), _sgd, 3, 4),
    _step(
        "momentum_step",
        (
            _table(3),
            _SIZES,
            _CHUNKS,
            _steps(In),
            In("settings", "float64", "5", draw=lambda rng, s: (*_SGD, float(_few(s)))),
        ),
        _momentum,
        5,
        8,
    ),
    _tick(
        "adam_tick",
        (_steps(InOut), _settings(*_ADAM), Out("corrections", "float64", "tensors 2")),
        _adam_tick,
    ),
    _step(
        "adam_step",
        (
            _table(4, squares=2),
            _SIZES,
            _CHUNKS,
            In("corrections", "float64", "tensors 2", draw=_positive),
            _settings(*_ADAM),
        ),
        _adam,
        7,
        16,
    ),
    _step("average_step", (_table(2), _SIZES, _CHUNKS, _settings(0.99)), _average, 3, 3),
    _step(
        "gradient_squares",
        (_table(1), _SIZES, _CHUNKS, Out("squares", "float64", "chunks")),
        _squares,
        1,
        2,
    ),
    Kernel(
        "gradient_norm",
        "optimizer.cu",
        (In("squares", "float64", "count", draw=lambda rng, s: rng.random(s.count)),
         Out("norm", "float32", "1"), Scalar("count")),
        grid=lambda s: (1,),
        block=(256,),
        reference=lambda squares: np.sqrt(squares.sum(keepdims=True)),
        samples=({"count": 1}, {"count": 255}, {"count": 1000}),
        bench={"count": 32 << 8},
        bytes=lambda s: 8 * s.count,
        types=(),
    ),
    _step(
        "gradient_clip",
        (
            _table(2),
            _SIZES,
            _CHUNKS,
            In("norm", "float32", "1", draw=lambda rng, s: [2.0 if _few(s) else 7.0]),
            Scalar("largest", "T"),
        ),
        _clip,
        2,
        1,
        largest=3.0,
    ),
)  # fmt: skip
