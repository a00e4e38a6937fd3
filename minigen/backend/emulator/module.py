"""A .cu file compiled for the CPU, and its kernels by name.

Invariant: the text is compiled as it stands. What is added comes before it (cuda.h) and behind it:
one entry for each kernel that was asked for, which also instantiates templates.
"""

import contextlib
import ctypes
import functools
import re
import subprocess
from pathlib import Path

from minigen.backend.emulator import compiler
from minigen.backend.emulator.compiler import CHECK_FLAGS, KERNEL_FLAGS, EmulatorError
from minigen.backend.emulator.launch import Kernel, runtime

SHARED = re.compile(r"^\s*\d+: ([0-9a-f]+)\s+(\d+) TLS\s+\w+\s+\w+\s+\w+ (.+)$", re.MULTILINE)


def _compiled(path, names, check=False, defines=(), source=None, include=()):
    """The library of a kernel's file; Module says what the arguments are."""
    path = Path(path).absolute()
    text = path.read_text(encoding="utf-8") if source is None else source
    exports = "".join(f"EMU_EXPORT({i}, {name})\n" for i, name in enumerate(names))
    flags = [*KERNEL_FLAGS, *(CHECK_FLAGS if check else ()), *(f"-D{word}" for word in defines)]
    whole = f'#line 1 "{path.name}"\n{text}\n#line 1 "names of kernels"\n{exports}'
    return compiler.compiled(whole, flags, [path.parent, *map(Path, include)])


def build(jobs):
    """Compile several modules, as many at a time as there are cores.

    A job holds the arguments of a Module: (path, names, check, defines), more if it has them. Its
    Module is then found in the cache. One that does not compile says so when it is asked for.
    """

    def attempt(job):
        with contextlib.suppress(EmulatorError):
            _compiled(*job)

    compiler.in_parallel([runtime, *(functools.partial(attempt, job) for job in jobs)])


class Module:
    """Kernels of one file: module["softmax_forward<float>"] is a Kernel.

    path      the .cu file; names: what to compile of it, templates with their arguments
    check     watch every access (five to ten times slower)
    defines   macros, such as "TILE=32"
    source    text to compile instead of the file's; path still says where `#include` looks, and
              names the file in reports
    include   more folders for `#include`
    """

    def __init__(self, path, names, check=False, defines=(), source=None, include=()):
        self.runtime = runtime()
        self.check, self.names = check, list(names)
        self.source_name = Path(path).name
        self.library = _compiled(path, self.names, check, defines, source, include)
        try:
            self.loaded = ctypes.CDLL(str(self.library))
        except OSError as error:
            raise EmulatorError(f"{self.source_name}: not linked: {error}") from None
        self._kernels = {}

    def __getitem__(self, name):
        if name not in self._kernels:
            if name not in self.names:
                raise KeyError(f"{name} is none of {self.source_name}'s kernels here: {self.names}")
            self._kernels[name] = Kernel(self, name, self.names.index(name))
        return self._kernels[name]

    @functools.cached_property
    def shared_variables(self):
        """The __shared__ variables: (offset in their segment, bytes, name), "" for hidden ones."""
        command = ["readelf", "--syms", "--wide", "--demangle", str(self.library)]
        symbols = subprocess.run(command, capture_output=True, text=True).stdout
        found = set()
        for offset, size, name in SHARED.findall(symbols):
            hidden = name.startswith(("guard variable", "emu_marker"))
            found.add((int(offset, 16), int(size), "" if hidden else name.split("::")[-1]))
        return sorted(found)
