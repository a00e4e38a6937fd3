"""What must be set before NumPy loads: how its matrix products use a second core.

Idea: OpenBLAS, the library inside NumPy's wheels, reads its variables once, when it loads. They are
only set where the user has not set them. Import minigen before NumPy to have the effect.
Read next: backend/numpy.py (threads).
"""

import os


def prepare():
    """Set OPENBLAS_THREAD_TIMEOUT unless it is set.

    The worker thread otherwise spins for 30 ms after each product, and holds the core that the next
    NumPy call needs; 18 is 2^18 cycles, about 0.1 ms.
    """
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "18")
