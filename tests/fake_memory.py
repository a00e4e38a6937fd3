"""Memory of the stand-in for CuPy: what is alive is counted, and a limit can be set.

Idea: every array of the stand-in that the garbage collector knows holds a block of the GPU that it
was made on; views share their owner's. The pool keeps nothing, so what is freed is free at once.
Read next: fake_cupy.py.
"""

import gc
from types import SimpleNamespace

TOTAL = 1 << 30  # bytes of a GPU


class OutOfMemoryError(MemoryError):
    """cupy.cuda.memory.OutOfMemoryError, with its words."""

    def __init__(self, size, total, limit=0):
        limited = f", limit set to: {limit:,} bytes" * bool(limit)
        super().__init__(
            f"Out of memory allocating {size:,} bytes (allocated so far: {total:,} bytes{limited})."
        )


class Pool:
    """cupy.get_default_memory_pool(): as that, it speaks of the current GPU.

    kind: the class of arrays; current() -> the current GPU's number.
    """

    def __init__(self, kind, current):
        self._kind, self._current, self._limits = kind, current, {}

    def used_bytes(self):
        alive = [x for x in gc.get_objects() if type(x) is self._kind]
        blocks = {x.data.mem.ptr: x.data.mem.size for x in alive if x._gpu == self._current()}
        return sum(blocks.values())

    total_bytes = used_bytes

    def free_bytes(self):
        return 0

    def free_all_blocks(self, stream=None):
        pass

    def set_limit(self, size=None, fraction=None):
        self._limits[self._current()] = size or 0

    def get_limit(self):
        return self._limits.get(self._current(), 0)

    def made(self, x):
        """The array x, which is new; OutOfMemoryError if it is one too many."""
        limit = self.get_limit()
        if limit and self.used_bytes() > limit:
            size, x._array = x.data.mem.size, x._array.reshape(-1)[:0].copy()  # it gets nothing
            raise OutOfMemoryError(size, self.used_bytes(), limit)
        return x


def pointer(owner, array):
    """cupy.ndarray.data of an array whose memory belongs to another, or itself."""
    block = SimpleNamespace(ptr=owner.ctypes.data, size=owner.nbytes)
    return SimpleNamespace(ptr=array.ctypes.data, mem=block)
