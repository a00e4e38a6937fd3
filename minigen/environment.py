"""The process's environment: what is set when minigen loads, and where files are kept.

Idea: two settings of the libraries below NumPy, how matrix products wait and how memory is kept,
cost much and change no result. Each is left alone where the user has set it. Import minigen before
NumPy to have the effect of the first. Files that can be made again lie in one cache folder.
Read next: backend/numpy.py (threads).
"""

import ctypes
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

# mallopt's numbers, of glibc, and the variables with which a user sets the same
_MMAP_THRESHOLD, _TRIM_THRESHOLD, _TOP_PAD = -3, -1, -2
_VARIABLES = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_")


def prepare():
    """Set OPENBLAS_THREAD_TIMEOUT and, on Linux with glibc, how much freed memory is kept.

    OpenBLAS reads its variable when it loads. Its worker thread otherwise spins for 30 ms after
    each product, and holds the core that the next NumPy call needs; 18 is 2^18 cycles, 0.1 ms.

    glibc otherwise gives the memory of a large array back when it is freed, and the next one costs
    a page fault for every 4 kB: more than an addition. Here up to half a gigabyte stays with the
    process, unless MINIGEN_KEEP_MEMORY is 0, or one of the MALLOC_ variables above or a
    glibc.malloc of GLIBC_TUNABLES is set.
    """
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "18")
    if sys.platform == "linux" and not _decided():
        with suppress(AttributeError):  # another C library
            _keep_memory(ctypes.CDLL(None).mallopt)


def _decided():
    """Whether the user has set how memory is kept."""
    if os.environ.get("MINIGEN_KEEP_MEMORY") == "0" or any(v in os.environ for v in _VARIABLES):
        return True
    return "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", "")


def _keep_memory(mallopt):
    # Arrays below the first come from memory that is kept. Some versions of glibc take 32 MB at
    # most; and any mallopt ends its own adapting of that limit, so without the first, none at all.
    if mallopt(_MMAP_THRESHOLD, 1 << 28) or mallopt(_MMAP_THRESHOLD, 1 << 25):
        mallopt(_TRIM_THRESHOLD, 1 << 29)  # so much of it may lie free
        mallopt(_TOP_PAD, 1 << 26)  # it grows in steps of this


def cache_folder(environ: Mapping[str, str] = os.environ, system: str = sys.platform) -> Path:
    """Where downloads and compiled kernels are kept: MINIGEN_CACHE, or the platform's place."""
    if environ.get("MINIGEN_CACHE"):
        return Path(environ["MINIGEN_CACHE"]).expanduser()
    if system == "win32":
        return Path(environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local") / "minigen/Cache"
    if system == "darwin":
        return Path.home() / "Library/Caches/minigen"
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "minigen"
