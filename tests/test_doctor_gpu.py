"""What `minigen doctor` says of a GPU, on machines we do not have: drivers, CuPys, compilers."""

import os
import re

import pytest
from test_doctor import ROOT, spelled

from minigen.cli import doctor_gpu

H200 = doctor_gpu.Driver("580.65.06", ("NVIDIA H200",))
OLD = doctor_gpu.Driver("535.54.03", ("NVIDIA A100",))


@pytest.fixture(autouse=True)
def in_the_clone(monkeypatch):
    spelled(monkeypatch, ROOT)


# Driver


@pytest.mark.parametrize(
    ("driver", "extra"),
    [("580.65.06", "gpu13"), ("610.1", "gpu13"), ("535.183.01", "gpu12"), ("470.256.02", "")],
)
def test_driver_chooses_the_extra(driver, extra):
    assert doctor_gpu.Driver(driver).extra() == extra


def test_driver():
    assert doctor_gpu.check_driver(None).status == "ok"
    assert doctor_gpu.check_driver(H200).detail == "580.65.06, NVIDIA H200"
    old = doctor_gpu.check_driver(doctor_gpu.Driver("470.256.02"))
    assert (old.status, old.fix) == ("note", doctor_gpu.NEW_DRIVER)
    broken = doctor_gpu.check_driver(doctor_gpu.Driver(trouble="Driver/library version mismatch"))
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
    found = doctor_gpu.nvidia_driver()
    assert (found.gpus if found.version else found.trouble) == driver


# CuPy


def never():
    raise AssertionError("this must be known without asking")


def checked(packages, driver, probed=None, blind=never):
    """check_cupy on a machine whose CuPy, if it is asked, answers so."""
    return doctor_gpu.check_cupy(packages, driver, (lambda: probed) if probed else never, blind)


def test_no_cupy_and_no_gpu_is_fine():
    assert checked({}, None).status == "ok"


def test_no_cupy_though_there_is_a_gpu():
    for driver, extra in ((H200, "gpu13"), (OLD, "gpu12")):
        finding = checked({}, driver)
        assert (finding.status, finding.fix) == ("note", f'pip install -e ".[{extra}]"')


def test_two_cupys():
    finding = checked({"cupy": "13.6.0", "cupy-cuda13x": "14.2.0", "cupy-chol": "0.1.5"}, H200)
    assert finding.status == "problem" and "cupy and cupy-cuda13x overwrite" in finding.detail
    assert finding.fix == 'pip uninstall -y cupy cupy-cuda13x && pip install -e ".[gpu13]"'


@pytest.mark.parametrize(
    ("name", "version", "driver", "says", "fix"),
    [
        ("cupy-cuda13x", "14.2.0", OLD, "needs driver 580 or newer, this one is 535.5", "gpu12"),
        ("cupy-cuda13x", "13.6.0", H200, "is too old: minigen needs 14.0 or newer", "gpu13"),
        ("cupy-cuda11x", "13.6.0", OLD, "is too old", "gpu12"),
        ("cupy-rocm-7-0", "14.2.0", None, "is for AMD GPUs", doctor_gpu.NEW_DRIVER),
        ("cupy-cuda12x", "14.2.0", doctor_gpu.Driver("470.256.02"), "needs driver 525", "NVIDIA"),
    ],
)
def test_a_build_that_cannot_do(name, version, driver, says, fix):
    finding = checked({name: version}, driver)
    assert finding.status == "problem" and f"{name} {version} {says}" in finding.detail
    new = f'pip uninstall -y {name} && pip install -e ".[{fix}]"'
    assert finding.fix == (new if fix.startswith("gpu") else doctor_gpu.NEW_DRIVER)


CUPY13 = {"cupy-cuda13x": "14.2.0"}
AGAIN = 'pip uninstall -y cupy-cuda13x && pip install -e ".[gpu13]"'
GPU = doctor_gpu.Gpu("NVIDIA H200", 140 * 2**30, 139 * 2**30, 9, 0)
WORKS = doctor_gpu.Probed((GPU,))


