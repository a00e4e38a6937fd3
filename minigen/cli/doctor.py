"""`minigen doctor`: what this machine and environment offer, what is wrong, and the exact fix.

Idea: each check is a function from facts (versions, paths, what a program answered) to a `Finding`;
`diagnose` gathers the facts. So a test can show a check any machine: one with two CuPys, one with
an old driver, one with a read-only cache.
Invariant: doctor changes nothing, and its exit code is 1 only if something is broken. What is only
absent (a GPU, a compiler) is "ok" or a "note".
Read next: doctor_gpu.py (driver, CuPy, kernel checks).
"""

import argparse
import functools
import importlib.util
import json
import os
import platform
import re
import shutil
import sys
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

import numpy

import minigen
from minigen.backend.numpy import BlasThreads, blas_threads
from minigen.cli import doctor_gpu
from minigen.cli.findings import (
    Finding,
    at_least,
    cannot_write,
    clone_root,
    install,
    nearest_existing,
    pip,
)
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

GIGABYTE = 10**9


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
    driver = doctor_gpu.nvidia_driver()
    probe = functools.cache(doctor_gpu.probe_cupy)
    cupy = doctor_gpu.check_cupy(packages, driver, probe, doctor_gpu.why_blind)
    # it was probed, unless its names or versions said already that it cannot work
    gpus = probe().gpus if probe.cache_info().currsize else ()
    blas = numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]
    cache = cache_folder()
    return [
        check_python(sys.version_info[:2], pip_is_refused()),
        check_minigen(packages),
        check_numpy(packages, blas, blas_threads(), cores()),
        *(check_package(name, packages) for name in CORE if name != "numpy"),
        check_fonts(find_font),
        doctor_gpu.check_driver(driver),
        cupy,
        doctor_gpu.check_gpus(gpus),
        doctor_gpu.check_bfloat16(packages, driver),
        doctor_gpu.check_kernel_cache(packages),
        doctor_gpu.check_compiler(
            doctor_gpu.compiler_version(), platform.system(), platform.machine()
        ),
        doctor_gpu.check_nvrtc(packages),
        check_cache(cache),
        check_disk("Disk", Path.cwd()),
        check_disk("Cache disk", cache),
    ]


# Python and its packages ------------------------------------------------------------------------


def installed_packages() -> dict[str, str]:
    """Normalised name -> version of every distribution that this interpreter sees."""
    found = {}
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        if name:  # a half-removed package leaves a nameless folder behind
            found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), distribution.version)
    return found


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


# Places on disk ---------------------------------------------------------------------------------


def check_cache(folder: Path) -> Finding:
    """The cache folder can be written, or made if it is not there yet."""
    if why := cannot_write(folder):
        fix = 'export MINIGEN_CACHE="$HOME/minigen-cache"'
        return Finding("Cache", "problem", f"{folder} cannot be written: {why}", fix)
    return Finding("Cache", "ok", f"{folder}" + " (made on first use)" * (not folder.exists()))


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
