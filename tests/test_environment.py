"""What minigen sets when it loads: only what the user has not set."""

import os
import platform
import subprocess
import sys

import pytest

from minigen import environment


def test_the_user_decides():
    code = "import os, minigen; print(os.environ['OPENBLAS_THREAD_TIMEOUT'])"
    mine = os.environ | {"OPENBLAS_THREAD_TIMEOUT": "20"}
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=mine
    )
    assert out.stdout.split() == ["20"]


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


GROWTH = """
import os, resource, minigen, numpy
def faults(n=10):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(n): numpy.ones(5_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's allocator is what is set")
def test_freed_memory_is_kept_unless_the_user_decides():
    """Arrays of 40 MB, one after the other: with glibc's own limits each is new, page by page."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_"))}
    found = []
    for mine in (
        {},
        {"MALLOC_MMAP_THRESHOLD_": "1000000"},
        {"MINIGEN_KEEP_MEMORY": "0"},
        {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=1000000"},
    ):
        out = subprocess.run(
            [sys.executable, "-c", GROWTH], capture_output=True, text=True, check=True,
            env=clean | mine,
        )
        found.append(int(out.stdout))
    assert found[0] + 100 < min(found[1:])


@pytest.mark.parametrize(
    ("largest", "calls"),
    [
        (1 << 30, [(-3, 1 << 28), (-1, 1 << 29), (-2, 1 << 26)]),
        (1 << 25, [(-3, 1 << 28), (-3, 1 << 25), (-1, 1 << 29), (-2, 1 << 26)]),
        (0, [(-3, 1 << 28), (-3, 1 << 25)]),
    ],
)
def test_a_glibc_that_refuses_is_asked_for_less_or_left_alone(largest, calls):
    """Any other setting alone would end its own adapting: slower than none."""
    asked = []

    def mallopt(number, value):
        asked.append((number, value))
        return int(number != -3 or value <= largest)

    environment._keep_memory(mallopt)
    assert asked == calls
