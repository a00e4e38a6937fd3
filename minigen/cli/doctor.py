"""`minigen doctor`: what this machine and environment offer, what is wrong, and the exact fix.

Idea: each check is a function from facts (versions, paths, what a program answered) to a `Finding`;
`diagnose` gathers the facts. So a test can show a check any machine: one with two CuPys, one with
an old driver, one with a read-only cache.
Invariant: doctor changes nothing, and its exit code is 1 only if something is broken. What is only
absent (a GPU, a compiler) is "ok" or a "note".
"""

import argparse
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

import numpy

import minigen
from minigen.backend.numpy import BlasThreads, blas_threads
from minigen.environment import cache_folder

HELP = """Check Python, NumPy and its BLAS, CuPy, the NVIDIA driver, the compilers that kernel
checks use, fonts, the cache folder and free disk; say what is wrong and the command that fixes it.
Nothing is changed. Exit code 1 only if there is a problem."""

# The least version of each core package: setup.py's bounds (a test compares them).
CORE = {
    "numpy": "2.0",
    "scipy": "1.13",
    "matplotlib": "3.9",
    "pillow": "10.3",
    "safetensors": "0.4.3",
    "tqdm": "4.66",
}

# The least NVIDIA driver of each CUDA generation (CUDA release notes, minor-version compatibility).
DRIVERS = {"gpu13": 580, "gpu12": 525}

GIGABYTE = 10**9


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    name: str
    status: str  # "ok", "note" (works, but worth knowing) or "problem" (something is broken)
    detail: str
    fix: str = ""  # the command to run, where there is one


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `minigen doctor`."""
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(args: argparse.Namespace) -> int:
    """Print every finding; 1 if one of them is a problem, else 0."""
    findings = diagnose()
    if args.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        print(report(findings))
    return int(any(finding.status == "problem" for finding in findings))


def report(findings: list[Finding]) -> str:
    """The findings as a table with a summary; a fix stands under its line."""
    width = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{finding.status:8} {finding.name:{width}}  {finding.detail}")
        if finding.fix:
            lines.append(f"{'':{9 + width}}  fix: {finding.fix}")
    counts = {s: sum(finding.status == s for finding in findings) for s in ("problem", "note")}
    words = [f"{n} {status}{'s' * (n > 1)}" for status, n in counts.items() if n]
    return "\n".join([*lines, "", ", ".join(words) or "all is well"])


def diagnose() -> list[Finding]:
    """Gather the facts of this machine and check each of them."""
    packages = installed_packages()
    driver = nvidia_driver()
    blas = numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]
    cache = cache_folder()
    return [
        check_python(sys.version_info[:2], pip_is_refused()),
        check_minigen(packages),
        check_numpy(packages, blas, blas_threads(), cores()),
        *(check_package(name, packages) for name in CORE if name != "numpy"),
        check_fonts(find_font),
        check_driver(driver),
        check_cupy(packages, driver, probe_cupy),
        check_compiler(compiler_version(), platform.system(), platform.machine()),
        check_nvrtc(packages),
        check_cache(cache),
        check_disk("Disk", Path.cwd()),
        check_disk("Cache disk", cache),
    ]


# How a fix is spelled ---------------------------------------------------------------------------


def clone_root() -> Path | None:
    """The repository that this minigen is imported from; None if it was installed from a wheel."""
    root = Path(minigen.__file__).resolve().parents[1]
    inside = (root / "setup.py").exists() and (root / "kernels" / "manifest.py").exists()
    return root if inside else None


def pip() -> str:
    """This interpreter's pip: plain `pip` only where the shell would find the same one."""
    first = shutil.which("pip")
    if first and Path(first).parent == Path(sys.executable).parent:
        return "pip"
    return f'"{sys.executable}" -m pip' if " " in sys.executable else f"{sys.executable} -m pip"


def install(extra: str = "") -> str:
    """The command that installs what minigen needs, with the extra, as it was installed before."""
    extra = f"[{extra}]" if extra else ""
    clone = clone_root()
    if clone is None:
        return f'{pip()} install --upgrade "minigen-dl{extra}"'
    where = "" if Path.cwd() == clone else f'cd "{clone}" && '
    return f'{where}{pip()} install -e ".{extra}"'


