"""NumPy on two cores: a loop in two halves, and memory to work in.

Idea: NumPy's matrix product (OpenBLAS) uses every core, but the copies around it use one. Where a
loop mixes both (convolution over samples, attention over heads), it is faster to cut the loop in
two, to run each half in a Python thread of its own, and to leave BLAS one thread in each.

    halves(f, n)        f(0, n // 2) in the worker thread and f(n // 2, n) here, at the same time
    scratch(role, ...)  memory that the thread keeps, so that a loop allocates nothing

Invariants. `halves` makes the same two calls whether or not they run at the same time: no result
depends on who had a thread free. BLAS's number of threads is one setting for the whole process:
who changes it holds the lock, and puts it back.

The setting is reached by ctypes in the OpenBLAS that comes inside NumPy's wheels. With any other
BLAS (MKL, Accelerate, a distribution's own) it is left alone, and the halves follow each other.
Read next: conv.py, the main user.
"""

import contextlib
import contextvars
import ctypes
import math
import os
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import NamedTuple

import numpy as np


class _OpenBLAS:
    """NumPy's own copy of OpenBLAS: `threads()`, `use(n)`, `config()`.

    OSError if there is none, AttributeError if it is not built as expected.
    """

    def __init__(self):
        package = Path(np.__file__).parent
        folders = package.parent / "numpy.libs", package / ".dylibs"  # Linux and Windows, macOS
        found = [path for folder in folders for path in folder.glob("libscipy_openblas64*")]
        if not found:
            raise OSError("this NumPy was built on another BLAS")
        self.path = found[0]
        library = ctypes.CDLL(str(self.path))
        self.threads = library.scipy_openblas_get_num_threads64_
        self.use = library.scipy_openblas_set_num_threads64_
        self._config = library.scipy_openblas_get_config64_
        self._config.restype = ctypes.c_char_p

    def config(self):
        """What the library says of itself: version, options, processor."""
        return self._config().decode()


_blas = None
with contextlib.suppress(OSError, AttributeError):  # optional: without it there is one thread
    _blas = _OpenBLAS()


class BlasThreads(NamedTuple):
    """What `minigen doctor` says about NumPy's BLAS."""

    library: str  # file name of the library
    config: str  # its version and options, in its own words
    threads: int  # threads of one matrix product; 1 means that halves() starts none either
    timeout: str  # OPENBLAS_THREAD_TIMEOUT, "" if unset: see minigen/environment.py


def blas_threads():
    """The state of NumPy's bundled OpenBLAS as `BlasThreads`; None where NumPy has another BLAS."""
    if _blas is None:
        return None
    timeout = os.environ.get("OPENBLAS_THREAD_TIMEOUT", "")
    return BlasThreads(_blas.path.name, _blas.config(), _blas.threads(), timeout)


class _Thread(threading.local):
    """What each thread has of its own."""

    def __init__(self):
        self.buffers = {}  # role -> bytes, see scratch()
        self.halving = False  # inside halves(): a nested call must not wait for the worker


_thread = _Thread()


def _start():
    """The worker thread and the lock; again in a forked child, which inherits neither alive."""
    global _worker, _lock
    _worker = ThreadPoolExecutor(1, thread_name_prefix="minigen-half")
    _lock = threading.Lock()
    _thread.halving = False


_start()
if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_start)


def halves(f, n):
    """Call f(0, n // 2) and f(n // 2, n), at the same time where that is possible.

    f(lo, hi) does the part [lo, hi) of a loop and returns nothing; `scratch` gives it memory of its
    own. What a half raises is raised here, once both have ended. With n < 2 there is one call, and
    BLAS keeps its threads.

    Handing over costs about 50 µs: no gain below 0.2 ms of work, a sure one from 0.5 ms. The calls
    follow each other inside another `halves`, when BLAS has one thread (OPENBLAS_NUM_THREADS=1),
    and when its threads cannot be set.
    """
    middle = n // 2
    if middle == 0:
        f(0, n)
        return
    if _thread.halving or _blas is None or _blas.threads() == 1:
        f(0, middle)
        f(middle, n)
        return
    with one_blas_thread():
        # the context carries numpy.errstate, which a new thread would not know
        other = _worker.submit(contextvars.copy_context().run, _half, f, 0, middle)
        try:
            _half(f, middle, n)
        finally:
            wait([other])  # nobody may go on while the other half writes
        other.result()  # raises what it raised


def _half(f, lo, hi):
    _thread.halving = True
    try:
        f(lo, hi)
    finally:
        _thread.halving = False


@contextlib.contextmanager
def one_blas_thread():
    """Context: a matrix product takes one thread, for code that has threads of its own.

    One such context at a time; others wait for it, unless they are inside of it, at its threads.
    """
    if _blas is None or _blas.threads() == 1:
        yield
        return
    with _lock:
        before = _blas.threads()
        _blas.use(1)
        try:
            yield
        finally:
            _blas.use(before)


def scratch(role, shape, dtype):
    """An array to work in, of undefined content: this thread's memory for `role`, grown as needed.

    shape: a tuple, or an int for a flat array. The next call with this role in this thread returns
    the same memory, so nothing that outlives one step of a loop may stay in it.
    """
    size = math.prod(shape) if isinstance(shape, tuple) else shape
    size *= np.dtype(dtype).itemsize
    buffer = _thread.buffers.get(role)
    if buffer is None or buffer.nbytes < size:
        buffer = _thread.buffers[role] = np.empty(size, np.uint8)
    return buffer[:size].view(dtype).reshape(shape)
