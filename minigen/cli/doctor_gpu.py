"""What `minigen doctor` says of the GPU: driver, CuPy, and kernel checks that need none.

Idea: a CuPy install has a dozen ways to be broken, and its own errors name the last thing that
failed, not the cause. So what can be known from names and versions is told first; then a process of
its own uses CuPy step by step, and the step at which it stops says what to fix.

    one CuPy, a wheel, new enough, of a CUDA that the driver runs       check_cupy, from names
    import, see, memory, compile, product                               the probe's steps
    age of the GPU, free memory · bfloat16 · the kernel cache           what works, but not all
Read next: doctor.py (the command), findings.py.
"""

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from minigen.cli.findings import Finding, ask, at_least, cannot_write, install, pip

# The least NVIDIA driver of each CUDA generation (CUDA release notes, minor-version compatibility).
DRIVERS = {"gpu13": 580, "gpu12": 525}

# Driver -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Driver:
    """What the NVIDIA driver says: version and GPUs, or the trouble that nvidia-smi reports."""

    version: str = ""
    gpus: tuple[str, ...] = ()
    trouble: str = ""

    def extra(self) -> str:
        """The extra whose CUDA this driver can run; "" if there is no driver or it is too old."""
        major = int(self.version.split(".")[0]) if self.version else 0
        return next((extra for extra, least in DRIVERS.items() if major >= least), "")


def nvidia_driver() -> Driver | None:
    """Ask nvidia-smi, or Linux's /proc where a container lacks it; None if there is no driver."""
    loaded = Path("/proc/driver/nvidia/version")
    smi = shutil.which("nvidia-smi")
    if smi is None:
        found = loaded.exists() and re.search(r"\b(\d{3,}\.\d+(\.\d+)?)\b", loaded.read_text())
        return Driver(found[1]) if found else None
    answer, trouble = ask(smi, "--query-gpu=driver_version,name", "--format=csv,noheader")
    rows = [line.split(", ", 1) for line in answer.splitlines() if ", " in line]
    if trouble or not rows:
        return Driver(trouble=trouble or "it lists no GPU")
    return Driver(rows[0][0], tuple(name for _, name in rows))


def check_driver(driver: Driver | None) -> Finding:
    """An NVIDIA driver is optional, but one that is there must answer and be new enough."""
    if driver is None:
        return Finding("NVIDIA driver", "ok", "none: minigen runs on the CPU")
    if driver.trouble:
        broken = f"nvidia-smi fails: {driver.trouble}"
        return Finding("NVIDIA driver", "note", broken, "restart; if it stays, " + NEW_DRIVER)
    detail = ", ".join([driver.version, *driver.gpus])
    if not driver.extra():
        old = f"{detail}: CuPy needs {min(DRIVERS.values())} or newer"
        return Finding("NVIDIA driver", "note", old, NEW_DRIVER)
    return Finding("NVIDIA driver", "ok", detail)


NEW_DRIVER = "install a current driver from https://www.nvidia.com/drivers"


# CuPy -------------------------------------------------------------------------------------------

CUPY = re.compile(r"cupy(-cuda\d+x?|-rocm[-\d]+)?")
LEAST_CUPY = "14.0"  # setup.py's bound (a test compares them)
LEAST_CAPABILITY = (8, 0)  # that kernels/ are written for: sm_80, Ampere, 2020

# In a process of its own: a CuPy that is broken can take the interpreter down with it.
PROBE = r"""
import json

def step(name):
    print(name, flush=True)

step("import")
import cupy
step("see")
gpus = []
if cupy.cuda.is_available():
    for i in range(cupy.cuda.runtime.getDeviceCount()):
        gpu = cupy.cuda.runtime.getDeviceProperties(i)
        with cupy.cuda.Device(i):
            free, total = cupy.cuda.runtime.memGetInfo()
        gpus.append([gpu["name"].decode(), total, free, gpu["major"], gpu["minor"]])
    step("memory")
    x = cupy.zeros(4, "int64")
    step("compile")
    assert int((x + 1).sum()) == 4
    source = "#include <cuda_fp16.h>\nextern \"C\" __global__ void one(__half* x) { *x = 1.0f; }"
    half = cupy.zeros(1, "float16")
    cupy.RawKernel(source, "one")((1,), (1,), (half,))
    assert float(half[0]) == 1
    step("product")
    assert float((cupy.ones((2, 2)) @ cupy.ones((2, 2)))[0, 0]) == 2
print(json.dumps(gpus))
"""


class Gpu(NamedTuple):
    """What CuPy says of a GPU; memory in bytes."""

    name: str
    memory: int
    free: int
    major: int  # compute capability
    minor: int

    def __str__(self):
        return f"{self.name} ({self.memory / 2**30:.0f} GiB, sm_{self.major}{self.minor})"


class Probed(NamedTuple):
    """How far CuPy could be used: the GPUs that it sees, or the step that failed and its words."""

    gpus: tuple[Gpu, ...] = ()
    step: str = ""
    trouble: str = ""


