"""Launching our CUDA kernels: on a GPU through CuPy, on the CPU through the emulator.

Idea: one call, `launch(name, *arrays, **scalars)`, for both. The kernel's entry (see
minigen/kernels/entry.py) says what it takes, so that a wrong dtype or shape is an error here, not
wrong bits there: a raw kernel ignores strides, and takes a Python float for eight bytes of double.

Who launches: an op asks `active(x)`, which is true for arrays of a GPU, and for arrays of the CPU
inside `with emulated_kernels():`, or if the environment says MINIGEN_EMULATE=1. Then the same
source runs as on a GPU, so that the whole engine can be tried on a machine without one. launch
itself never falls back: where a kernel cannot run, it says so.
Read next: emulator/ (how a CPU runs CUDA), ../../kernels/README.md, cupy.py.
"""

import contextlib
import functools
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minigen.backend import array_module, device_of, ndarray, to_device
from minigen.kernels import entry

FOLDER = Path(entry.__file__).parent
_ORDERS = {"ascending": 0, "descending": 1, "shuffled": 2}


class Emulation(NamedTuple):
    """How kernels are emulated."""

    check: bool = False  # verify each access of memory
    order: int = 0  # of threads: 0 ascending, 1 descending, 2 shuffled by seed
    seed: int = 0
    folder: Path = FOLDER  # of the sources
    only: tuple = ()  # kernels to compile; () for all of a file


_PLAIN = Emulation()

# How CPU arrays' kernels are emulated, or None where their ops use NumPy; for the whole process.
_emulation = _PLAIN if os.environ.get("MINIGEN_EMULATE", "0") not in ("", "0") else None


def active(*arrays):
    """Whether an op on these arrays is to launch a kernel: on a GPU, or emulated.

    False if any is no array of floats: no kernel has those. None among them does not count.
    """
    if _emulation is None and arrays[0].__class__ is ndarray:
        return False
    return all(x is None or x.dtype.kind in "fV" for x in arrays)


def on_device(x):
    """Whether x is where kernels run: on a GPU, or on the CPU while they are emulated."""
    return _emulation is not None or x.__class__ is not ndarray


@contextlib.contextmanager
def emulated_kernels(check=False, order="ascending", seed=0):
    """Context: ops on CPU arrays run the CUDA source of their kernels, on the emulator.

    check: also verify each access of memory (bounds, initialisation, races) and each barrier.
    order: in which the threads between two barriers run, "ascending", "descending" or "shuffled"
    (by seed). Slow: for tests and for learning. RuntimeError where the emulator cannot run; for
    all threads of the process.
    """
    if order not in _ORDERS:
        raise ValueError(f"emulated_kernels: order {order!r} is not one of {', '.join(_ORDERS)}")
    _emulator()
    with emulation(check=check, order=_ORDERS[order], seed=seed):
        yield


@contextlib.contextmanager
def emulation(**how):
    """Context: kernels are emulated as the fields of Emulation say."""
    global _emulation
    before, _emulation = _emulation, Emulation(**how)
    try:
        yield
    finally:
        _emulation = before


def _emulator():
    """The emulator, loaded on first need only. RuntimeError with the fix where it cannot run."""
    from minigen.backend import emulator

    if reason := emulator.unavailable():
        raise RuntimeError(f"emulated kernels: {reason}")
    return emulator


def launch(name, *arrays, T=None, also=(), **scalars):
    """Run a kernel of the manifest; returns the array that it makes, or a tuple of them.

    arrays: what the entry has as In, InOut and Table, in this order; None for an optional one.
    scalars: its numbers and variants by name, save those that are sizes of the arrays. T: its type,
    where no array says it. also: arrays that it reaches through a table. Runs on the arrays' GPU,
    on the current stream. TypeError for a dtype, ValueError for a shape that the entry does not
    have.
    """
    call, made = prepared(name, *arrays, T=T, also=also, **scalars)
    call()
    return made[0] if len(made) == 1 else tuple(made)


