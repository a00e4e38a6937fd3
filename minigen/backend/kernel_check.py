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
        if a.role not in ("in", "inout"):
            continue
        if a.optional and a.name in sample:  # given as None: a null pointer
            arrays[a.name] = None
            continue
        shape = kernels.shape_of(a, sample)
        x = rng.standard_normal(shape) if a.draw is None else a.draw(rng, sizes)
        arrays[a.name] = np.asarray(x).astype(kernels.dtype_of(a.dtype, T)).reshape(shape)
    words = {word for a in kernel.arguments for word in a.shape.split()}
    takes = words | kernel.variants.keys() | {a.name for a in kernel.arguments} - arrays.keys()
    # what else is in a sample is for `draw` and the reference
    return arrays, {name: value for name, value in sample.items() if name in takes}


def expected(kernel, arrays, sample):
    """What the outputs must be: float64 arrays, or None where the reference does not say."""
    wide = {name: _wide(x) for name, x in arrays.items()}
    wanted = inspect.signature(kernel.reference).parameters
    values = {**sample, **wide}
    made = kernel.reference(**{name: values[name] for name in wanted})
    return made if isinstance(made, tuple) else (made,)


def _wide(x):
    if x is None or x.dtype.kind in "iub":
        return x
    return x.astype("float64")


def error(kernel, T, sample, device="cpu", seed=0):
    """The largest error of any output, as a multiple of what is allowed: right if at most 1."""
    arrays, scalars = drawn(kernel, T, sample, seed)
    right = expected(kernel, arrays, sample)
    there = [None if x is None else to_device(x.copy(), device) for x in arrays.values()]
    made = kernels.launch(kernel, *there, **scalars)
    outputs = iter(made if isinstance(made, tuple) else (made,))
    changed = dict(zip(arrays, there, strict=True))
    written = [a for a in kernel.arguments if a.role in ("out", "inout")]
    worst = 0.0
    for a, want in zip(written, right, strict=True):
        got = to_numpy(next(outputs) if a.role == "out" else changed[a.name])
        if want is not None:
            worst = max(worst, _error(got, want, kernel.tolerance))
    return worst


def _error(got, want, tolerance):
    if got.shape != want.shape:
        return np.inf
    if got.dtype.kind in "iub":
        return 0.0 if (got == want).all() else np.inf
    allowed = TOLERANCE[got.dtype.name] * tolerance
    got = got.astype("float64")
    same = (got == want) | (np.isnan(got) & np.isnan(want))  # inf, too
    with np.errstate(invalid="ignore"):
        off = np.abs(got - want) / (1 + np.abs(want))
        off = np.where(same, 0.0, np.where(np.isfinite(off), off, np.inf))
        return float(np.nan_to_num(off / allowed, nan=0.0, posinf=np.inf).max(initial=0.0))


def profile(kernel, T):
    """How each line uses memory, of the first sample on the emulator: see emulator.profile."""
    from minigen.backend import emulator

    with kernels.emulation(check=True):
        module = kernels.emulated_module(kernel.source, T if kernel.types else None, True)
        return emulator.profile(module, lambda: error(kernel, T, kernel.samples[0]))