# Python and its packages ------------------------------------------------------------------------


def installed_packages() -> dict[str, str]:
    """Normalised name -> version of every distribution that this interpreter sees."""
    found = {}
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        if name:  # a half-removed package leaves a nameless folder behind
            found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), distribution.version)
    return found


def at_least(version: str, bound: str) -> bool:
    """Whether a version such as "2.1.0rc1" reaches a bound such as "2.0": leading numbers only."""

    def numbers(text):
        return [int(part) for part in re.split(r"[^\d.]", text)[0].strip(".").split(".")]

    return numbers(version) >= numbers(bound)


def pip_is_refused() -> bool:
    """Whether pip may not install here: a system's own Python, outside a virtual environment."""
    marker = Path(sysconfig.get_path("stdlib")) / "EXTERNALLY-MANAGED"
    return sys.prefix == sys.base_prefix and marker.exists()


def check_python(version: tuple[int, int], refused: bool) -> Finding:
    """Python is 3.11 or newer, and pip may install into it."""
    detail = f"{platform.python_version()} on {platform.platform()}, {sys.executable}"
    if version < (3, 11):
        return Finding("Python", "problem", f"{detail}: minigen needs 3.11 or newer", VENV)
    if refused:
        return Finding("Python", "note", f"{detail}: the system's own, where pip refuses", VENV)
    return Finding("Python", "ok", detail)


VENV = "python3 -m venv .venv && .venv/bin/pip install -e ."


def check_minigen(packages: Mapping[str, str]) -> Finding:
    """This minigen is ours: the package index's `minigen` is a stranger's with the same import."""
    clone = clone_root()
    detail = f"{minigen.__version__} from {clone or Path(minigen.__file__).parent}"
    if "minigen" in packages:
        stranger = f"{detail}; another project, the package index's `minigen`, is installed too"
        # reinstall: uninstalling the stranger takes the files that both own
        fix = f"{pip()} uninstall -y minigen minigen-dl && {install()}"
        return Finding("minigen", "problem", stranger, fix)
    return Finding("minigen", "ok", detail)


def check_package(name: str, packages: Mapping[str, str]) -> Finding:
    """A core package is there and new enough."""
    if name not in packages:
        return Finding(name, "problem", "not installed", install())
    if not at_least(packages[name], CORE[name]):
        old = f"{packages[name]}: minigen needs {CORE[name]} or newer"
        return Finding(name, "problem", old, install())
    return Finding(name, "ok", packages[name])


def cores() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux: respects taskset and containers' CPU sets
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_numpy(
    packages: Mapping[str, str], build: Mapping[str, object], blas: BlasThreads | None, cores: int
) -> Finding:
    """NumPy is new enough, has a real BLAS, and that uses no more threads than there are cores."""
    plain = check_package("numpy", packages)
    if plain.status == "problem":
        return plain
    if not build.get("found"):
        slow = f"{plain.detail} without an optimised BLAS: products are many times slower"
        fix = f"{pip()} install --force-reinstall --only-binary :all: numpy"
        return Finding("numpy", "note", slow, fix)
    detail = f"{plain.detail}, {build['name']} {build['version']}"
    if blas is None:
        return Finding("numpy", "ok", f"{detail}, whose threads minigen cannot set: it adds none")
    detail += f", {blas.threads} threads on {cores} cores"
    if blas.threads > cores:
        crowded = f"{detail}: more threads than cores slow each other down"
        return Finding("numpy", "note", crowded, f"export OPENBLAS_NUM_THREADS={cores}")
    return Finding("numpy", "ok", detail)


def find_font() -> str:
    """The file of the font that figures use. ValueError if matplotlib has lost it."""
    from matplotlib import font_manager

    return font_manager.findfont("DejaVu Sans", fallback_to_default=False)


def check_fonts(find: Callable[[], str]) -> Finding:
    """matplotlib's own font, which has the accents and the mathematics of figures, is found."""
    if importlib.util.find_spec("matplotlib") is None:
        return Finding("Fonts", "note", "not checked: matplotlib is not installed")
    try:
        return Finding("Fonts", "ok", f"DejaVu Sans, {find()}")
    except ValueError:
        lost = "matplotlib does not find its own DejaVu Sans: accents and symbols become boxes"
        return Finding("Fonts", "problem", lost, f"{pip()} install --force-reinstall matplotlib")


