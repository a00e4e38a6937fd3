"""The emulator's checker: every wrong kernel is found, at its line, in every order of threads.

Idea: kernels_wrong.cu has one kernel for each mistake. A wrong line ends in "// wrong: <kernel>",
and the first line of the report must name the kernel, the finding and that line.
"""

import os
import re
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from needs import needs

from minigen.backend import emulator

pytestmark = needs(emulator)

WRONG = Path(__file__).parent / "kernels_wrong.cu"
TEXT = WRONG.read_text(encoding="utf-8")
NAMES = re.findall(r"__global__ void (\w+)\(", TEXT)
MARKED = re.findall(r"// wrong: (\w+)", TEXT)
ORDERS = [(1, 0), (2, 1), (2, 2)]

Y = 64  # floats of output
X = object()  # an input of as many floats
MISTAKES = [  # kernel, blocks, threads, arguments before the output, finding
    ("two_blocks_write", 2, 32, [], "RACE write-after-write"),
    ("block_reads_another", 2, 32, [], "RACE read-after-write"),
    ("lost_update", 1, 32, [], "RACE read-after-write"),
    ("no_barrier", 1, 64, [], "UNINITIALISED-READ"),
    ("buffer_used_again", 1, 64, [], "RACE read-after-write"),
    ("shuffle_as_fence", 1, 32, [], "RACE read-after-write"),
    ("warps_without_barrier", 1, 64, [], "RACE read-after-write"),
    ("reads_unwritten_shared", 1, 64, [], "UNINITIALISED-READ"),
    ("past_the_end", 1, 64, [X], "OUT-OF-BOUNDS"),
    ("before_the_start", 1, 64, [X], "OUT-OF-BOUNDS"),
    ("far_away", 1, 64, [X], "OUT-OF-BOUNDS"),
    ("past_dynamic_shared", 1, 64, [], "OUT-OF-BOUNDS"),
    ("past_a_static_array", 1, 64, [], "TRAP"),
    ("null_pointer", 1, 64, [X, None], "OUT-OF-BOUNDS"),
    ("misaligned", 1, 32, [X], "MISALIGNED"),
    ("writes_const", 1, 64, [X], "WRITE-TO-CONST"),
    ("foreign_local", 1, 64, [], "FOREIGN-LOCAL"),
    ("divergent_barrier", 1, 64, [], "DIVERGENT-BARRIER"),
    ("some_skip_the_barrier", 1, 64, [], "EXIT-BEFORE-BARRIER"),
    ("barrier_against_shuffle", 1, 32, [], "DEADLOCK"),
    ("lane_has_returned", 1, 32, [], "WARP-EXITED"),
    ("not_in_the_mask", 1, 32, [], "WARP-MASK"),
    ("never_waits", 1, 32, [X], "READ-BEFORE-WAIT"),
    ("waits_without_barrier", 1, 32, [X], "UNINITIALISED-READ"),
    ("copies_over_readers", 1, 32, [X], "READ-BEFORE-WAIT"),
    ("deep_locals", 1, 32, [], "FAULT"),
]


@pytest.fixture(scope="module")
def wrong():
    return emulator.Module(WRONG, NAMES, check=True)


def find(module, kernel, blocks, threads, inputs, y, **options):
    """The first line of what the launch is found to do wrong."""
    args = [emulator.aligned(np.ones(Y, np.float32)) if value is X else value for value in inputs]
    shared = 4 * threads if "dynamic" in kernel else 0
    with pytest.raises(emulator.EmulatorError) as caught:
        module[kernel]((blocks,), (threads,), (*args, y), shared_mem=shared, **options)
    return str(caught.value).splitlines()[0]


@pytest.mark.parametrize(
    ("kernel", "blocks", "threads", "inputs", "finding"), MISTAKES, ids=[row[0] for row in MISTAKES]
)
def test_mistake_is_found_at_its_line(wrong, kernel, blocks, threads, inputs, finding):
    line = find(wrong, kernel, blocks, threads, inputs, np.zeros(Y, np.float32))
    assert re.match(rf"{kernel}: ({finding})", line)
    if kernel in MARKED:
        number = TEXT.split(f"// wrong: {kernel}\n")[0].count("\n") + 1
        assert f" at kernels_wrong.cu:{number}: " in line


