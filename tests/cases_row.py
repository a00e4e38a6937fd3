"""What a row of the table of ops says, and the words that the rows are written in.

Idea: a row names a public op, says the same in NumPy, and lists the calls to try. Inputs are drawn
where the op is smooth; where it is not, the numbers that must come out are written down (`at`).
Read next: cases_elementwise.py (rows), test_ops.py (what becomes of them).
"""

from dataclasses import dataclass

import numpy as np

# ---- inputs: draw(rng, shape, k) -> the k-th input of a call, float64 unless integer or boolean


def normal(rng, shape, k):
    return rng.standard_normal(shape)


def positive(rng, shape, k):
    return rng.uniform(0.3, 2.0, shape)


def unit(rng, shape, k):
    """Probabilities, not near 0 or 1."""
    return rng.uniform(0.1, 0.9, shape)


def apart(rng, shape, k):
    """No two equal, in this input or another, and none 0: multiples of 0.6, shifted by 0.2·(k + 1).

    Differences stay far from the kinks of maximum, abs, amax ...; two inputs at most.
    """
    size = int(np.prod(shape))
    return ((rng.permutation(size) - size // 2) * 0.6 + 0.2 * (k + 1)).reshape(shape)


def mask(rng, shape, k):
    return rng.random(shape) < 0.5


def below(n):
    """Integers from 0 to n - 1, with repeats."""
    return lambda rng, shape, k: rng.integers(0, n, shape)


# ---- rows


@dataclass(frozen=True)
class Run:
    """One call: the shape of each input, and the options."""

    shapes: tuple
    options: dict

    def __str__(self):
        words = ["x".join(map(str, shape)) or "0d" for shape in self.shapes]
        words += [f"{name}={value}" for name, value in self.options.items()]
        return ",".join(words).replace(" ", "").replace("\n", "")


def run(*shapes, **options):
    return Run(shapes, options)


@dataclass(frozen=True)
class Kink:
    """Inputs at which PyTorch documents, or was seen, to give y and gradients (upstream: ones)."""

    inputs: tuple
    y: object
    grads: tuple | None  # one per float input; None: not differentiable
    second: object | None  # d Σ grads[0] / d inputs[0]
    options: dict


def at(*inputs, y, grads=None, second=None, **options):
    return Kink(tuple(np.asarray(x) for x in inputs), y, grads, second, options)


@dataclass(frozen=True)
class Case:
    """What the tests know about an op."""

    name: str  # of the public function
    fn: object  # ours: fn(*tensors, **options) -> Tensor, or a tuple of them
    numpy: object  # the same on arrays: NumPy, or loops written from the definition
    runs: tuple
    draw: tuple = (normal,)  # one per input; the last one serves the inputs that follow
    linear: tuple = ()  # the inputs in which it is linear while the others are held
    kinks: tuple = ()
    gives: str = "same"  # dtype for integers: "same" or "float"; "int", "bool": not differentiable
    elementwise: bool = False

    @property
    def inputs(self):
        """How many tensors it takes (those that take any number: in the first run)."""
        return len(self.runs[0].shapes)

    @property
    def differentiable(self):
        return self.gives in ("same", "float")

    def arrays(self, run, dtype="float64"):
        """The inputs of a run: the same every time, floats in dtype, all read-only."""
        rng = np.random.default_rng([len(self.name), *map(ord, str(run))])
        made = []
        for k, shape in enumerate(run.shapes):
            x = np.asarray(self.draw[min(k, len(self.draw) - 1)](rng, shape, k))
            made.append(frozen(x.astype(dtype) if x.dtype.kind == "f" else x))
        return made


def case(name, fn, numpy, runs, *draw, **known):
    """A row; draw: how the inputs are drawn (default: all normal)."""
    return Case(name, fn, numpy, tuple(runs), draw or (normal,), **known)


def elementwise(name, fn, numpy, *draw, inputs=None, options=({},), **known):
    """An elementwise op's row: shapes that broadcast, sizes 0 and 1; then each of the options."""
    count = inputs or max(len(draw), 1)
    runs = [run(*shapes, **options[0]) for shapes in BROADCASTING[count]]
    runs += [run(*BROADCASTING[count][0], **others) for others in options[1:]]
    return case(name, fn, numpy, runs, *draw, elementwise=True, **known)


BROADCASTING = {
    1: [((2, 3),), ((),), ((1,),), ((0,),), ((2, 0, 3),)],
    2: [
        ((2, 3), (2, 3)),
        ((2, 3), (3,)),
        ((2, 1), (1, 3)),
        ((), (2, 2)),
        ((2, 2), ()),
        ((1,), (3,)),
        ((2, 1, 2), (3, 1)),
        ((1, 3), (0, 3)),
        ((), ()),
    ],
    3: [
        ((2, 3), (2, 3), (2, 3)),
        ((3,), (2, 1), (2, 3)),
        ((2, 1), (), (3,)),
        ((), (3,), (2, 1)),
        ((0, 1), (3,), ()),
    ],
}


def packed(fn):
    """fn of a list of tensors (cat, stack, np.concatenate) as a function of several."""
    return lambda *xs, **options: fn(xs, **options)


def frozen(x):
    """x, read-only: who writes into it gets an error from NumPy."""
    x.flags.writeable = False
    return x


# ---- rows of ops without inputs


@dataclass(frozen=True)
class Made:
    """A creation op: calls with the array that must come out, its dtype included."""

    name: str
    fn: object
    calls: tuple  # (args, options, expected array)


def made(name, fn, *calls):
    return Made(name, fn, calls)


def call(*args, gives, dtype="float32", **options):
    return args, options, np.array(gives, dtype=dtype)


@dataclass(frozen=True)
class Drawn:
    """A random op: one call for very many numbers, and their distribution."""

    name: str
    fn: object
    args: tuple
    dtype: str
    mean: float
    std: float
    low: float = -np.inf  # no number below
    high: float = np.inf  # all numbers below
