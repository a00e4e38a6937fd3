"""Compiling kernels for a GPU on a machine without one, by NVRTC, the compiler that CuPy uses too.

Idea: NVRTC is a library of the extra `kernels`; it makes machine code for any architecture, and its
log says what each kernel takes: registers, shared memory, and whether registers did not suffice
("spills" go to memory, which costs a kernel its speed). `examined` compares that with what the
kernel's entry allows.
Read next: kernels.py, ../../kernels/entry.py.
"""

import ctypes
import functools
import re
import sys
import time
from pathlib import Path
from typing import NamedTuple

from minigen.backend.kernels import FOLDER, manifest

ARCHITECTURES = (80, 90)  # compute capability 8.0 (A100) and 9.0 (H100, H200)
STATIC_SHARED = 48 << 10  # bytes of __shared__ variables that a block may have
REGISTERS = 1 << 16  # of a multiprocessor: a block's must fit


class CompileError(RuntimeError):
    """NVRTC refused the source; the message is its log."""


class Usage(NamedTuple):
    """What one kernel takes on one architecture."""

    registers: int  # per thread
    spilled: int  # bytes of registers that were written to memory
    stack: int  # bytes of local memory per thread
    shared: int  # bytes of __shared__ variables per block


class Compiled(NamedTuple):
    """One file for one architecture."""

    usage: dict  # {C++ name: Usage}
    code: bytes  # the cubin
    seconds: float


def unavailable():
    """ "" or why nothing can be compiled here, with the fix."""
    return "" if _found() else 'NVRTC is not installed: pip install -e ".[kernels]" in a clone'


@functools.cache
def _found():
    """(libnvrtc, CUDA's header folder) of the packages of the extra `kernels`, or None."""
    for place in map(Path, sys.path):
        headers = [*place.glob("nvidia/cu1*/include"), *place.glob("nvidia/cuda_runtime/include")]
        for library in sorted(place.glob("nvidia/*/lib/libnvrtc.so.1*")):
            if headers and "builtins" not in library.name:
                return library, headers[0]
    return None


@functools.cache
def _nvrtc():
    library = ctypes.CDLL(str(_found()[0]))
    library.nvrtcGetErrorString.restype = ctypes.c_char_p
    return library


def _ask(function, *args):
    code = getattr(_nvrtc(), function)(*args)
    if code:
        raise CompileError(f"{function}: {_nvrtc().nvrtcGetErrorString(code).decode()}")


def _text(program, what):
    size = ctypes.c_size_t()
    _ask(f"nvrtcGet{what}Size", program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    _ask(f"nvrtcGet{what}", program, buffer)
    return buffer.raw


def compiled(path, names, architecture):
    """A .cu file's kernels, by their C++ names, as machine code. CompileError with the log."""
    start, program, path = time.perf_counter(), ctypes.c_void_p(), Path(path)
    _ask(
        "nvrtcCreateProgram",
        *(ctypes.byref(program), path.read_bytes(), str(path).encode(), 0, None, None),
    )
    try:
        for name in names:
            _ask("nvrtcAddNameExpression", program, name.encode())
        options = [
            f"--gpu-architecture=sm_{architecture}",
            "--std=c++17",
            "--ptxas-options=-v",
            f"-I{_found()[1]}",
            f"-I{path.parent}",
        ]
        words = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
        failed = _nvrtc().nvrtcCompileProgram(program, len(options), words)
        log = _text(program, "ProgramLog").rstrip(b"\0").decode()
        if failed:
            raise CompileError(f"{path.name} for sm_{architecture}:\n{log}")
        usage = {name: _usage(log, _lowered(program, name)) for name in names}
        return Compiled(usage, _text(program, "CUBIN"), time.perf_counter() - start)
    finally:
        _ask("nvrtcDestroyProgram", ctypes.byref(program))


def _lowered(program, name):
    """The mangled name under which the compiler's log speaks of a kernel."""
    lowered = ctypes.c_char_p()
    _ask("nvrtcGetLoweredName", program, name.encode(), ctypes.byref(lowered))
    return lowered.value.decode()


def _usage(log, lowered):
    about = log[log.index(f"entry function '{lowered}'") :]
    stack, spilled = re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores", about).groups()
    used = re.search(r"Used (\d+) registers[^\n]*", about)
    shared = re.search(r"(\d+) bytes smem", used[0])
    return Usage(int(used[1]), int(spilled), int(stack), int(shared[1]) if shared else 0)


def kernels_of(source):
    """{C++ name: (entry, choices)} of all instantiations of a file's kernels."""
    return {
        name: (kernel, chosen)
        for kernel in manifest().values()
        if kernel.source == source
        for name, chosen in kernel.instantiations().items()
    }


def examined(source, architecture):
    """({C++ name: Usage}, what is wrong, a sentence each) of a file's kernels."""
    known = kernels_of(source)
    try:
        usage = compiled(FOLDER / source, known, architecture).usage
    except CompileError as error:
        return {}, [str(error)]
    return usage, [
        f"{name} on sm_{architecture}: {problem}"
        for name, (kernel, chosen) in known.items()
        for problem in _beyond(kernel, chosen, usage[name])
    ]


def _beyond(kernel, chosen, usage):
    """What one instantiation takes and its entry does not allow."""
    if usage.spilled or usage.stack:
        yield f"{usage.spilled} bytes spilled, {usage.stack} bytes of stack: local memory is slow"
    if usage.registers > kernel.registers:
        yield f"{usage.registers} registers, its entry allows {kernel.registers}"
    if usage.shared > STATIC_SHARED:
        yield f"{usage.shared} bytes of static shared memory, the hardware allows {STATIC_SHARED}"
    threads = kernel.threads(chosen)
    if threads * usage.registers > REGISTERS:
        yield f"{threads} threads with {usage.registers} registers each do not fit: {REGISTERS}"