def prepared(name, *arrays, T=None, also=(), **scalars):
    """(function that launches, the arrays that it will write): launch in two steps."""
    kernel = name if isinstance(name, entry.Kernel) else manifest()[name]
    like = tuple([None if x is None else (x.shape, x.dtype) for x in arrays])
    plan = _plan(kernel, like, T, tuple(scalars.items()))
    on_cpu = {isinstance(x, ndarray) for x in arrays if x is not None}
    if len(on_cpu) > 1:
        raise TypeError(f"{kernel.name}: its arrays are partly on the CPU, partly on a GPU")
    xp = array_module(*arrays)
    empty = xp.empty if xp is not np else _emulator().empty
    values, made = list(plan.values), []
    for place, a, x in zip(plan.places, plan.given, arrays, strict=True):
        if x is not None and not x.flags.c_contiguous:
            x = _contiguous(kernel, a, x, xp)
        values[place] = x
    for place, shape, dtype in plan.outputs:
        values[place] = empty(shape, dtype)
        made.append(values[place])
    if 0 in plan.grid:
        return (lambda: None), made
    run = _emulated if xp is np else _on_gpu
    return (lambda: run(plan, values, also)), made


class Plan(NamedTuple):
    """All of a launch that follows from shapes, dtypes and scalars."""

    kernel: entry.Kernel
    T: str | None
    expression: str  # the C++ name
    values: tuple  # what the C++ function takes: its numbers, and None where arrays will stand
    given: tuple  # arguments that the caller gives arrays for
    places: tuple  # their places among the values
    outputs: tuple  # (place, shape, dtype) of the arrays to make
    grid: tuple
    block: tuple
    shared: int


@functools.lru_cache(4096)  # a step of training launches the same ones every time
def _plan(kernel, like, T, scalars):
    """The Plan for arrays like these, (shape, dtype) or None each. TypeError, ValueError."""
    given = _by_name(kernel, like)
    T, sizes = _bound(kernel, given, T, dict(scalars))
    view = entry.sizes_of(**sizes, T=T, itemsize=dtype_of("T", T).itemsize if T else 4)
    chosen = {"T": T} if kernel.types else {}
    for name, known in kernel.variants.items():
        chosen[name] = known[known.index(sizes[name])]  # 1 is True: as the entry spells it
    each = list(enumerate(kernel.arguments))
    return Plan(
        kernel,
        T if kernel.types else None,
        kernel.expression(**chosen),
        tuple(_number(kernel, a, T, sizes) if a.role == "scalar" else None for _, a in each),
        tuple(a for _, a in each if a.name in given),
        tuple(place for place, a in each if a.name in given),
        tuple(
            (place, shape_of(a, sizes), dtype_of(a.dtype, T))
            for place, a in each
            if a.role == "out"
        ),
        tuple(int(n) for n in kernel.grid(view)),
        kernel.block_of(view),
        int(kernel.shared(view)),
    )


@functools.cache
def manifest():
    """{name: entry} of all kernels."""
    from minigen.kernels.manifest import KERNELS

    return {kernel.name: kernel for kernel in KERNELS}


def _by_name(kernel, arrays):
    """{argument: its (shape, dtype)} of what is given. TypeError for a wrong number of them."""
    wanted = [a for a in kernel.arguments if a.role not in ("out", "scalar")]
    if len(arrays) != len(wanted):
        names = ", ".join(a.name for a in wanted)
        raise TypeError(f"{kernel.name}: takes the arrays {names}; got {len(arrays)} of them")
    for a, x in zip(wanted, arrays, strict=True):
        if x is None and not a.optional:
            raise TypeError(f"{kernel.name}: {a.name} is missing; only optional arrays may be None")
    return {a.name: x for a, x in zip(wanted, arrays, strict=True)}


def _bound(kernel, given, T, scalars):
    """(T, {size, scalar or variant: value}), checked against every array."""
    of_type = (given.get(a.name) for a in kernel.arguments if a.dtype == "T")
    T = next((dtype.name for _, dtype in filter(None, of_type)), T)
    if kernel.types and T not in kernel.types:
        raise TypeError(f"{kernel.name}: exists for {', '.join(kernel.types)}, not for {T}")
    sizes = dict(scalars)
    for a in kernel.arguments:
        if given.get(a.name) is not None:
            _bind(kernel, a, *given[a.name], T, sizes)
    for name in scalars:
        if name not in kernel.words:
            raise TypeError(f"{kernel.name}: takes no {name}")
    for name, values in kernel.variants.items():
        if sizes.get(name) not in values:
            raise ValueError(
                f"{kernel.name}: {name}={sizes.get(name)!r} must be one of "
                f"{', '.join(map(str, values))}"
            )
    return T, sizes


