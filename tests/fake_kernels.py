"""CuPy's RawModule for the stand-in: kernels are launched on the emulator, as strictly as CuPy.

Idea: what minigen hands to CuPy (source, options, C++ name, grid, block, arguments) is looked at as
CuPy and CUDA would, and the kernel runs on the CPU. So the launcher is tested without a GPU.
Read next: fake_cupy.py, ../minigen/backend/kernels.py.
"""

import functools

import numpy

from minigen.backend import kernels, nvrtc

SHARED = 227 << 10  # bytes that a block may have at most, as of an H100
STATIC = 1 << 10  # of these, what a kernel's own variables take

_allowed = {}  # of each function, in CUDA's memory: asking for it again gives the same one


@functools.cache
def _known():
    """{C++ name: (entry, choices)} of all kernels."""
    found = {}
    for kernel in kernels.manifest().values():
        found |= nvrtc.kernels_of(kernel.source)
    return found


class RawModule:
    """A source, compiled; only sources of the manifest are."""

    def __init__(self, code=None, *, options=(), name_expressions=None):
        self.code, self.options = code, options
        self.names = name_expressions or []

    def get_function(self, name):
        if name not in self.names:
            raise ValueError(f"{name} is not among the name_expressions")
        kernel, chosen = _known()[name]
        assert self.code == (kernels.FOLDER / kernel.source).read_text(encoding="utf-8")
        standard, folder, headers = self.options
        assert (standard, folder) == ("--std=c++17", f"-I{kernels.FOLDER}")
        assert headers.startswith("-DMG_HEADERS="), "CuPy's cache does not see what is included"
        module = kernels.emulated_module(kernel.source, chosen.get("T"), False)
        return _Function(name, module[name])


class _Function:
    """A kernel, to be called with a grid, a block, and arguments."""

    shared_size_bytes = STATIC

    def __init__(self, name, run):
        self.name, self.run = name, run

    @property
    def max_dynamic_shared_size_bytes(self):
        return _allowed.get(self.name, (48 << 10) - STATIC)

    @max_dynamic_shared_size_bytes.setter
    def max_dynamic_shared_size_bytes(self, size):
        assert size <= SHARED - STATIC, "CUDA refuses the size"
        _allowed[self.name] = size

    def __call__(self, grid, block, args, *, shared_mem=0):
        from fake_cupy import ndarray

        assert isinstance(grid, tuple) and isinstance(block, tuple)
        assert max(grid[1:], default=1) < 1 << 16, "CUDA refuses the launch"
        assert shared_mem <= self.max_dynamic_shared_size_bytes, "CUDA refuses the launch"
        values = []
        for a in args:
            assert isinstance(a, (ndarray, numpy.generic)), "its bytes would be another type's"
            if isinstance(a, numpy.uint64) and a == 0:  # a null pointer
                a = None
            values.append(a._array if isinstance(a, ndarray) else a)
        self.run(grid, block, values, shared_mem=shared_mem)