def probe_cupy() -> Probed:
    """Import CuPy and use it once."""
    answer, trouble = ask(sys.executable, "-c", PROBE, seconds=300)
    lines = answer.splitlines()
    if not trouble:
        return Probed(tuple(Gpu(*gpu) for gpu in json.loads(lines[-1])))
    step = lines[-1] if lines else "import"
    return Probed((), step, "the process crashed" if trouble == step else trouble)


def check_cupy(
    packages: Mapping[str, str],
    driver: Driver | None,
    probe: Callable[[], Probed],
    blind: Callable[[], tuple[str, str]],
) -> Finding:
    """At most one CuPy, of the CUDA generation that the driver runs, and it computes.

    blind: why a driver is there and its GPUs are not, and the fix; see `why_blind`.
    """
    names = sorted(name for name in packages if CUPY.fullmatch(name))
    driver = driver or Driver()
    extra = driver.extra()
    if not names and not extra:
        return Finding("CuPy", "ok", "not installed, and nothing here that it could run on")
    if not names:
        absent = "not installed: minigen leaves this GPU unused"
        return Finding("CuPy", "note", absent, install(extra))
    again = f"{pip()} uninstall -y {' '.join(names)} && {install(extra or 'gpu13')}"
    if len(names) > 1:
        both = f"{' and '.join(names)} overwrite each other's files"
        return Finding("CuPy", "problem", both, again)
    detail = f"{names[0]} {packages[names[0]]}"
    if wrong := _wrong_build(names[0], packages[names[0]], driver):
        return Finding("CuPy", "problem", f"{detail} {wrong}", again if extra else NEW_DRIVER)
    probed = probe()
    if probed.trouble:
        cause, fix = STEPS[probed.step]
        words = f"{detail} does not work: {cause} ({probed.trouble})"
        return Finding("CuPy", "problem", words, fix or again)
    if not probed.gpus:
        return _sees_nothing(detail, driver, blind, again)
    if names[0] == "cupy":
        source = f"{detail}, compiled from source, needs a CUDA toolkit of its own; wheels none"
        return Finding("CuPy", "note", source, again)
    return Finding("CuPy", "ok", f"{detail} on {', '.join(map(str, probed.gpus))}")


def _sees_nothing(detail: str, driver: Driver, blind: Callable, again: str) -> Finding:
    if not driver.extra():
        return Finding("CuPy", "note", f"{detail}, but no usable NVIDIA driver: the CPU runs all")
    cause, fix = blind()
    unseen = f"{detail} sees no GPU, though driver {driver.version} is loaded{cause}"
    return Finding("CuPy", "problem", unseen, fix or again)


# What each step of the probe needs, and the fix where it is not to install CuPy again.
STEPS = {
    "import": ("it cannot be imported", ""),
    "see": ("it cannot ask the driver for GPUs", ""),
    "memory": ("a GPU has no memory left for it", "nvidia-smi  # names the processes that hold it"),
    "compile": ("it cannot compile a kernel: NVRTC or CUDA headers, its [ctk], are missing", ""),
    "product": ("cuBLAS, part of its [ctk], is missing or broken", ""),
}


def _wrong_build(name: str, version: str, driver: Driver) -> str:
    """Why this build of CuPy cannot do, known from its name; "" if it may."""
    if "rocm" in name:
        return "is for AMD GPUs: minigen's kernels are CUDA"
    if not at_least(version, LEAST_CUPY):
        return f"is too old: minigen needs {LEAST_CUPY} or newer"
    generation = re.search(r"\d+", name)
    least = DRIVERS.get(f"gpu{generation[0]}", 0) if generation else 0
    if driver.version and int(driver.version.split(".")[0]) < least:
        return f"needs driver {least} or newer, this one is {driver.version}"
    return ""


def why_blind(
    environ: Mapping[str, str] = os.environ, nodes: Path = Path("/dev"), system: str = sys.platform
) -> tuple[str, str]:
    """Why GPUs that a driver has are not seen, as the end of a sentence, and the fix; or ""."""
    visible = environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and not re.match(r"\s*(\d|GPU-|MIG-)", visible):
        return f": CUDA_VISIBLE_DEVICES={visible!r} hides them all", "unset CUDA_VISIBLE_DEVICES"
    if system != "linux" or (nodes / "dxg").exists():  # WSL has one door for all
        return "", ""
    found = sorted(nodes.glob("nvidia[0-9]*"))
    if not found:
        inside = ": no /dev/nvidia0 here, as in a container that was started without its GPUs"
        return inside, "start it with the GPUs: docker run --gpus all ... (podman: --device)"
    closed = [str(p) for p in (*found, nodes / "nvidiactl") if not os.access(p, os.R_OK | os.W_OK)]
    if closed:
        return f": {' and '.join(closed)} may not be opened by this user", OPEN
    return "", ""


OPEN = "sudo usermod -aG video $USER, and log in again (on a cluster: ask for a GPU with the job)"


# What works, but not all of it ------------------------------------------------------------------


