"""`minigen doctor` on machines we do not have: each check is given the facts of one."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import minigen
from minigen.backend.numpy import BlasThreads
from minigen.cli import doctor, doctor_gpu, findings, main

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def clone(monkeypatch):
    """Fixes as one reads them in an activated environment, standing in the clone."""
    spelled(monkeypatch, ROOT)


@pytest.fixture
def wheel(monkeypatch):
    """Fixes as one reads them where a wheel was installed."""
    spelled(monkeypatch, None)


def spelled(monkeypatch, root):
    """Fixes speak of plain pip and of a clone at root, in which we stand; None: of a wheel."""
    for module in (findings, doctor, doctor_gpu):
        monkeypatch.setattr(module, "pip", lambda: "pip")
    monkeypatch.setattr(findings, "clone_root", lambda: root)
    if root is not None:
        monkeypatch.chdir(root)


# How a fix is spelled


def test_fix_in_a_clone_names_the_clone_only_from_elsewhere(clone, monkeypatch, tmp_path):
    assert findings.install("gpu13") == 'pip install -e ".[gpu13]"'
    assert findings.install() == 'pip install -e "."'
    monkeypatch.chdir(tmp_path)
    assert findings.install("gpu13") == f'cd "{ROOT}" && pip install -e ".[gpu13]"'


def test_fix_for_a_wheel_names_our_distribution(wheel):
    assert findings.install("gpu12") == 'pip install --upgrade "minigen-dl[gpu12]"'


def test_pip_is_this_interpreters(monkeypatch, tmp_path):
    mine, other = tmp_path / "my env", tmp_path / "other"
    for folder in (mine, other):
        folder.mkdir()
        (folder / "pip").touch(mode=0o755)
        (folder / "pip.exe").touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(mine / "python"))
    monkeypatch.setenv("PATH", str(mine))
    assert findings.pip() == "pip"
    monkeypatch.setenv("PATH", os.pathsep.join([str(other), str(mine)]))
    assert findings.pip() == f'"{mine / "python"}" -m pip'


def test_clone_root_is_this_clone():
    assert findings.clone_root() == Path(minigen.__file__).resolve().parents[1]


# Python and its packages


@pytest.mark.parametrize(
    ("version", "refused", "status", "says"),
    [
        ((3, 11), False, "ok", "on"),
        ((3, 12), True, "note", "the system's own, where pip refuses"),
        ((3, 10), False, "problem", "3.11 or newer"),
    ],
)
def test_python(version, refused, status, says):
    finding = doctor.check_python(version, refused)
    assert finding.status == status
    assert says in finding.detail
    assert finding.fix.startswith("python3 -m venv .venv &&") == (status != "ok")


def test_the_strangers_minigen_is_a_problem(clone):
    assert doctor.check_minigen({"minigen-dl": "0.1.0"}).status == "ok"
    finding = doctor.check_minigen({"minigen-dl": "0.1.0", "minigen": "1.0"})
    assert finding.status == "problem"
    assert finding.fix == 'pip uninstall -y minigen minigen-dl && pip install -e "."'


@pytest.mark.parametrize(
    ("packages", "status", "detail"),
    [
        ({"scipy": "1.17.1"}, "ok", "1.17.1"),
        ({"scipy": "1.13.0rc1"}, "ok", "1.13.0rc1"),
        ({"scipy": "1.9.3"}, "problem", "1.9.3: minigen needs 1.13 or newer"),  # 9 < 13 as numbers
        ({}, "problem", "not installed"),
    ],
)
def test_package(clone, packages, status, detail):
    finding = doctor.check_package("scipy", packages)
    assert (finding.status, finding.detail) == (status, detail)
    assert finding.fix == ('pip install -e "."' if status == "problem" else "")


def test_core_bounds_are_those_of_setup_py():
    setup = ast.parse((ROOT / "setup.py").read_text(encoding="utf-8"))
    assigned = {n.targets[0].id: n.value for n in setup.body if isinstance(n, ast.Assign)}
    assert dict(line.split(">=") for line in ast.literal_eval(assigned["CORE"])) == doctor.CORE


OPENBLAS = {"name": "scipy-openblas", "found": True, "version": "0.3.31"}


@pytest.mark.parametrize(
    ("build", "threads", "status", "says"),
    [
        (OPENBLAS, 2, "ok", "scipy-openblas 0.3.31, 2 threads on 2 cores"),
        (OPENBLAS, 64, "note", "64 threads on 2 cores: more threads than cores"),
        (OPENBLAS, None, "ok", "whose threads minigen cannot set"),
        ({"name": "none", "found": False}, None, "note", "without an optimised BLAS"),
    ],
)
def test_numpy(build, threads, status, says):
    blas = threads and BlasThreads("libscipy_openblas64_.so", "OpenBLAS", threads, "18")
    finding = doctor.check_numpy(doctor.CORE, build, blas, 2)
    assert finding.status == status
    assert says in finding.detail
    if threads == 64:
        assert finding.fix == "export OPENBLAS_NUM_THREADS=2"


def test_numpy_1_is_a_problem(clone):
    assert doctor.check_numpy({"numpy": "1.26.4"}, OPENBLAS, None, 2).status == "problem"


def test_fonts():
    def lost():
        raise ValueError("Failed to find font DejaVu Sans")

    found = doctor.check_fonts(doctor.find_font)
    assert found.status == "ok"
    assert "DejaVuSans.ttf" in found.detail
    assert doctor.check_fonts(lost).status == "problem"


def test_ask_a_program_that_hangs():
    hang = "import time; time.sleep(60)"
    assert findings.ask(sys.executable, "-c", hang, seconds=0.2) == ("", "no answer in 0 s")


# Places on disk


def test_cache_folder_by_platform():
    home = Path.home()
    assert doctor.cache_folder({}, "linux") == home / ".cache/minigen"
    assert doctor.cache_folder({"XDG_CACHE_HOME": "/xdg"}, "linux") == Path("/xdg/minigen")
    assert doctor.cache_folder({}, "darwin") == home / "Library/Caches/minigen"
    assert doctor.cache_folder({"LOCALAPPDATA": "/local"}, "win32") == Path("/local/minigen/Cache")
    assert doctor.cache_folder({"MINIGEN_CACHE": "~/mine"}, "linux") == home / "mine"


def test_cache_is_checked_without_being_made(tmp_path):
    finding = doctor.check_cache(tmp_path / "a" / "b")
    assert finding.status == "ok"
    assert finding.detail.endswith("(made on first use)")
    assert not list(tmp_path.iterdir())


def test_cache_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    finding = doctor.check_cache(tmp_path / "file")
    assert finding.status == "problem"
    assert finding.fix == 'export MINIGEN_CACHE="$HOME/minigen-cache"'


@pytest.mark.parametrize(
    ("free", "status"), [(5 * 10**9, "ok"), (5 * 10**8, "note"), (5 * 10**7, "problem")]
)
def test_disk(tmp_path, free, status):
    finding = doctor.check_disk("Disk", tmp_path / "later", free=free)
    assert finding.status == status
    assert str(tmp_path) in finding.detail
    assert bool(finding.fix) == (status != "ok")


# The command


def test_report_puts_the_fix_under_its_line():
    found = [
        doctor.Finding("Python", "ok", "3.11"),
        doctor.Finding("CuPy", "problem", "two", "pip uninstall -y cupy"),
    ]
    assert doctor.report(found) == (
        "ok       Python  3.11\n"
        "problem  CuPy    two\n"
        "                 fix: pip uninstall -y cupy\n"
        "\n"
        "1 problem"
    )


@pytest.mark.parametrize(("status", "code"), [("ok", 0), ("note", 0), ("problem", 1)])
def test_exit_code_is_1_only_for_a_problem(monkeypatch, capsys, status, code):
    monkeypatch.setattr(doctor, "diagnose", lambda: [doctor.Finding("CuPy", status, "so", "do")])
    assert main(["doctor"]) == code
    capsys.readouterr()
    assert main(["doctor", "--json"]) == code
    told = json.loads(capsys.readouterr().out)
    assert told == [{"name": "CuPy", "status": status, "detail": "so", "fix": "do"}]


def test_every_check_runs_on_this_machine():
    names = [finding.name for finding in doctor.diagnose()]
    assert {"Python", "numpy", "scipy", "CuPy", "NVIDIA driver", "GPU", "NVRTC"} <= set(names)
    assert {"bfloat16", "Kernel cache", "g++", "Fonts", "Cache", "Disk"} <= set(names)
    assert len(set(names)) == len(names)


def test_a_reader_that_leaves_early_is_no_error():
    command = [sys.executable, "-m", "minigen", "doctor"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.close()  # as head does
    assert process.stderr.read() == ""
    assert process.wait() == 141


def test_help_imports_no_command_and_no_matplotlib():
    code = (
        "import sys, minigen.cli\n"
        "try: minigen.cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'matplotlib', 'scipy', 'PIL', 'torch', 'cupy'} & set(sys.modules)\n"
        "commands = [f'minigen.cli.{c}' for c in minigen.cli.COMMANDS]\n"
        "sys.exit(str(heavy) if heavy or set(commands) & set(sys.modules) else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd=ROOT)
