"""The GPU side of the backend: the only file that imports CuPy, on first use.

Idea: asking for a GPU that is not there is an error that says what to do, never a fall-back. What
CuPy 14 does otherwise than NumPy is answered here or in the file named, for all code above:

    0-d results      reductions give 0-d arrays, never scalars       as_array
    adding up        at repeated indices: few dtypes only            scatter_add
    index bounds     out of range: wrapped around, in silence        bounds.py
    clip             without a limit: floats and integers only       clip
    powers           of integers to -1: 0, no error                  power
    warnings         none, ever; linalg fails in silence             quiet, linalg_raises
    random numbers   curand's: ours are the same on every GPU        device/random.py
    out of memory    an error of its own kind                        memory.py
    streams          work goes to the current one; we make none      nothing: CuPy does it
    the current GPU  computes, whatever GPU the arrays are on        array_module, follow
    nan, inf, 1e20   as integers: what the hardware makes of them    nothing: C leaves it open
    below 1.2e-38    float32 is 0: compiled with -ftz=true, ours too  nothing: it is as fast as 0

What does not differ: which dtype comes out of which (tests/test_fake_cupy.py asks CuPy itself).
Read next: kernels.py, ../../kernels/README.md.
"""

import contextlib
import functools
import hashlib

import numpy

from minigen import backend
from minigen.backend import memory


@functools.cache
def module():
    """CuPy, checked once. RuntimeError with the fix if it is absent or sees no GPU."""
    try:
        import cupy
    except ImportError as error:
        raise RuntimeError(
            'device "gpu": CuPy is not installed. Install the extra of your driver, gpu12 or '
            'gpu13: '
            '`pip install -e ".[gpu13]"` in a clone; `minigen doctor` says which'
        ) from error
    if not cupy.cuda.is_available():
        raise RuntimeError(
            'device "gpu": CuPy is installed but sees no GPU (no NVIDIA driver, or an older one '
            'than '
            'CuPy needs); `minigen doctor` says what it finds. Use device="cpu" meanwhile'
        )
    return cupy


@functools.cache
def several():
    """Whether there is more than one GPU, so that the current one may be another."""
    import cupy

    return cupy.cuda.is_available() and cupy.cuda.runtime.getDeviceCount() > 1


def use(number):
    """GPU `number`: current in a `with` block, or from its `use()` on. RuntimeError if too high."""
    cupy = module()
    count = cupy.cuda.runtime.getDeviceCount()
    if number >= count:
        raise RuntimeError(f'device "gpu:{number}": this machine has {count}, numbered from 0')
    return cupy.cuda.Device(number)


@contextlib.contextmanager
def on(number):
    """Context: GPU `number` is current, and says what it holds when new arrays do not fit."""
    with use(number):
        try:
            yield
        except MemoryError as error:
            raise backend.out_of_memory("a new tensor", error) from error


def to_gpu(x, number):
    """The array on GPU `number`, which is then current; copied unless it is there."""
    use(number).use()
    try:
        return module().asarray(x)
    except MemoryError as error:
        raise backend.out_of_memory("to", error) from error


def out_of_memory(function, error):
    """The MemoryError to raise for CuPy's, with what the GPU holds; None for one of the CPU."""
    import cupy

    if isinstance(error, cupy.cuda.memory.OutOfMemoryError):
        return memory.explained(function, error, cupy)
    return None


# CuPy adds at repeated indices to these and, with sums in 16 bits, to float16; to no others
_ATOMIC = {"int32", "uint32", "uint64", "float32", "float64"}


def scatter_add(target, index, values):
    """target[index] += values with repeats added, in place; sums in 32 bits at least."""
    cupy = module()
    if target.dtype == "int64":  # CUDA adds to unsigned ones only; in two's complement it is one
        target, values = target.view("uint64"), values.astype("int64", copy=False).view("uint64")
    if target.dtype.name in _ATOMIC:
        cupy.add.at(target, index, values)
        return
    wide = target.astype("int32" if target.dtype.kind in "iub" else "float32")
    cupy.add.at(wide, index, values.astype(wide.dtype))
    target[...] = wide.astype(target.dtype)


