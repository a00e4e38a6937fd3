"""One launch: arguments checked, handed to the runtime, run, and what was found raised.

Invariant: one launch at a time in a process, whatever thread calls; Ctrl-C is heard within a
fraction of a second.
Read next: launch.cpp, which does the same on the other side; arguments.py.
"""

import contextlib
import contextvars
import ctypes
import functools
import threading

from minigen.backend.emulator import arguments, reports
from minigen.backend.emulator.compiler import HERE, RUNTIME, EmulatorError, compiled

_one_at_a_time = threading.Lock()
_seconds = contextvars.ContextVar("seconds of CPU time that a launch may take", default=60.0)


@contextlib.contextmanager
def time_limit(seconds):
    """Context: launches of this thread that take more CPU time end with RUNAWAY; without, 60 s."""
    token = _seconds.set(seconds)
    try:
        yield
    finally:
        _seconds.reset(token)


@functools.cache
def runtime():
    """The runtime's library, loaded so that the libraries of kernels find it."""
    text = "".join(f'#include "{name}"\n' for name in RUNTIME)
    library = ctypes.CDLL(str(compiled(text, ["-Wno-psabi"], [HERE])), mode=ctypes.RTLD_GLOBAL)
    pointer, size, number, text = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_char_p
    library.emu_array.restype = pointer
    library.emu_array.argtypes = [pointer, size, number, number, number, number, text]
    library.emu_shared_variable.argtypes = [size, size, text]
    library.emu_null_argument.argtypes = [text]
    library.emu_unwritten.restype = size
    library.emu_unwritten.argtypes = [pointer]
    library.emu_begin.argtypes = [
        *(pointer, pointer, pointer, ctypes.c_uint, number, ctypes.c_uint, number, number),
        ctypes.c_double,
    ]
    library.emu_reports.restype = library.emu_profile.restype = text
    return library


def _sizes(name, grid, block, shared_mem):
    """Grid and block as six numbers; EmulatorError where a device would refuse the launch."""
    grid, block = ((*map(int, size), 1, 1)[:3] for size in (grid, block))
    limits = zip((*grid, *block), (2**31 - 1, 65535, 65535, 1024, 1024, 64), strict=True)
    threads = block[0] * block[1] * block[2]
    if threads > 1024 or not all(1 <= size <= limit for size, limit in limits):
        raise EmulatorError(
            f"{name}: BAD-LAUNCH: grid {grid}, block {block}: a grid has from 1 to (2^31-1, 65535, "
            "65535) blocks, a block from 1 to (1024, 1024, 64) threads, 1024 in all"
        )
    if not 0 <= shared_mem <= 227 * 1024:
        raise EmulatorError(
            f"{name}: BAD-LAUNCH: {shared_mem} bytes of dynamic shared memory: a block of sm_90 "
            f"may have {227 * 1024}"
        )
    return (ctypes.c_uint * 6)(*grid, *block)


class Kernel:
    """One kernel of a module, called as CuPy's RawKernel is."""

    def __init__(self, module, name, number):
        self.module, self.name = module, name
        self.entry = ctypes.cast(getattr(module.loaded, f"emu_entry_{number}"), ctypes.c_void_p)
        signature = getattr(module.loaded, f"emu_signature_{number}")
        signature.restype = ctypes.c_char_p
        self.parameters = arguments.parameters(signature().decode())

    def __call__(self, grid, block, args, shared_mem=0, order=0, seed=0, also=(), all_written=True):
        """Run it; EmulatorError with what was found, TypeError for arguments of a wrong type.

        grid, block   one to three numbers each; shared_mem: bytes of dynamic shared memory
        args          NumPy arrays, None for a pointer that is optional, NumPy scalars
        order         of threads and blocks: 0 ascending, 1 descending, 2 shuffled by seed
        also          arrays that the kernel reaches through an array of addresses
        all_written   whether arrays from `empty` must be written whole (in a checked launch)
        """
        sizes = _sizes(self.name, grid, block, shared_mem)
        values = arguments.values(self.name, self.parameters, args)
        pointers = [
            arguments.Pointer(f"argument {i}", array, parameter.how == "c", value)
            for i, (parameter, array, value) in enumerate(
                zip(self.parameters, args, values, strict=True)
            )
            if parameter.how != "v" and array is not None
        ]
        pointers += [arguments.Pointer(f"also[{i}]", array) for i, array in enumerate(also)]
        with _one_at_a_time:
            try:
                text = self._run(sizes, values, pointers, (shared_mem, order, seed), all_written)
            finally:  # also where Ctrl-C has ended it
                runtime().emu_forget()
        for pointer in pointers:
            if not pointer.const:
                arguments.initialised(pointer.array)
        if text:
            text = reports.with_places(text, self.module.library, self.module.source_name)
            raise EmulatorError("\n".join(f"{self.name}: {line}" for line in text.splitlines()))

    def _run(self, sizes, values, pointers, options, all_written):
        """Run the launch; what was found as text, "" if nothing."""
        library, module = runtime(), self.module
        for i, (parameter, value) in enumerate(zip(self.parameters, values, strict=True)):
            if parameter.how != "v" and not value.value:
                library.emu_null_argument(str(i).encode())
        groups = arguments.overlapping(pointers) if module.check else []
        for group in groups:
            _place(library, group)
        for offset, size, name in module.shared_variables if module.check else ():
            library.emu_shared_variable(offset, size, name.encode())
        module.loaded.emu_touch_shared()
        table = (ctypes.c_void_p * max(1, len(values)))(*map(ctypes.addressof, values))
        flags = int(module.check), int(reports.is_profiled(module.library))
        library.emu_begin(self.entry, table, sizes, *options, *flags, _seconds.get())
        while library.emu_run():
            pass  # here Python hears Ctrl-C
        text = library.emu_reports().decode()
        if text or not all_written:
            return text
        return "".join(_unwritten(library, group) for group in groups)


def _place(library, group):
    """Tell the runtime of arrays that share memory, and the kernel where it will find them."""
    place = library.emu_array(
        group.begin,
        group.size,
        min(pointer.array.itemsize for pointer in group.pointers),
        not group.uninitialised,
        all(pointer.const for pointer in group.pointers),
        group.movable,
        group.name.encode(),
    )
    if place is None:
        raise MemoryError(f"no {group.size} bytes for the checked copy of {group.name}")
    group.place = place
    for pointer in group.pointers:
        if pointer.value is not None:
            pointer.value.value = place + pointer.array.ctypes.data - group.begin


def _unwritten(library, group):
    """A line if the kernel left a part of an array from `empty` unwritten."""
    if not group.uninitialised or all(pointer.const for pointer in group.pointers):
        return ""
    missing = library.emu_unwritten(group.place)
    return f"UNWRITTEN: {missing} of {group.size} bytes of {group.name}\n" if missing else ""
