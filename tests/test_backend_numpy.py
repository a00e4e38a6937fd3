"""Two halves of a loop at once, and the memory they work in."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from minigen.backend import conv
from minigen.backend import numpy as cpu

two_threads = pytest.mark.skipif(
    cpu.blas_threads() is None or cpu.blas_threads().threads < 2,
    reason="needs NumPy's bundled OpenBLAS with two threads",
)


def test_halves_cover_the_range_once():
    for n in range(6):
        calls = []
        cpu.halves(lambda lo, hi, calls=calls: calls.append((lo, hi)), n)
        assert sorted(calls) == ([(0, n)] if n < 2 else [(0, n // 2), (n // 2, n)])


@two_threads
def test_halves_run_at_once_with_one_blas_thread_each_and_nest():
    before, meet, inner = cpu.blas_threads().threads, threading.Barrier(2, timeout=10), []

    def half(lo, hi):
        meet.wait()  # passes only if both halves are running
        assert cpu.blas_threads().threads == 1
        with np.errstate(divide="raise"):  # of this half alone
            cpu.halves(lambda lo, hi: inner.append(threading.get_ident()), 2)

    cpu.halves(half, 2)
    assert len(inner) == 4 and len(set(inner)) == 2
    assert cpu.blas_threads().threads == before


@two_threads
@pytest.mark.parametrize("bad", [0, 1])
def test_halves_raise_after_both_ended_and_restore(bad):
    before, ended = cpu.blas_threads().threads, []

    def half(lo, hi):
        if lo == bad:
            raise KeyError("mine")
        threading.Event().wait(0.05)
        ended.append(lo)

    with pytest.raises(KeyError, match="mine"):
        cpu.halves(half, 2)
    assert ended == [1 - bad]
    assert cpu.blas_threads().threads == before
    test_halves_cover_the_range_once()


def test_halves_know_the_callers_errstate():
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        cpu.halves(lambda lo, hi: np.ones(1) / 0 if lo == 0 else None, 2)


def test_halves_from_many_threads_at_once():
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((64, 8, 14, 14)), rng.standard_normal((8, 8, 3, 3))
    options = (1, 1), ((1, 1), (1, 1)), (1, 1), 1
    expected, results = conv.conv(x, w, None, *options), {}

    def work(name):
        results[name] = [conv.conv(x, w, None, *options) for _ in range(5)]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 3
    assert all(np.allclose(y, expected) for ys in results.values() for y in ys)


def run_python(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_one_blas_thread_means_no_thread_of_ours():
    code = """
import threading
from minigen.backend.numpy import blas_threads, halves
halves(lambda lo, hi: None, 4)
print(threading.active_count(), blas_threads() is None or blas_threads().threads)
"""
    assert run_python(code, OPENBLAS_NUM_THREADS="1") in (["1", "1"], ["1", "True"])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks on Windows")
def test_halves_work_in_a_forked_child():
    code = """
import os
from minigen.backend.numpy import halves
halves(lambda lo, hi: None, 4)  # the worker exists, and does not survive the fork
if os.fork() == 0:
    starts = []
    halves(lambda lo, hi: starts.append(lo), 4)
    print(*sorted(starts), flush=True)
    os._exit(0)
os._exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""
    assert run_python(code) == ["0", "2"]


def test_scratch_is_the_threads_own_and_stays():
    first = cpu.scratch("test", (3, 4), np.float32)
    assert first.shape == (3, 4) and first.dtype == np.float32
    assert np.shares_memory(first, cpu.scratch("test", 5, np.int16))
    assert not np.shares_memory(first, cpu.scratch("another", 12, np.float32))
    grown = cpu.scratch("test", 1000, np.float64)
    assert np.shares_memory(grown, cpu.scratch("test", 2, np.float32))
    assert cpu.scratch("test", (0, 7), np.float32).size == 0
    others = []
    thread = threading.Thread(target=lambda: others.append(cpu.scratch("test", 4, np.float32)))
    thread.start()
    thread.join()
    assert not np.shares_memory(grown, others[0])