def check_gpus(gpus: tuple[Gpu, ...]) -> Finding:
    """Every GPU is new enough for our kernels, and its memory is not taken by somebody else."""
    if not gpus:
        return Finding("GPU", "ok", "none that CuPy sees")
    old = [gpu for gpu in gpus if (gpu.major, gpu.minor) < LEAST_CAPABILITY]
    if old:
        words = (
            f"{' and '.join(map(str, old))}: minigen's own kernels are written for sm_80 and newer "
            "and may not compile; what CuPy computes by itself works"
        )
        return Finding("GPU", "note", words)
    full = [gpu for gpu in gpus if gpu.free < gpu.memory / 10]
    if full:
        words = ", ".join(f"{g.name}: {g.free / 2**30:.1f} GiB are free" for g in full)
        taken = f"{words}; another process holds the rest"
        return Finding("GPU", "note", taken, "nvidia-smi  # names the processes")
    return Finding("GPU", "ok", ", ".join(f"{g.name}, {g.free / 2**30:.0f} GiB free" for g in gpus))


def check_bfloat16(packages: Mapping[str, str], driver: Driver | None) -> Finding:
    """bfloat16 needs ml_dtypes and, on a GPU, a NumPy in which CuPy dares to use it."""
    on_gpu = any(CUPY.fullmatch(name) for name in packages)
    extra = ((driver or Driver()).extra() or "gpu13") if on_gpu else "kernels"
    if "ml-dtypes" not in packages:
        absent = "ml_dtypes is not installed: float32, float64 and float16 only"
        return Finding("bfloat16", "note" if on_gpu else "ok", absent, install(extra) * on_gpu)
    if on_gpu and not at_least(packages.get("numpy", "0"), "2.1.2"):
        old = f"CuPy leaves it out with NumPy {packages.get('numpy')}: it needs 2.1.2"
        return Finding("bfloat16", "note", old, f"{pip()} install --upgrade numpy")
    return Finding("bfloat16", "ok", f"ml_dtypes {packages['ml-dtypes']}")


def check_kernel_cache(
    packages: Mapping[str, str], environ: Mapping[str, str] = os.environ
) -> Finding:
    """CuPy can keep the kernels that it compiled; it fails, at the first one, where it cannot."""
    if not any(CUPY.fullmatch(name) for name in packages):
        return Finding("Kernel cache", "ok", "not used without CuPy")
    if environ.get("CUPY_CACHE_IN_MEMORY") == "1":
        forgets = "in memory (CUPY_CACHE_IN_MEMORY=1): every process compiles its kernels again"
        return Finding("Kernel cache", "note", forgets, "unset CUPY_CACHE_IN_MEMORY")
    folder = Path(environ.get("CUPY_CACHE_DIR") or Path.home() / ".cupy" / "kernel_cache")
    if why := cannot_write(folder):
        fix = 'export CUPY_CACHE_DIR="$HOME/cupy-cache"'
        return Finding("Kernel cache", "problem", f"{folder} cannot be written: {why}", fix)
    return Finding("Kernel cache", "ok", str(folder))


# Kernel checks without a GPU --------------------------------------------------------------------


def compiler_version() -> str | None:
    """g++'s version (of CXX, if that is set); None if there is none."""
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        return None
    answer, trouble = ask(compiler, "-dumpfullversion")
    return None if trouble else answer.strip()


def check_compiler(version: str | None, system: str, machine: str) -> Finding:
    """g++ 12 or newer, with which CUDA kernels run on a CPU; only x86-64 Linux can."""
    if (system, machine) != ("Linux", "x86_64"):
        return Finding("g++", "ok", f"not used on {system} {machine}: kernel checks are skipped")
    if version and at_least(version, "12"):
        return Finding("g++", "ok", version)
    detail = f"{version or 'absent'}: checks of CUDA kernels on the CPU need 12 and are skipped"
    fix = next((fix for tool, fix in COMPILER.items() if shutil.which(tool)), "")
    return Finding("g++", "note", detail, fix)


COMPILER = {
    "apt": "sudo apt install g++-12 && export CXX=g++-12",
    "dnf": "sudo dnf install gcc-c++",
    "pacman": "sudo pacman -S gcc",
    "zypper": "sudo zypper install gcc-c++",
}


def check_nvrtc(packages: Mapping[str, str]) -> Finding:
    """NVRTC and the CUDA headers, which compile kernels without a GPU."""
    needed = ("nvidia-cuda-nvrtc", "nvidia-cuda-runtime")
    # CUDA 12's wheels carry its generation in their names
    found = [n for n in packages if re.sub(r"-cu\d+$", "", n) in needed]
    missing = [n for n in needed if not any(f.startswith(n) for f in found)]
    if missing:
        absent = f"{' and '.join(missing)} absent: the compile check of CUDA kernels is skipped"
        return Finding("NVRTC", "note", absent, install("kernels"))
    return Finding("NVRTC", "ok", ", ".join(f"{name} {packages[name]}" for name in sorted(found)))
