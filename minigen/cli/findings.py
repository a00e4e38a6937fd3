"""What the checks of `minigen doctor` share: findings, how fixes are spelled and programs asked.

Read next: doctor.py (the command), doctor_gpu.py (what a GPU needs).
"""

import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import minigen


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    name: str
    status: str  # "ok", "note" (works, but worth knowing) or "problem" (something is broken)
    detail: str
    fix: str = ""  # the command to run, where there is one


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


def at_least(version: str, bound: str) -> bool:
    """Whether a version such as "2.1.0rc1" reaches a bound such as "2.0": leading numbers only."""

    def numbers(text):
        return [int(part) for part in re.split(r"[^\d.]", text)[0].strip(".").split(".")]

    return numbers(version) >= numbers(bound)


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


def nearest_existing(path: Path) -> Path:
    """The path itself, or the first of its parents that exists."""
    path = path.absolute()
    return next(place for place in (path, *path.parents) if place.exists())


def cannot_write(folder: Path) -> str:
    """Why nothing can be written to the folder, or made there; "" if it can. Nothing is left."""
    try:
        tempfile.TemporaryFile(dir=nearest_existing(folder)).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""
