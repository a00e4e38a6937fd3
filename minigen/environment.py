"""What must be set before NumPy loads: how its matrix products use this processor.

Idea: OpenBLAS, the library inside NumPy's wheels, reads these variables once, when it loads. They
are only set where the user has not set them. Import minigen before NumPy to have the effect.
Read next: backend/numpy.py (threads).
"""

import os
from pathlib import Path

# A 512-bit processor has all of these: what OpenBLAS's SkylakeX kernels are made of.
_AVX512 = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}


def prepare():
    """Set OPENBLAS_THREAD_TIMEOUT and, where needed, OPENBLAS_CORETYPE, unless they are set."""
    # The worker thread otherwise spins for 30 ms after each product, and holds the core that the
    # next NumPy call needs; 18 is 2^18 cycles, about 0.1 ms.
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "18")
    # AMD processors newer than OpenBLAS are taken for an older kind without 512-bit registers,
    # and products run at half their speed.
    if _amd_with_avx512():
        os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX")


def _amd_with_avx512(cpuinfo=Path("/proc/cpuinfo")):
    try:
        with cpuinfo.open(encoding="utf-8", errors="replace") as lines:
            first = lines.read(8192)
    except OSError:  # not Linux: OpenBLAS decides alone
        return False
    return "AuthenticAMD" in first and set(first.split()) >= _AVX512
