"""What minigen sets before NumPy loads: only what the user has not set, and only where it fits."""

import os
import subprocess
import sys

import pytest

from minigen.environment import _amd_with_avx512

FLAGS = "flags : fpu sse2 avx2 avx512f avx512dq avx512cd avx512bw avx512vl"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"vendor_id : AuthenticAMD\n{FLAGS}\n", True),
        (f"vendor_id : GenuineIntel\n{FLAGS}\n", False),  # OpenBLAS knows these
        ("vendor_id : AuthenticAMD\nflags : fpu sse2 avx2\n", False),
        ("", False),
    ],
)
def test_which_processors_need_help(tmp_path, text, found):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(text)
    assert _amd_with_avx512(cpuinfo) is found


def test_a_system_without_cpuinfo_is_left_alone(tmp_path):
    assert _amd_with_avx512(tmp_path / "missing") is False


def test_the_user_decides():
    names = ["OPENBLAS_THREAD_TIMEOUT", "OPENBLAS_CORETYPE"]
    code = f"import os, minigen; print(*[os.environ[name] for name in {names}])"
    mine = os.environ | dict(zip(names, ["20", "Haswell"], strict=True))
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=mine
    )
    assert out.stdout.split() == ["20", "Haswell"]


def test_it_comes_before_numpy():
    code = (
        "import os, sys\n"
        "class Watch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'numpy': print(os.environ.get('OPENBLAS_THREAD_TIMEOUT'))\n"
        "sys.meta_path.insert(0, Watch())\n"
        "import minigen"
    )
    clean = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=clean
    )
    assert out.stdout.split() == ["18"]