def clip(x, low, high):
    """x limited to [low, high]; either may be None (CuPy's own fails then for other dtypes)."""
    cupy = module()
    if high is None:
        return cupy.maximum(x, low)
    return cupy.minimum(x, high) if low is None else cupy.clip(x, low, high)


def power(a, b):
    """a to the power b. ValueError for integers to a negative number, as NumPy says.

    Of exponents in an array nobody looks at the sign: 2 to -1 is 0 then (PyTorch: the same).
    """
    if isinstance(b, (int, numpy.integer)) and b < 0 and a.dtype.kind in "iub":
        raise ValueError("Integers to negative integer powers are not allowed.")
    return a**b


def erf(x):
    """The error function, elementwise."""
    from cupyx.scipy.special import erf

    return erf(x)


def is_capturing():
    """Whether the current stream records a graph: then CuPy refuses cuBLAS and its like."""
    return module().cuda.get_current_stream().is_capturing()


def linalg_raises():
    """Context: a linear algebra function that fails raises LinAlgError (and waits for the GPU)."""
    import cupyx

    return cupyx.errstate(linalg="raise")


def erfc(x):
    """1 - erf(x), elementwise."""
    from cupyx.scipy.special import erfc

    return erfc(x)


def byte_range(x):
    """First and one-past-last address that the array may touch."""
    low, high = x.data.ptr, x.data.ptr
    for size, stride in zip(x.shape, x.strides, strict=True):
        low, high = low + min(0, (size - 1) * stride), high + max(0, (size - 1) * stride)
    return low, high + x.itemsize


# ---- our kernels


def run(folder, source, expression, grid, block, values, shared):
    """Launch a kernel of a .cu file on the current GPU and stream; compiled on first use."""
    kernel = _compiled(folder, source, expression, module().cuda.Device().id)
    kernel(grid, block, tuple(values), shared_mem=shared)


@functools.cache
def _compiled(folder, source, expression, gpu):
    """The function, on one GPU: CuPy loads it for the current one."""
    code = module().RawModule(
        code=(folder / source).read_text(encoding="utf-8"),
        options=("--std=c++17", f"-I{folder}", f"-DMG_HEADERS={_digest(folder)}"),
        name_expressions=[expression],
    )
    kernel = code.get_function(expression)
    # Shared memory beyond 48 KB must be allowed, and what is fixed counts. All, once: CUDA keeps
    # one number for a function, so that allowing what a launch needs would take from those before.
    runtime = module().cuda.runtime
    most = runtime.deviceGetAttribute(runtime.cudaDevAttrMaxSharedMemoryPerBlockOptin, gpu)
    kernel.max_dynamic_shared_size_bytes = most - kernel.shared_size_bytes
    return kernel


@functools.cache
def _digest(folder):
    """Of all headers, in 16 digits: CuPy's cache on disk asks for the source and the options alone,
    and would go on with what a header said before."""
    text = b"".join(path.read_bytes() for path in sorted(folder.glob("*.cuh")))
    return hashlib.sha256(text).hexdigest()[:16]


def properties(number):
    """A GPU's name, and its peak rates without tensor cores, in operations per second."""
    with use(number) as gpu:
        about, attributes = module().cuda.runtime.getDeviceProperties(number), gpu.attributes
    clock = attributes["ClockRate"] * 1e3  # kHz
    capability = about["major"], about["minor"]
    lanes = 64 if capability == (8, 0) else 128  # float32 multiply-adds per cycle and processor
    peak = 2.0 * lanes * about["multiProcessorCount"] * clock
    of_double = 1 / 2 if capability in ((8, 0), (9, 0)) else 1 / 64  # data centre, or not
    return {"name": about["name"].decode(), "float32": peak, "float64": peak * of_double}