def _bind(kernel, a, shape, dtype, T, sizes):
    """Give an array's sizes to the words of its argument. TypeError, ValueError if it misfits."""
    if dtype != dtype_of(a.dtype, T):
        raise TypeError(
            f"{kernel.name}: {a.name} is {dtype.name}, expected {dtype_of(a.dtype, T).name}; "
            "cast it first"
        )
    fits = len(a.words) == len(shape)
    if fits:
        for word, size in zip(a.words, shape, strict=True):
            fits &= (word if word.__class__ is int else sizes.setdefault(word, size)) == size
    if not fits:
        known = ", ".join(f"{word}={sizes[word]}" for word in a.words if word in sizes)
        raise ValueError(
            f"{kernel.name}: {a.name} {tuple(shape)} must have the shape ({a.shape})"
            + f" with {known}" * bool(known)
        )


def shape_of(a, sizes):
    """The shape of an argument, as a tuple of numbers."""
    return tuple([word if word.__class__ is int else sizes[word] for word in a.words])


def table_of(rows):
    """Addresses of arrays, rows of equally many, as a kernel takes them: uint64, where they are."""
    addresses = [[address_of(x) for x in row] for row in rows]
    return to_device(np.array(addresses, np.uint64), device_of(rows[0][0]))


def address_of(x):
    """Where an array's first element lies in memory."""
    return x.__array_interface__["data"][0] if x.__class__ is ndarray else x.data.ptr


@functools.cache
def dtype_of(word, T):
    """The NumPy dtype of an argument's word, for the type T. ImportError without ml_dtypes."""
    word = {"T": T, "A": entry.accumulator(T)}.get(word, word)
    if word == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(word)


def _number(kernel, a, T, sizes):
    """A scalar as the NumPy scalar of exactly the parameter's type."""
    if a.name not in sizes:
        raise TypeError(f"{kernel.name}: {a.name} is missing")
    value, dtype = sizes[a.name], dtype_of(a.dtype, T)
    try:
        number = dtype.type(value)
    except OverflowError:
        raise ValueError(f"{kernel.name}: {a.name}={value} does not fit into {dtype}") from None
    if dtype.kind in "iu" and number != value:
        raise ValueError(f"{kernel.name}: {a.name}={value!r} is not a number of type {dtype}")
    return number


def _contiguous(kernel, a, x, xp):
    if a.role == "inout":
        raise ValueError(
            f"{kernel.name}: {a.name} is changed in place, but its memory is not in C order"
        )
    return xp.ascontiguousarray(x)


def _emulated(plan, values, also):
    how, source = _emulation or _PLAIN, plan.kernel.source
    module = emulated_module(source, plan.T, how.check, how.folder, how.only)
    module[plan.expression](
        plan.grid,
        plan.block,
        values,
        shared_mem=plan.shared,
        order=how.order,
        seed=how.seed,
        also=also,
    )


@functools.cache
def emulated_module(source, T, check, folder=FOLDER, only=()):
    """The kernels of a file for one T, compiled for the CPU (seconds, once: they are cached)."""
    return _emulator().Module(folder / source, expressions(source, T, only), check=check)


def expressions(source, T, only=()):
    """C++ names of what a file's entries have for one T, or without any; of some kernels only."""
    names = []
    for kernel in manifest().values():
        has = T in kernel.types if T else not kernel.types
        if kernel.source == source and has and (not only or kernel.name in only):
            names += kernel.instantiations(T)
    return names


def _on_gpu(plan, values, also):
    from minigen.backend import cupy

    values = [np.uint64(0) if x is None else x for x in values]  # a null pointer
    source, expression = plan.kernel.source, plan.expression
    cupy.run(FOLDER, source, expression, plan.grid, plan.block, values, plan.shared)