@pytest.mark.parametrize(("order", "seed"), ORDERS)
def test_mistakes_are_found_in_any_order(wrong, order, seed):
    for kernel, blocks, threads, inputs, finding in MISTAKES:
        y = np.zeros(Y, np.float32)
        line = find(wrong, kernel, blocks, threads, inputs, y, order=order, seed=seed)
        if not finding.startswith(("RACE", "UNINITIALISED", "READ-BEFORE")):  # order is all there
            assert line.startswith(f"{kernel}: {finding}")


def test_race_between_neighbours_in_one_word(wrong):
    line = find(wrong, "half_words", 1, 32, [], np.zeros(64, np.uint16), order=1)
    assert "UNINITIALISED-READ" in line or "RACE" in line
    line = find(wrong, "half_words", 1, 4, [], np.zeros(64, np.uint16))
    assert "kernels_wrong.cu" in line


def test_uninitialised_output(wrong):
    line = find(wrong, "reads_output", 1, 64, [], emulator.empty(Y))
    assert line.startswith("reads_output: UNINITIALISED-READ at kernels_wrong.cu:")
    line = find(wrong, "leaves_a_gap", 1, 64, [], emulator.empty(Y))
    assert line == "leaves_a_gap: UNWRITTEN: 4 of 256 bytes of argument 0"
    written = np.zeros(Y, np.float32)
    wrong["leaves_a_gap"]((1,), (64,), (written,))  # no mistake: it had values before
    assert written[5] == 0 != written[4]


def test_integer_overflow(wrong):
    ones = np.ones(64, np.int32)
    line = find(wrong, "overflow", 1, 64, [ones], np.zeros(64, np.int32))
    assert line.startswith("overflow: TRAP at kernels_wrong.cu:")


def test_local_variables_too_large(wrong):
    line = find(wrong, "deep_locals", 1, 32, [], np.zeros(Y, np.float32))
    assert "FAULT at kernels_wrong.cu:" in line
    assert "local variables need more than 128 KiB" in line


def test_null_pointer_is_named(wrong):
    line = find(wrong, "null_pointer", 1, 64, [X, None], np.zeros(Y, np.float32))
    assert "null pointer: optional argument 1 was not given" in line
    module = emulator.Module(WRONG, ["null_pointer"])
    line = find(module, "null_pointer", 1, 64, [X, None], np.zeros(Y, np.float32))
    assert "null_pointer: FAULT at kernels_wrong.cu:" in line
    assert "optional argument 1 was not given" in line


def test_both_sides_of_a_race_are_named(wrong):
    line = find(wrong, "shuffle_as_fence", 1, 32, [], np.zeros(Y, np.float32))
    assert re.search(
        r"byte 124 of __shared__ row, written by thread \(31,0,0\) at kernels_wrong", line
    )
    assert line.endswith("[thread (0,0,0) of block (0,0,0)]")


def test_out_of_bounds_does_not_reach_memory(wrong):
    both = np.zeros(2 * Y, np.float32)  # x and its neighbour in memory
    line = find(wrong, "past_the_end", 1, 64, [both[:Y]], both[Y:])
    assert "read of 4 bytes, 0 bytes past the end of argument 0" in line


@pytest.mark.parametrize(
    ("kernel", "args"),
    [("for_ever_at_barriers", ()), ("for_ever_in_memory", ()), ("for_ever_in_registers", (1,))],
)
def test_runaway_is_ended(wrong, kernel, args):
    found = rf"^{kernel}: RUNAWAY( at kernels_wrong\.cu|: )"
    with emulator.time_limit(0.1), pytest.raises(emulator.EmulatorError, match=found):
        wrong[kernel]((1,), (32,), (np.zeros(64, np.float32), *args))
    out = np.zeros(64, np.float32)
    wrong["leaves_a_gap"]((1,), (64,), (out,))  # the next launch is not disturbed
    assert out.sum() == 63


def test_ctrl_c_is_heard(wrong):
    started = time.monotonic()
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        wrong["for_ever_in_memory"]((1,), (32,), (np.zeros(64, np.float32),))
    assert time.monotonic() - started < 30
