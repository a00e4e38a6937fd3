"""One kernel against its reference, at the sizes that its entry gives.

Idea: draw what the kernel reads, run it wherever the device says, and compare what it wrote with
the entry's reference, computed in float64 from the same inputs. The tests, the mutation command and
the benchmark all ask this file whether a kernel is right.
Read next: kernels.py (launch), ../../kernels/entry.py.
"""

import inspect

import numpy as np

from minigen.backend import kernels, to_device, to_numpy
from minigen.kernels.entry import sizes_of

# What rounding may do to a result of size 1 in each type, from sums of some hundred terms.
TOLERANCE = {"float64": 1e-12, "float32": 2e-5, "float16": 2e-3, "bfloat16": 1.6e-2}


def drawn(kernel, T, sample, seed=0):
    """({argument: array} of what is read or changed, {scalar or variant: value}) for a sample."""
    rng = np.random.default_rng(seed)
    sizes = sizes_of(**sample, T=T)
    arrays = {}
    for a in kernel.arguments:
        if a.role in ("out", "scalar"):
            continue
        if a.optional and a.name in sample:  # given as None: a null pointer
            arrays[a.name] = None
            continue
        if a.role == "table":
            kind = kernels.dtype_of("T", T)
            arrays[a.name] = [[x.astype(kind) for x in row] for row in a.draw(rng, sizes)]
            continue
        shape = kernels.shape_of(a, sample)
        x = rng.standard_normal(shape) if a.draw is None else a.draw(rng, sizes)
        arrays[a.name] = np.asarray(x).astype(kernels.dtype_of(a.dtype, T)).reshape(shape)
    told = kernel.words - arrays.keys()  # the rest is for `draw` and the reference
    return arrays, {name: value for name, value in sample.items() if name in told}


def moved(x, device):
    """A copy of what was drawn for an argument, on the device.

    In a table every second column has an array that starts where no wide access may.
    """
    if not isinstance(x, list):
        return None if x is None else to_device(x.copy(), device)
    rows = []
    for r, row in enumerate(x):
        rows.append([])
        for i, array in enumerate(row):
            shift = i % 2 if r == i // 2 % len(x) else 0
            base = np.concatenate([np.zeros(shift, array.dtype), array])
            rows[-1].append(to_device(base, device)[shift:])
    return rows


def prepared(kernel, T, there, scalars):
    """kernels.prepared of what was drawn and moved, {argument: array or rows of a table}."""
    given = [kernels.table_of(x) if isinstance(x, list) else x for x in there.values()]
    also = [array for x in there.values() if isinstance(x, list) for array in leaves(x)]
    return kernels.prepared(kernel, *given, T=T, also=also, **scalars)


def leaves(x):
    """The arrays of what was drawn for an argument: one, none, or all of a table."""
    if isinstance(x, list):
        return [array for row in x for array in row]
    return [] if x is None else [x]


def expected(kernel, T, arrays, sample):
    """What the outputs must be: float64 arrays, or None where the reference does not say."""
    wide = {name: _wide(x) for name, x in arrays.items()} | {"T": T}
    wanted = inspect.signature(kernel.reference).parameters
    values = {**sample, **wide}
    made = kernel.reference(**{name: values[name] for name in wanted})
    return made if isinstance(made, tuple) else (made,)


def _wide(x):
    if isinstance(x, list):
        return [_wide(part) for part in x]
    if x is None or x.dtype.kind in "iub":
        return x
    return x.astype("float64")


def error(kernel, T, sample, device="cpu", seed=0, moved=moved):
    """The largest error of any output, as a multiple of what is allowed: right if at most 1.

    moved: what brings the inputs to the device.
    """
    arrays, scalars = drawn(kernel, T, sample, seed)
    right = expected(kernel, T, arrays, sample)
    there = {name: moved(x, device) for name, x in arrays.items()}
    call, made = prepared(kernel, T, there, scalars)
    call()
    outputs = iter(made)
    written = [a for a in kernel.arguments if a.role in ("out", "inout", "table")]
    worst = 0.0
    for a, want in zip(written, right, strict=True):
        got = next(outputs) if a.role == "out" else there[a.name]
        for one, exact in zip(leaves(got), leaves(want), strict=want is not None):
            worst = max(worst, _error(to_numpy(one), exact, kernel.tolerance))
    return worst


def _error(got, want, tolerance):
    if got.shape != want.shape:
        return np.inf
    if got.dtype.kind in "iub":
        return 0.0 if (got == want).all() else np.inf
    allowed = TOLERANCE[got.dtype.name] * tolerance
    want = np.asarray(want) if tolerance else want.astype(got.dtype)
    got, want = got.astype("float64"), want.astype("float64")
    same = (got == want) | (np.isnan(got) & np.isnan(want))  # inf, too
    with np.errstate(invalid="ignore", divide="ignore"):
        off = np.abs(got - want) / (1 + np.abs(want))
        off = np.where(same, 0.0, np.where(np.isfinite(off), off, np.inf))
        return float(np.nan_to_num(off / allowed, nan=0.0, posinf=np.inf).max(initial=0.0))


def profile(kernel, T):
    """How each line uses memory, of the first sample on the emulator: see emulator.profile."""
    from minigen.backend import emulator

    with kernels.emulation(check=True):
        module = kernels.emulated_module(kernel.source, T if kernel.types else None, True)
        return emulator.profile(module, lambda: error(kernel, T, kernel.samples[0]))