def ask(*command: str, seconds: float = 60) -> tuple[str, str]:
    """What a program prints, and its last words if it failed, crashed or hung, else ""."""
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return "", f"no answer in {seconds:.0f} s"
    if answer.returncode == 0:
        return answer.stdout, ""
    words = (answer.stdout + answer.stderr).strip().splitlines()
    return answer.stdout, words[-1] if words else f"it ended with code {answer.returncode}"


# The GPU ----------------------------------------------------------------------------------------


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

CUPY = re.compile(r"cupy(-cuda\d+x?|-rocm[-\d]+)?")

# In a process of its own: a CuPy that is broken can take the interpreter down with it.
PROBE = """
import json, cupy
gpus = []
if cupy.cuda.is_available():
    for i in range(cupy.cuda.runtime.getDeviceCount()):
        gpu = cupy.cuda.runtime.getDeviceProperties(i)
        size = gpu["totalGlobalMem"] / 2**30
        gpus.append(f"{gpu['name'].decode()} ({size:.0f} GiB, sm_{gpu['major']}{gpu['minor']})")
    assert int((cupy.arange(4) + 1).sum()) == 10                 # compiles and runs two kernels
    assert float((cupy.ones((2, 2)) @ cupy.ones((2, 2)))[0, 0]) == 2                       # cuBLAS
print(json.dumps(gpus))
"""


def probe_cupy() -> tuple[list[str], str]:
    """Import CuPy and use it once: the GPUs it computes on, and what went wrong ("" if nothing)."""
    answer, trouble = ask(sys.executable, "-c", PROBE, seconds=300)
    return ([], trouble) if trouble else (json.loads(answer.splitlines()[-1]), "")


def check_cupy(
    packages: Mapping[str, str],
    driver: Driver | None,
    probe: Callable[[], tuple[list[str], str]],
) -> Finding:
    """At most one CuPy, of the CUDA generation that the driver runs, and it computes."""
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
    gpus, trouble = probe()
    if trouble:
        return Finding("CuPy", "problem", f"{detail} does not work: {trouble}", again)
    if gpus:
        return Finding("CuPy", "ok", f"{detail} on {', '.join(gpus)}")
    if extra:
        blind = f"{detail} sees no GPU, though driver {driver.version} is loaded"
        return Finding("CuPy", "problem", blind, again)
    return Finding("CuPy", "note", f"{detail}, but no usable NVIDIA driver: the CPU runs all")


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


# Places on disk ---------------------------------------------------------------------------------


def nearest_existing(path: Path) -> Path:
    """The path itself, or the first of its parents that exists."""
    path = path.absolute()
    return next(place for place in (path, *path.parents) if place.exists())


def check_cache(folder: Path) -> Finding:
    """The cache folder can be written, or made if it is not there yet."""
    place = nearest_existing(folder)
    try:
        tempfile.TemporaryFile(dir=place).close()
    except OSError as error:
        closed = f"{folder} cannot be written: {error.strerror}"
        fix = 'export MINIGEN_CACHE="$HOME/minigen-cache"'
        return Finding("Cache", "problem", closed, fix)
    return Finding("Cache", "ok", f"{folder}" + ("" if place == folder else " (made on first use)"))


def check_disk(name: str, folder: Path, *, free: int | None = None) -> Finding:
    """There is room where runs or downloads will go: a warning below 1 GB, a problem below 0.1."""
    place = nearest_existing(folder)
    free = shutil.disk_usage(place).free if free is None else free
    detail = f"{free / GIGABYTE:.1f} GB free at {place}"
    if free >= GIGABYTE:
        return Finding(name, "ok", detail)
    status = "note" if free >= GIGABYTE / 10 else "problem"
    runs, cache = "minigen demo NAME --out /a/roomier/disk", "export MINIGEN_CACHE=/a/roomier/disk"
    return Finding(name, status, detail, cache if name.startswith("Cache") else runs)
