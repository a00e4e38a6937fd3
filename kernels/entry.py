"""How a kernel is described: what it takes, how it is launched, what it computes.

Idea: everything that can be said about a kernel is said once, in its entry, and whoever runs it
reads it there: the launcher (minigen/backend/kernels.py), the tests on the emulator, the gate that
compiles without a GPU, the benchmark. Entries stand in a .py file beside the .cu file of the same
name, each under its reference: the same function from its definition, in NumPy.

Shapes are words, as in "rows columns": a word is a size, bound by the first array that has it.
Sizes that a kernel takes as scalars need not be passed again. All functions of sizes (grid, shared,
bytes, flops ...) are given one object with the sizes, the scalars and the chosen variants as
attributes, and `itemsize`, the bytes of an element of type T.
Read next: softmax.py (entries), softmax.cu (their kernels), README.md.
"""

import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace

FLOATS = ("float32", "float64", "float16", "bfloat16")
CUDA_TYPES = {
    "float32": "float",
    "float64": "double",
    "float16": "__half",
    "bfloat16": "__nv_bfloat16",
}
ITEM_SIZES = {"float32": 4, "float64": 8, "float16": 2, "bfloat16": 2}


@dataclass(frozen=True, eq=False)
class Argument:
    """An array or a number that the kernel takes.

    dtype: a NumPy name; "T", the type that the kernel is instantiated for; or "A", in which it
    accumulates: float64 for float64, else float32. shape: words, numbers, or none at all for a
    scalar's. A "table" holds addresses of arrays of type T, which the kernel reads or changes.
    """

    name: str
    dtype: str
    shape: str = ""
    role: str = "in"  # "in", "out", "inout", "table" or "scalar"
    optional: bool = False  # None is passed as a null pointer
    draw: Callable | None = None  # (rng, sizes) -> the array, for tests; else normal numbers

    @functools.cached_property
    def words(self):
        """The shape's words, those that are numbers as numbers."""
        return tuple(int(word) if word.isdigit() else word for word in self.shape.split())


def In(name, dtype, shape, optional=False, draw=None):
    """An array that is read."""
    return Argument(name, dtype, shape, "in", optional, draw)


def Out(name, dtype, shape):
    """An array that is written, every element of it; the launcher makes it."""
    return Argument(name, dtype, shape, "out")


def InOut(name, dtype, shape, draw=None):
    """An array that is changed in place."""
    return Argument(name, dtype, shape, "inout", False, draw)


def Table(name, shape, draw):
    """Addresses of arrays of type T.   draw: (rng, sizes) -> the arrays, a list for each row"""
    return Argument(name, "uint64", shape, "table", False, draw)


def Scalar(name, dtype="int32"):
    """A number, passed by value."""
    return Argument(name, dtype, "", "scalar")


@dataclass(frozen=True, eq=False)
class Kernel:
    """One kernel: how to launch it, and what it must do. See the file's docstring.

    The reference returns what is written, "out", "inout" and "table" (all its arrays, a list for
    each row) in the order of the arguments, one of them or a tuple; None for what is not compared.
    """

    name: str
    source: str  # the .cu file in this folder
    arguments: tuple[Argument, ...]  # in the order of the C++ parameters
    grid: Callable  # sizes -> blocks, a tuple
    block: Callable | tuple  # threads of a block, a tuple, or a function of sizes
    reference: Callable  # what is read (floats as float64), scalars, sizes, T, by name -> outputs
    samples: tuple[dict, ...]  # sizes, scalars and variants to test with; odd ones, and edges
    bench: dict  # the same, of the size that the benchmark times
    bytes: Callable  # sizes -> bytes that must move: every array once
    flops: Callable = lambda s: 0  # sizes -> floating-point operations
    types: tuple[str, ...] = FLOATS  # instantiations for T; () if the kernel is no template of T
    variants: dict = field(default_factory=dict)  # further template parameters: name -> values
    template: str = "{T}"  # the template arguments, of T and the variants: "{T}, {causal}"
    shared: Callable = lambda s: 0  # sizes -> bytes of dynamic shared memory
    registers: int = 64  # at most, per thread
    tolerance: float = 1.0  # of the usual error, see kernel_check.py; 0: bit for bit

    @functools.cached_property
    def words(self):
        """Names of all that a launch may be told: sizes, scalars and variants."""
        sizes = {word for a in self.arguments for word in a.words}
        scalars = {a.name for a in self.arguments if a.role == "scalar"}
        return sizes | scalars | self.variants.keys()

    def expression(self, **chosen):
        """The C++ name of one instantiation: `softmax_forward<float>`."""
        if not self.types and not self.variants:
            return self.name
        words = {name: _cuda(value) for name, value in chosen.items()}
        return f"{self.name}<{self.template.format(**words)}>"

    def instantiations(self, T=None):
        """All C++ names (those for one T), each with its choices: {expression: {"T": ...}}."""
        types = [T] if T is not None else self.types or [None]
        found = {}
        for choice in itertools.product(types, *self.variants.values()):
            chosen = dict(zip(("T", *self.variants), choice, strict=True))
            found[self.expression(**chosen)] = chosen
        return found

    def block_of(self, sizes):
        """Threads of a block, for these sizes."""
        return self.block(sizes) if callable(self.block) else self.block

    def threads(self, chosen):
        """The largest block among the samples and the benchmark of these choices."""
        most = 1
        for values in (*self.samples, self.bench):
            if all(values.get(name, value) == value for name, value in chosen.items()):
                size = ITEM_SIZES.get(chosen.get("T"), 4)
                block = self.block_of(sizes_of(**{**values, **chosen}, itemsize=size))
                most = max(most, math.prod(block))
        return most


def _cuda(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return CUDA_TYPES.get(value, str(value))


def ceil_div(a, b):
    """a / b, rounded up."""
    return -(-a // b)


def accumulator(dtype):
    """The dtype in which a kernel for this one adds up."""
    return "float64" if dtype == "float64" else "float32"


def sizes_of(**values):
    """Sizes, scalars and variants as one object, which functions of sizes take."""
    return SimpleNamespace(**values)
