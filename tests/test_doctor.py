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
from minigen.cli import doctor, main

ROOT = Path(__file__).resolve().parents[1]
H200 = doctor.Driver("580.65.06", ("NVIDIA H200",))


@pytest.fixture
def clone(monkeypatch):
    """Fixes as one reads them in an activated environment, standing in the clone."""
    monkeypatch.setattr(doctor, "pip", lambda: "pip")
    monkeypatch.setattr(doctor, "clone_root", lambda: ROOT)
    monkeypatch.chdir(ROOT)


@pytest.fixture
def wheel(monkeypatch):
    """Fixes as one reads them where a wheel was installed."""
    monkeypatch.setattr(doctor, "pip", lambda: "pip")
    monkeypatch.setattr(doctor, "clone_root", lambda: None)


def never():
    raise AssertionError("CuPy must not be imported to find this out")


# How a fix is spelled


def test_fix_in_a_clone_names_the_clone_only_from_elsewhere(clone, monkeypatch, tmp_path):
    assert doctor.install("gpu13") == 'pip install -e ".[gpu13]"'
    assert doctor.install() == 'pip install -e "."'
    monkeypatch.chdir(tmp_path)
    assert doctor.install("gpu13") == f'cd "{ROOT}" && pip install -e ".[gpu13]"'


def test_fix_for_a_wheel_names_our_distribution(wheel):
    assert doctor.install("gpu12") == 'pip install --upgrade "minigen-dl[gpu12]"'


def test_pip_is_this_interpreters(monkeypatch, tmp_path):
    mine, other = tmp_path / "my env", tmp_path / "other"
    for folder in (mine, other):
        folder.mkdir()
        (folder / "pip").touch(mode=0o755)
        (folder / "pip.exe").touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(mine / "python"))
    monkeypatch.setenv("PATH", str(mine))
    assert doctor.pip() == "pip"
    monkeypatch.setenv("PATH", os.pathsep.join([str(other), str(mine)]))
    assert doctor.pip() == f'"{mine / "python"}" -m pip'


def test_clone_root_is_this_clone():
    assert doctor.clone_root() == Path(minigen.__file__).resolve().parents[1]


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


# The GPU


@pytest.mark.parametrize(
    ("driver", "extra"),
    [("580.65.06", "gpu13"), ("610.1", "gpu13"), ("535.183.01", "gpu12"), ("470.256.02", "")],
)
def test_driver_chooses_the_extra(driver, extra):
    assert doctor.Driver(driver).extra() == extra


def test_driver():
    assert doctor.check_driver(None).status == "ok"
    assert doctor.check_driver(H200).detail == "580.65.06, NVIDIA H200"
    old = doctor.check_driver(doctor.Driver("470.256.02"))
    assert (old.status, old.fix) == ("note", doctor.NEW_DRIVER)
    broken = doctor.check_driver(doctor.Driver(trouble="Driver/library version mismatch"))
    assert broken.status == "note"
    assert "Driver/library version mismatch" in broken.detail


@pytest.mark.skipif(os.name == "nt", reason="a shell script plays nvidia-smi")
@pytest.mark.parametrize(
    ("script", "driver"),
    [
        ("echo '580.65.06, NVIDIA H200'; echo '580.65.06, NVIDIA H200'", ("NVIDIA H200",) * 2),
        ("echo 'NVIDIA-SMI has failed'; exit 9", "NVIDIA-SMI has failed"),
        ("exit 9", "it ended with code 9"),
        ("exit 0", "it lists no GPU"),
    ],
)
def test_what_nvidia_smi_says(monkeypatch, tmp_path, script, driver):
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = doctor.nvidia_driver()
    assert (found.gpus if found.version else found.trouble) == driver


def test_ask_a_program_that_hangs():
    hang = "import time; time.sleep(60)"
    assert doctor.ask(sys.executable, "-c", hang, seconds=0.2) == ("", "no answer in 0 s")


def test_no_cupy_and_no_gpu_is_fine():
    assert doctor.check_cupy({}, None, never).status == "ok"


