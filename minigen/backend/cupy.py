"""The GPU side of the backend: the only file that imports CuPy, on first use.

Idea: asking for a GPU that is not there is an error that says what to do, never a fall-back.
Read next: ../../kernels/README.md once kernels exist.
"""

import functools


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


def use(number):
    """GPU `number`: current in a `with` block, or from its `use()` on. RuntimeError if too high."""
    cupy = module()
    count = cupy.cuda.runtime.getDeviceCount()
    if number >= count:
        raise RuntimeError(f'device "gpu:{number}": this machine has {count}, numbered from 0')
    return cupy.cuda.Device(number)


def to_gpu(x, number):
    """The array on GPU `number`, which is then current; copied unless it is there."""
    use(number).use()
    return module().asarray(x)


def scatter_add(target, index, values):
    """target[index] += values with repeats added, in place."""
    import cupyx

    if target.dtype == "int64":  # CUDA adds to unsigned ones only; in two's complement it is one
        target, values = target.view("uint64"), values.view("uint64")
    cupyx.scatter_add(target, index, values)


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


def run(path, expression, grid, block, values, shared):
    """Launch a kernel of a .cu file on the current GPU and stream; compiled on first use."""
    _compiled(path, expression, module().cuda.Device().id, shared)(
        grid, block, values, shared_mem=shared
    )


@functools.cache
def _compiled(path, expression, gpu, shared):
    """The function, on one GPU (CuPy loads it for the current one), allowed that much memory."""
    code = module().RawModule(
        code=path.read_text(encoding="utf-8"),
        options=("--std=c++17", f"-I{path.parent}"),
        name_expressions=[expression],
    )
    kernel = code.get_function(expression)
    if shared > 48 << 10:  # what a kernel gets without asking
        kernel.max_dynamic_shared_size_bytes = shared
    return kernel


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