def test_cupy_that_works():
    finding = checked(CUPY13, H200, WORKS)
    assert finding.status == "ok" and finding.detail.endswith("on NVIDIA H200 (140 GiB, sm_90)")
    assert checked({"cupy-cuda12x": "14.0.0"}, H200, WORKS).status == "ok"  # drivers run older CUDA
    source = checked({"cupy": "14.2.0"}, H200, WORKS)
    assert source.status == "note" and "compiled from source" in source.detail
    assert source.fix == 'pip uninstall -y cupy && pip install -e ".[gpu13]"'


@pytest.mark.parametrize(
    ("step", "trouble", "says", "fix"),
    [
        ("import", "ImportError: numpy", "it cannot be imported (ImportError: numpy)", AGAIN),
        ("see", "cudaErrorUnknown", "it cannot ask the driver", AGAIN),
        ("memory", "OutOfMemoryError", "no memory left", "nvidia-smi  # names the processes"),
        ("compile", "cannot open cuda_fp16.h", "NVRTC or CUDA headers, its [ctk], are miss", AGAIN),
        ("product", "libcublas.so.13", "cuBLAS, part of its [ctk]", AGAIN),
    ],
)
def test_cupy_that_stops_at_a_step(step, trouble, says, fix):
    finding = checked(CUPY13, H200, doctor_gpu.Probed((), step, trouble))
    assert finding.status == "problem" and says in finding.detail and trouble in finding.detail
    assert finding.fix.startswith(fix)


def test_every_step_of_the_probe_has_its_words():
    assert re.findall(r'^ *step\("(\w+)"\)', doctor_gpu.PROBE, re.M) == [*doctor_gpu.STEPS]


def test_cupy_that_sees_nothing():
    finding = checked(CUPY13, None, doctor_gpu.Probed())
    assert (finding.status, finding.fix) == ("note", "") and "no usable NVIDIA" in finding.detail
    finding = checked(CUPY13, H200, doctor_gpu.Probed(), lambda: (": it is hidden", "uncover it"))
    assert (finding.status, finding.fix) == ("problem", "uncover it")
    assert finding.detail.endswith("sees no GPU, though driver 580.65.06 is loaded: it is hidden")
    assert checked(CUPY13, H200, doctor_gpu.Probed(), lambda: ("", "")).fix == AGAIN


