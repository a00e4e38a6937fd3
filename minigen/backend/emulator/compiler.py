"""g++ for the emulator: flags, what is missing, and a cache of what has been compiled.

Idea: a library is named by a hash of all that goes into it: the compiler's version, the flags, the
text and every file that the text includes. So a change of any of them makes another library, and
clones and processes can share one cache.

Invariant: a library is loaded only if the digest at its end is that of its bytes. It is written
under another name and renamed, so several processes may compile the same one at the same time.
"""

import contextlib
import functools
import hashlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from minigen.environment import cache_folder

HERE = Path(__file__).resolve().parent
RUNTIME = (
    "launch.cpp",
    "fibers.cpp",
    "warp.cpp",
    "tensor.cpp",
    "memory.cpp",
    "checker.cpp",
    "profile.cpp",
    "report.cpp",
)

FLAGS = [
    "-std=c++17",
    "-O2",
    "-fPIC",
    "-ffp-contract=off",  # a*b + c rounds twice, on every CPU
    "-fno-math-errno",
    "-fno-semantic-interposition",
    "-U_FORTIFY_SOURCE",  # it takes a jump between fibers for an attack
    "-fvisibility=hidden",
    "-fno-gnu-unique",  # else two builds of one kernel would share their __shared__ variables
    "-g1",  # source lines
    "-gdwarf-4",  # of the version that every addr2line reads
]
KERNEL_FLAGS = [
    "-include",
    "cuda.h",
    "-fno-exceptions",
    "-fstack-clash-protection",  # local variables too large meet the guard of a fiber's stack
    "-Wno-unknown-pragmas",
    "-Wno-psabi",
]
CHECK_FLAGS = [
    "-fsanitize=thread",  # a call before every access: ours, see checker.cpp
    "-fno-tree-sra",  # the load of a float4 stays one access
    "-fsanitize=bounds,integer-divide-by-zero,shift,signed-integer-overflow",
    "-fsanitize-undefined-trap-on-error",
    "-ftrivial-auto-var-init=pattern",  # what a local variable holds before it is set
]

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
CACHE_BYTES = 1 << 30


class EmulatorError(RuntimeError):
    """A kernel does not compile, or the checker found it wrong; the first line says where."""


def gxx():
    """The compiler's command: CXX, or g++."""
    return os.environ.get("CXX") or "g++"


def _answer(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""


@functools.cache
def _identity(command):
    """The compiler's full version; "" if it is missing or is not g++."""
    if not _answer(command, "-dumpfullversion"):  # clang does not know it
        return ""
    return _answer(command, "--version").splitlines()[0] + " " + _answer(command, "-dumpmachine")


@functools.cache
def unavailable():
    """Why kernels cannot run on this machine's CPU, and the fix; "" if they can."""
    system, machine = platform.system(), platform.machine()
    if (system, machine) != ("Linux", "x86_64"):
        return f"CUDA kernels run on the CPU of x86-64 Linux only; this is {system} {machine}"
    version = _answer(gxx(), "-dumpfullversion")
    if int(version.split(".")[0] or 0 if version else 0) < 12:
        found = f"{gxx()} {version}" if version else f"no {gxx()}"
        fix = "install it (sudo apt install g++-12), then export CXX=g++-12"
        return f"CUDA kernels run on the CPU with g++ 12 or newer; here is {found}: {fix}"
    for tool in ("readelf", "addr2line"):
        if shutil.which(tool) is None:
            return f"CUDA kernels run on the CPU with {tool}, which is missing: install binutils"
    return ""


@functools.cache
def processor_flags():
    """Instructions to compile for: those of 2013 (half floats among them) if the CPU has them."""
    try:
        words = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    except OSError:
        words = set()
    new = {"avx2", "bmi2", "f16c", "fma", "movbe"} <= words
    return ["-march=x86-64-v3"] if new else []


def included(text, folders):
    """Files that a source includes by `#include "..."`, and those that they include, in order."""
    found = {}
    waiting = [(name, folders) for name in INCLUDE.findall(text)]
    while waiting:
        name, places = waiting.pop(0)
        path = next((p for place in places if (p := place / name).is_file()), None)
        if path is None or path in found:
            continue  # one that is not there is the compiler's to report, with its line
        found[path] = path.read_text(encoding="utf-8")
        waiting += [(inner, [path.parent, *folders]) for inner in INCLUDE.findall(found[path])]
    return found


def compiled(text, flags, folders):
    """The path of a library with this source, compiled now if the cache has none."""
    trouble = unavailable()
    if trouble:
        raise EmulatorError(trouble)
    parts = [_identity(gxx()), *processor_flags(), *flags, text]
    for path, content in included(text, [*folders, HERE]).items():
        parts += [path.name, content]
    if "cuda.h" in flags:
        for path in sorted(HERE.glob("*.h")):
            parts += [path.name, path.read_text(encoding="utf-8")]
    name = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32] + ".so"
    library = cache_folder() / "emulator" / name
    if not _intact(library):
        _compile(text, [*FLAGS, *processor_flags(), *flags], folders, library)
    return library


def _intact(library):
    """Whether the library is there and whole."""
    try:
        content = library.read_bytes()
    except OSError:
        return False
    if len(content) < 1000 or hashlib.sha256(content[:-32]).digest() != content[-32:]:
        return False
    with contextlib.suppress(OSError):  # a cache that others own can be read
        os.utime(library)  # used now: the oldest are removed first
    return True


def _compile(text, flags, folders, library):
    _make(library.parent)
    search = [part for folder in [*folders, HERE] for part in ("-I", str(folder))]
    with tempfile.TemporaryDirectory(dir=library.parent, prefix="build-") as place:
        built = f"{place}/{library.name}"
        # in two steps: linking with -fsanitize=thread would add g++'s own checker
        _run([gxx(), *flags, *search, "-x", "c++", "-c", "-o", f"{built}.o", "-"], text)
        _run([gxx(), "-shared", "-o", built, f"{built}.o"])
        with open(built, "r+b") as file:
            digest = hashlib.sha256(file.read()).digest()
            file.write(digest)  # behind what the loader reads
        os.replace(built, library)
    _prune(library.parent)


def _make(folder):
    """Make the cache's folder; EmulatorError if it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise EmulatorError(
            f"{folder}, where compiled kernels are kept, cannot be written ({error.strerror}): "
            "export MINIGEN_CACHE=/another/folder"
        ) from None


def _run(command, text=None):
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "error" in line]
        first = errors[0] if errors else done.stderr.strip() or f"{command[0]} failed"
        raise EmulatorError(f"{first}\n{done.stderr.strip()}")


def _prune(folder):
    """Remove the libraries that were not used for longest, down to half, where they are many."""
    found = []
    for entry in os.scandir(folder):
        if entry.name.endswith(".so"):
            try:
                state = entry.stat()
            except FileNotFoundError:  # another process prunes, too
                continue
            found.append((state.st_mtime, state.st_size, entry.path))
    total = sum(size for _, size, _ in found)
    if total <= CACHE_BYTES:
        return
    for _, size, path in sorted(found):
        Path(path).unlink(missing_ok=True)
        total -= size
        if total <= CACHE_BYTES // 2:
            break


def in_parallel(jobs):
    """Call every job, as many at a time as there are cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    with ThreadPoolExecutor(cores) as pool:
        list(pool.map(lambda job: job(), jobs))
