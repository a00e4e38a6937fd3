"""What a homework's process may use, set by the process itself before the homework is loaded.

Idea: an accident (an endless list, a fork in a loop, a file that grows) ends the homework's
process, not the machine. The kernel keeps these limits, and a process can lower but not raise them.
They are Linux's; elsewhere only the checker's clock holds. Each is a sentence for the report.
Read next: docs/gradcheck-isolation.md.
"""

import ctypes
import os
import signal
import sys
import threading

import numpy as np

LARGEST_FILE = 16 << 20         # bytes
OPEN_FILES = 256
MOST = 1 << 62                  # bytes: the kernel's numbers have 64 bits
LONGEST = 1 << 31               # seconds: it counts them in nanoseconds
MORE_TASKS = 64                 # processes and threads, beyond those that the user already has
SET_DEATH_SIGNAL, SET_NO_NEW_PRIVILEGES = 1, 38         # prctl's options


def die_with(checker):
    """End this process when the checker ends, however that happens. checker: its process id."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != checker:     # it ended before it was watched
            os._exit(0)


def apply(memory, seconds):
    """Set the limits; returns a sentence for each.

    memory: bytes of address space beyond what Python and NumPy take themselves (some 140 MB);
    seconds: of processor time in all. One that was lower before stays.
    """
    _warm_up()
    if sys.platform != "linux":
        return [f"memory, processes and files: not limited ({sys.platform})"]
    import resource

    ctypes.CDLL(None).prctl(SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    lower(resource.RLIMIT_AS, _address_space() + memory)
    whole = int(min(seconds, LONGEST))
    lower(resource.RLIMIT_CPU, whole, whole + 5)    # a word first, then the end
    lower(resource.RLIMIT_FSIZE, LARGEST_FILE)
    lower(resource.RLIMIT_CORE, 0)
    lower(resource.RLIMIT_NOFILE, OPEN_FILES)
    return [
        f"memory: {memory >> 20} MB beyond Python and NumPy",
        f"processor: {seconds:g} s",
        f"files: {LARGEST_FILE >> 20} MB each, {OPEN_FILES} open",
        _limit_tasks(),
    ]


def lower(kind, soft, hard=None):
    """Set a limit of the kernel's for good, unless it is lower already."""
    import resource

    present = resource.getrlimit(kind)[1]
    values = [min(value, MOST) for value in (soft, soft if hard is None else hard)]
    if present != resource.RLIM_INFINITY:
        values = [min(value, present) for value in values]
    resource.setrlimit(kind, tuple(values))


def _warm_up():
    """Let NumPy take and load what it puts off: BLAS its memory, parts of the package."""
    np.ones((64, 64)) @ np.ones((64, 64))
    np.linalg.inv(np.eye(2))
    np.random.seed(0)


def _address_space():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def _limit_tasks():
    import resource

    if os.getuid() == 0:
        return "processes: not limited (the kernel exempts root)"
    former = resource.getrlimit(resource.RLIMIT_NPROC)
    most = _tasks() + MORE_TASKS
    lower(resource.RLIMIT_NPROC, most)
    try:
        threading.Thread(target=int).start()
    except RuntimeError:
        # inside a container the kernel also counts what /proc does not show
        resource.setrlimit(resource.RLIMIT_NPROC, former)
        return "processes: not limited (those of other containers count, too)"
    return f"processes: {MORE_TASKS} more than the user has"


def _tasks():
    """Processes and threads of this user, as far as /proc shows them."""
    count = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            tasks = os.stat(f"/proc/{name}/task")
        except OSError:         # it ended meanwhile
            continue
        if tasks.st_uid == os.getuid():
            count += tasks.st_nlink - 2
    return count