@pytest.mark.parametrize(
    ("nodes", "visible", "says", "fix"),
    [
        (["nvidia0", "nvidiactl"], None, "", ""),
        (["nvidia0", "nvidiactl"], "1", "", ""),
        (["nvidia0", "nvidiactl"], "GPU-8932f937", "", ""),
        (["nvidia0", "nvidiactl"], "", ": CUDA_VISIBLE_DEVICES='' hides them all", "unset CUDA_V"),
        (["nvidia0", "nvidiactl"], "-1", ": CUDA_VISIBLE_DEVICES='-1' hides", "unset CUDA_VISIBLE"),
        (["dxg"], None, "", ""),
        ([], None, ": no /dev/nvidia0 here, as in a container", "start it with the GPUs: docker"),
        (["nvidia0"], None, "nvidiactl may not be opened by this user", "sudo usermod -aG video"),
    ],
)
def test_why_gpus_are_not_seen(tmp_path, nodes, visible, says, fix):
    for name in nodes:
        (tmp_path / name).touch()
    environ = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    cause, found = doctor_gpu.why_blind(environ, tmp_path, "linux")
    assert says in cause and bool(cause) == bool(says) and found.startswith(fix)


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ("raise ImportError('for NumPy 1')", ((), "import", "ImportError: for NumPy 1")),
        ("import os; os._exit(139)", ((), "import", "the process crashed")),
        ("import types; cuda = types.SimpleNamespace(is_available=lambda: False)", ((), "", "")),
        ("cuda = None", ((), "see", "AttributeError: 'NoneType' object has no attribute 'is_")),
    ],
)
def test_probe_survives_a_broken_cupy(monkeypatch, tmp_path, source, answer):
    (tmp_path / "cupy.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = doctor_gpu.probe_cupy()
    assert found[:2] == answer[:2] and found.trouble.startswith(answer[2])


SMALL_CUPY = """
import types, numpy
from numpy import ones, zeros
properties = {"name": b"NVIDIA T4", "major": 7, "minor": 5}
runtime = types.SimpleNamespace(
    getDeviceCount=lambda: 1, getDeviceProperties=lambda i: properties, memGetInfo=lambda: (5, 9)
)
class Device:
    __init__ = lambda self, i: None
    __enter__ = lambda self: self
    __exit__ = lambda self, *error: None
cuda = types.SimpleNamespace(Device=Device, is_available=lambda: True, runtime=runtime)
def RawKernel(source, name):
    assert source.splitlines()[0] == "#include <cuda_fp16.h>" and f" {name}(" in source
    return lambda grid, block, args: args[0].fill(1)
"""


def test_probe_goes_through_all_its_steps(monkeypatch, tmp_path):
    (tmp_path / "cupy.py").write_text(SMALL_CUPY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert doctor_gpu.probe_cupy() == (((("NVIDIA T4", 9, 5, 7, 5)),), "", "")


# What works, but not all of it


def test_gpus():
    assert doctor_gpu.check_gpus(()).status == "ok"
    assert doctor_gpu.check_gpus((GPU,)).detail == "NVIDIA H200, 139 GiB free"
    old = doctor_gpu.check_gpus((GPU, GPU._replace(name="Tesla T4", major=7, minor=5)))
    assert old.status == "note" and old.detail.startswith("Tesla T4 (140 GiB, sm_75): minigen's")
    full = doctor_gpu.check_gpus((GPU._replace(free=2**30),))
    assert full.status == "note" and full.fix.startswith("nvidia-smi")
    assert "1.0 GiB are free; another process" in full.detail


@pytest.mark.parametrize(
    ("packages", "status", "fix"),
    [
        ({"ml-dtypes": "0.6.0", "numpy": "2.1.0"}, "ok", ""),
        ({}, "ok", ""),
        (CUPY13, "note", 'pip install -e ".[gpu13]"'),
        ({**CUPY13, "ml-dtypes": "0.6.0", "numpy": "2.1.1"}, "note", "pip install --upgrade numpy"),
        ({**CUPY13, "ml-dtypes": "0.6.0", "numpy": "2.1.2"}, "ok", ""),
    ],
)
def test_bfloat16(packages, status, fix):
    finding = doctor_gpu.check_bfloat16(packages, H200)
    assert (finding.status, finding.fix) == (status, fix)


def test_kernel_cache(tmp_path):
    (tmp_path / "file").touch()
    where = {"CUPY_CACHE_DIR": str(tmp_path / "file" / "below")}
    assert doctor_gpu.check_kernel_cache({}, where).status == "ok"
    closed = doctor_gpu.check_kernel_cache(CUPY13, where)
    assert closed.status == "problem" and closed.fix == 'export CUPY_CACHE_DIR="$HOME/cupy-cache"'
    where = {"CUPY_CACHE_DIR": str(tmp_path / "new")}
    assert doctor_gpu.check_kernel_cache(CUPY13, where).detail == str(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert doctor_gpu.check_kernel_cache(CUPY13, {"CUPY_CACHE_IN_MEMORY": "1"}).status == "note"


def test_cupys_bound_is_that_of_setup_py():
    text = (ROOT / "setup.py").read_text(encoding="utf-8")
    assert set(re.findall(r"cupy-cuda\d+x\[ctk\]>=([\d.]+)", text)) == {doctor_gpu.LEAST_CUPY}


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
    monkeypatch.setattr(doctor_gpu.shutil, "which", lambda name: name == "dnf" or None)
    finding = doctor_gpu.check_compiler(version, "Linux", machine)
    assert finding.status == status
    assert finding.fix == ("sudo dnf install gcc-c++" if status == "note" else "")


def test_nvrtc():
    finding = doctor_gpu.check_nvrtc({"nvidia-cuda-nvrtc": "13.5.37"})
    assert (finding.status, finding.fix) == ("note", 'pip install -e ".[kernels]"')
    assert finding.detail.startswith("nvidia-cuda-runtime absent")
    for suffix in ("", "-cu12"):
        found = {f"nvidia-cuda-nvrtc{suffix}": "12.9", f"nvidia-cuda-runtime{suffix}": "12.9"}
        assert doctor_gpu.check_nvrtc(found).status == "ok"