def test_no_cupy_though_there_is_a_gpu(clone):
    finding = doctor.check_cupy({}, H200, never)
    assert (finding.status, finding.fix) == ("note", 'pip install -e ".[gpu13]"')
    finding = doctor.check_cupy({}, doctor.Driver("535.54.03"), never)
    assert (finding.status, finding.fix) == ("note", 'pip install -e ".[gpu12]"')


def test_two_cupys(clone):
    both = {"cupy": "13.6.0", "cupy-cuda13x": "14.2.0", "cupy-chol": "0.1.5"}
    finding = doctor.check_cupy(both, H200, never)
    assert finding.status == "problem"
    assert "cupy and cupy-cuda13x" in finding.detail
    assert finding.fix == 'pip uninstall -y cupy cupy-cuda13x && pip install -e ".[gpu13]"'


CUPY13 = {"cupy-cuda13x": "14.2.0"}


@pytest.mark.parametrize(
    ("driver", "answer", "status", "says"),
    [
        (H200, (["NVIDIA H200 (140 GiB, sm_90)"], ""), "ok", "on NVIDIA H200 (140 GiB, sm_90)"),
        (H200, ([], "ImportError: libnvrtc.so.13"), "problem", "libnvrtc.so.13"),
        (H200, ([], ""), "problem", "sees no GPU, though driver 580.65.06 is loaded"),
        (None, ([], ""), "note", "no usable NVIDIA driver"),
        (None, ([], "ImportError: numpy"), "problem", "does not work: ImportError: numpy"),
    ],
)
def test_one_cupy(clone, driver, answer, status, says):
    finding = doctor.check_cupy(CUPY13, driver, lambda: answer)
    assert finding.status == status
    assert says in finding.detail
    again = 'pip uninstall -y cupy-cuda13x && pip install -e ".[gpu13]"'
    assert finding.fix == (again if status == "problem" else "")


def test_cupy_of_a_newer_cuda_than_the_driver(clone):
    finding = doctor.check_cupy(CUPY13, doctor.Driver("535.54.03"), lambda: ([], ""))
    assert finding.status == "problem"
    assert finding.fix == 'pip uninstall -y cupy-cuda13x && pip install -e ".[gpu12]"'


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ("raise ImportError('built for NumPy 1')", ([], "ImportError: built for NumPy 1")),
        ("import os; os._exit(139)", ([], "it ended with code 139")),
    ],
)
def test_probe_survives_a_broken_cupy(monkeypatch, tmp_path, source, answer):
    (tmp_path / "cupy.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert doctor.probe_cupy() == answer


# Kernel checks without a GPU


@pytest.mark.parametrize(
    ("version", "machine", "status"),
    [
        ("12.2.0", "x86_64", "ok"),
        ("9.4.0", "x86_64", "note"),
        (None, "x86_64", "note"),
        (None, "aarch64", "ok"),
    ],
)
def test_compiler(monkeypatch, version, machine, status):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: name == "dnf" or None)
    finding = doctor.check_compiler(version, "Linux", machine)
    assert finding.status == status
    assert finding.fix == ("sudo dnf install gcc-c++" if status == "note" else "")


def test_nvrtc(clone):
    finding = doctor.check_nvrtc({"nvidia-cuda-nvrtc": "13.5.37"})
    assert (finding.status, finding.fix) == ("note", 'pip install -e ".[kernels]"')
    assert finding.detail.startswith("nvidia-cuda-runtime absent")
    for suffix in ("", "-cu12"):
        found = {f"nvidia-cuda-nvrtc{suffix}": "12.9", f"nvidia-cuda-runtime{suffix}": "12.9"}
        assert doctor.check_nvrtc(found).status == "ok"


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
    findings = [
        doctor.Finding("Python", "ok", "3.11"),
        doctor.Finding("CuPy", "problem", "two", "pip uninstall -y cupy"),
    ]
    assert doctor.report(findings) == (
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
    assert {"Python", "numpy", "scipy", "CuPy", "NVIDIA driver", "g++", "NVRTC"} <= set(names)
    assert {"Fonts", "Cache", "Disk"} <= set(names)
    assert len(set(names)) == len(names)


def test_a_reader_that_leaves_early_is_no_error():
    command = [sys.executable, "-m", "minigen", "doctor"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.close()  # as head does
    assert process.stderr.read() == ""
    assert process.wait() == 1


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
