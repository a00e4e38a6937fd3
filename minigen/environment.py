"""What is set when minigen loads: how NumPy's matrix products wait, and how memory is kept.

Idea: two settings of the libraries below NumPy cost much and change no result. Each is left alone
where the user has set it. Import minigen before NumPy to have the effect of the first.
Read next: backend/numpy.py (threads).
"""

import ctypes
import os
import sys
from contextlib import suppress

# Of glibc: (the variable with which a user sets it, mallopt's number, our value in bytes).
_KEEP = (
    ("MALLOC_MMAP_THRESHOLD_", -3, 1 << 28),  # smaller arrays come from memory that is kept
    ("MALLOC_TRIM_THRESHOLD_", -1, 1 << 29),  # so much of it may lie free
    ("MALLOC_TOP_PAD_", -2, 1 << 26),  # it grows in steps of this
)


def prepare():
    """Set OPENBLAS_THREAD_TIMEOUT and, on Linux with glibc, how much freed memory is kept.

    OpenBLAS reads its variable when it loads. Its worker thread otherwise spins for 30 ms after
    each product, and holds the core that the next NumPy call needs; 18 is 2^18 cycles, 0.1 ms.

    glibc otherwise gives the memory of a large array back when it is freed, and the next one costs
    a page fault for every 4 kB: more than an addition. Here up to half a gigabyte stays with the
    process, unless MINIGEN_KEEP_MEMORY is 0 or one of the MALLOC_ variables above is set.
    """
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "18")
    own = os.environ.get("MINIGEN_KEEP_MEMORY") == "0" or any(v in os.environ for v, *_ in _KEEP)
    if sys.platform == "linux" and not own:
        with suppress(AttributeError):  # another C library
            mallopt = ctypes.CDLL(None).mallopt
            for _, number, value in _KEEP:
                mallopt(number, value)
