"""The emulator's compiler: its cache, and errors of building."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from needs import needs

from minigen.backend import emulator
from minigen.backend.emulator import compiler
from minigen.environment import cache_folder

pytestmark = needs(emulator)

HERE = Path(__file__).parent

TWICE = (
    '#include "twice.cuh"\n__global__ void twice(float* y) {\n    y[threadIdx.x] *= FACTOR;\n}\n'
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A kernel file, its header, and a cache of their own; the runtime is loaded already."""
    (tmp_path / "twice.cu").write_text(TWICE)
    (tmp_path / "twice.cuh").write_text("#define FACTOR 2.0f\n")
    monkeypatch.setenv("MINIGEN_CACHE", str(tmp_path / "cache"))
    return tmp_path


def twice(folder, **options):
    """What the kernel makes of 1."""
    y = np.ones(1, np.float32)
    emulator.Module(folder / "twice.cu", ["twice"], **options)["twice"]((1,), (1,), (y,))
    return y[0]


def libraries():
    return sorted((cache_folder() / "emulator").glob("*.so"))


def test_cache_follows_every_text(folder):
    assert twice(folder) == 2
    (only,) = libraries()
    before = only.stat().st_ino
    assert twice(folder) == 2 and only.stat().st_ino == before  # not compiled again
    (folder / "twice.cuh").write_text("#define FACTOR 3.0f\n")
    assert twice(folder) == 3
    assert twice(folder, source=TWICE.replace("*=", "+=")) == 4
    assert len(libraries()) == 3


def test_damaged_library_is_compiled_again(folder):
    assert twice(folder) == 2
    (only,) = libraries()
    whole = only.read_bytes()
    os.unlink(only)  # the loaded one keeps its file
    only.write_bytes(whole[: len(whole) // 2])
    check = "import sys; sys.path.insert(0, sys.argv[1]); import test_emulator_build as t; "
    check += "from pathlib import Path; print(t.twice(Path(sys.argv[2])))"
    command = [sys.executable, "-c", check, str(HERE), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parent)
    assert done.stdout == "2.0\n", done.stderr
    assert len(only.read_bytes()) == len(whole)


def test_build_leaves_nothing_to_compile(folder, monkeypatch):
    emulator.build([(folder / "twice.cu", ["twice"]), (folder / "twice.cu", ["twice"], True)])
    monkeypatch.setattr(compiler, "_compile", None)
    assert twice(folder) == twice(folder, check=True) == 2


@pytest.mark.parametrize(
    ("source", "name", "message"),
    [
        ("\n__global__ void k(float* y) { *y = z; }", "k", r"k\.cu:2:\d+: error: .*z.*declared"),
        ("__global__ void k(float* y) {}", "other", "error: .*other.*declared"),
        ("struct S { int i; };\n__global__ void k(S s) {}", "k", "parameters are numbers and poin"),
        ("__global__ void k(float4 v) {}", "k", "parameters are numbers and pointers"),
        ("void f(); __global__ void k() { f(); }", "k", r"k\.cu: not linked: .*undefined symbol"),
    ],
)
def test_build_errors_say_where(folder, source, name, message):
    with pytest.raises(emulator.EmulatorError) as caught:
        emulator.Module(folder / "k.cu", [name], source=source)
    assert re.search(message, str(caught.value).splitlines()[0])


def test_cache_that_cannot_be_written(folder, monkeypatch):
    monkeypatch.setenv("MINIGEN_CACHE", str(folder / "twice.cu"))  # a file, not a folder
    with pytest.raises(emulator.EmulatorError, match="export MINIGEN_CACHE="):
        twice(folder)
