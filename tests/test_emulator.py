"""The emulator: right kernels compute what a GPU would, in every order of threads.

Idea: kernels_right.cu has one kernel for each thing that is imitated; what hardware defines (which
lane a shuffle reads, which elements a fragment holds) is compared with NumPy. Wrong kernels are in
test_emulator_mistakes.py, compiling and its cache in test_emulator_build.py.
"""

import re
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest
from needs import needs

from minigen.backend import emulator
from minigen.backend.emulator import compiler

pytestmark = needs(emulator)

RIGHT = Path(__file__).parent / "kernels_right.cu"
ORDERS = [(0, 0), (1, 0), (2, 1), (2, 2)]

SCALES = {
    "float": np.float32,
    "double": np.float64,
    "__half": np.float16,
    "__nv_bfloat16": "bfloat16",
    "int": np.int32,
    "long long": np.int64,
    "unsigned char": np.uint8,
}
NAMES = [
    *(f"scale<{name}>" for name in SCALES),
    *("in_order", "collectives", "block_sum", "turn_around", "histogram", "double_all", "add_bias"),
    *("roundings", "copy_fours", "copy_columns", "bank_conflicts", "one_tile<8>", "one_tile<16>"),
    *("load_matrices", "mma_gemm<__half>", "mma_gemm<__nv_bfloat16>"),
]


@pytest.fixture(scope="module", autouse=True)
def built():
    """Everything compiled once, on all cores."""
    gemm = (RIGHT, NAMES[-1:], True, ["WITHOUT_THE_LAST_BARRIER"])
    emulator.build([(RIGHT, NAMES), (RIGHT, NAMES, True), gemm])


@pytest.fixture(scope="module", params=[False, True], ids=["fast", "checked"])
def right(request):
    return emulator.Module(RIGHT, NAMES, check=request.param)


@pytest.fixture(scope="module")
def checked():
    return emulator.Module(RIGHT, NAMES, check=True)


def dtype_of(name):
    """The NumPy dtype of a C++ type; skips where bfloat16 needs a package that is missing."""
    if SCALES[name] == "bfloat16":
        return np.dtype(pytest.importorskip("ml_dtypes").bfloat16)
    return np.dtype(SCALES[name])


def normal(*shape, seed=0):
    return emulator.aligned(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


# What right kernels compute ---------------------------------------------------------------------


@pytest.mark.parametrize("name", SCALES)
def test_scale_in_every_dtype(right, name):
    dtype = dtype_of(name)
    x = emulator.aligned(np.arange(100).astype(dtype))
    y = emulator.empty(100, dtype)
    right[f"scale<{name}>"]((4,), (32,), (x, y, dtype.type(2), 100))
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, np.arange(100).astype(dtype) * dtype.type(2))


def test_collectives(right):
    out = emulator.empty((12, 32), np.int32)
    right["collectives"]((1,), (32,), (out,))
    lane = np.arange(32)
    ballot = sum(1 << i for i in range(0, 32, 3))
    expected = [
        np.full(32, 50),
        lane // 8 * 8 + (lane + 1) % 8,
        np.where(lane < 3, lane, lane - 3),
        np.where(lane % 16 + 3 > 15, lane, lane + 3),
        lane ^ 5,
        np.full(32, np.uint32(ballot).astype(np.int32)),
        np.full(32, 1),
        np.full(32, 0),
        np.where(lane < 8, (lane ^ 1) + 1, -1),
        np.full(32, 9),
        np.full(32, 3),
        2 * (lane ^ 16) + 1,
    ]
    np.testing.assert_array_equal(out, expected)


def test_order_of_threads_and_blocks(right):
    def order(**options):
        out = emulator.empty(256, np.int32)
        right["in_order"]((4,), (64,), (np.zeros(1, np.int32), out), **options)
        return out.tolist()

    ascending = list(range(256))
    assert order() == ascending
    assert order(order=1) == ascending[::-1]
    assert sorted(order(order=2, seed=1)) == ascending != order(order=2, seed=1)
    assert order(order=2, seed=1) == order(order=2, seed=1) != order(order=2, seed=2)


@pytest.mark.parametrize(("order", "seed"), ORDERS)
def test_barriers_in_any_order(right, order, seed):
    x, y = normal(3, 200), emulator.empty(3)
    right["block_sum"]((3,), (96,), (x, y, 200), order=order, seed=seed)
    np.testing.assert_allclose(y, x.sum(axis=1), rtol=1e-4)
    turned = np.arange(64, dtype=np.float32)
    right["turn_around"]((1,), (64,), (turned,), order=order, seed=seed)
    np.testing.assert_array_equal(turned, np.arange(64).reshape(2, 32)[:, ::-1].reshape(64) + 3)


def test_atomics_of_several_blocks_do_not_race(right):
    x = np.random.default_rng(0).integers(0, 7, 1000).astype(np.int32)
    counts = np.zeros(7, np.int32)
    right["histogram"]((4,), (256,), (x, counts, 1000), order=2)
    np.testing.assert_array_equal(counts, np.bincount(x, minlength=7))


def test_arrays_behind_a_table_of_addresses(right):
    tensors = [normal(5), normal(3, 70), normal(1)]
    expected = [2 * tensor for tensor in tensors]
    table = np.array([tensor.ctypes.data for tensor in tensors], np.uint64)
    sizes = np.array([tensor.size for tensor in tensors], np.int64)
    right["double_all"]((3,), (32,), (table, sizes), also=tensors)
    for tensor, double in zip(tensors, expected, strict=True):
        np.testing.assert_array_equal(tensor, double)


def test_optional_and_empty_arguments(right):
    x, y = normal(32), emulator.empty(32)
    right["add_bias"]((1,), (32,), (x, None, y, True))
    np.testing.assert_array_equal(y, x)
    right["add_bias"]((1,), (32,), (x, x, y, np.True_))
    np.testing.assert_array_equal(y, x + 2 * x)
    right["scale<float>"]((1,), (32,), (emulator.empty(0), emulator.empty(0), np.float32(1), 0))


def test_in_place_on_one_array(right):
    x = normal(64)
    expected = x * 2
    right["scale<float>"]((2,), (32,), (x, x, np.float32(2), 64))
    np.testing.assert_array_equal(x, expected)


def test_roundings_are_ieee(right):
    count = 32
    a, b, c = normal(count), normal(count, seed=1), normal(count, seed=2)
    out = emulator.empty((12, count))
    right["roundings"]((1,), (count,), (a, b, c, out, count))
    exact = a.astype(np.float64) * b + c  # the product is exact, the sum nearly always
    assert (out[1] == exact.astype(np.float32)).mean() > 0.9
    assert (out[0] != out[1]).any()
    half_sum = a.astype(np.float16) + b.astype(np.float16)
    high_word = (a.view(np.uint32).astype(np.uint64) * 0xD2511F53) >> 32
    expected = {
        0: a * b + c,
        2: a * b + (c - b),
        3: a / b,
        4: np.sqrt(np.abs(a)),
        5: np.rint(a * 8),
        6: np.where(a > 0, 2.0**31, -(2.0**31)),
        7: -a,
        8: np.maximum(np.bitwise_count(a.view(np.uint32)), 3),
        9: a.astype(np.float16) + rounded_to_bfloat16(b),
        10: half_sum,
        11: high_word,
    }
    for row, values in expected.items():
        np.testing.assert_array_equal(out[row], values.astype(np.float32), err_msg=str(row))


def rounded_to_bfloat16(x):
    """x with 8 bits of mantissa, ties to even."""
    bits = x.view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


def rounded_to_tf32(x):
    """x with 11 bits of mantissa, ties away from zero."""
    return ((x.view(np.uint32) + 0x1000) & ~np.uint32(0x1FFF)).view(np.float32)


# Tensor cores -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("depth", "is_half", "rounded"),
    [
        (8, 0, rounded_to_tf32),
        (16, 1, lambda x: x.astype(np.float16).astype(np.float32)),
        (16, 0, rounded_to_bfloat16),
    ],
    ids=["tf32", "f16", "bf16"],
)
def test_tile_of_a_tensor_core(right, depth, is_half, rounded):
    a, b, d = normal(16, depth), normal(8, depth, seed=1), emulator.empty((16, 8))
    right[f"one_tile<{depth}>"]((1,), (32,), (a, b, d, is_half))
    np.testing.assert_allclose(d, rounded(a) @ rounded(b).T, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("transpose", [0, 1])
def test_ldmatrix(right, transpose):
    x = np.arange(256, dtype=np.uint16).reshape(4, 8, 8)
    y = emulator.empty((32, 4), np.uint32)
    right["load_matrices"]((1,), (32,), (x, y, transpose))
    matrices = x.transpose(0, 2, 1) if transpose else x
    pairs = np.ascontiguousarray(matrices).reshape(4, 32, 2).astype(np.uint32)
    np.testing.assert_array_equal(y, (pairs[..., 0] | pairs[..., 1] << 16).T)


@pytest.mark.parametrize("name", ["__half", "__nv_bfloat16"])
def test_gemm_with_asynchronous_copies(right, name):
    M, N, K = 64, 128, 96
    A, B = (normal(*shape).astype(dtype_of(name)) for shape in ((M, K), (N, K)))
    C = emulator.empty((M, N))
    right[f"mma_gemm<{name}>"]((N // 64, M // 64), (128,), (A, B, C, N, K), order=2)
    exact = A.astype(np.float64) @ B.astype(np.float64).T
    np.testing.assert_allclose(C, exact, rtol=1e-4, atol=1e-4)


def test_gemm_whose_copies_overtake_its_readers():
    pytest.importorskip("ml_dtypes")
    name = NAMES[-1]
    module = emulator.Module(RIGHT, [name], check=True, defines=["WITHOUT_THE_LAST_BARRIER"])
    A, B = (normal(64, 96).astype(dtype_of("__nv_bfloat16")) for _ in range(2))
    with pytest.raises(emulator.EmulatorError, match=r"RACE .* at kernels_right\.cu:"):
        module[name]((1, 1), (128,), (A, B, emulator.empty((64, 64)), 64, 96))


# Arguments --------------------------------------------------------------------------------------

FLOATS = np.zeros(64, np.float32)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((FLOATS.astype(float), FLOATS, np.float32(1), 64), "0 wants an array of float32, got flo"),
        ((FLOATS, FLOATS.view(np.int32), np.float32(1), 64), "1 wants an array of float32, got in"),
        ((FLOATS[::2], FLOATS, np.float32(1), 32), "argument 0 is not contiguous"),
        (([0.0], FLOATS, np.float32(1), 1), "argument 0 wants an array of float32, got list"),
        ((FLOATS, FLOATS, 1.0, 64), "argument 2 wants float32, got float, of which CuPy would"),
        ((FLOATS, FLOATS, np.float64(1), 64), "argument 2 wants float32, got float64"),
        ((FLOATS, FLOATS, np.float32(1), 2**31), "argument 3 wants int32: 2147483648 does not fit"),
        ((FLOATS, FLOATS, np.float32(1), np.int64(1)), "argument 3 wants int32, got int64"),
        ((FLOATS, FLOATS, np.float32(1)), "takes 4 arguments, 3 given"),
    ],
)
def test_wrong_arguments_are_refused(checked, args, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        checked["scale<float>"]((2,), (32,), args)


def test_bits_are_no_bfloat16(checked):
    dtype = dtype_of("__nv_bfloat16")
    bits = np.zeros(64, np.uint16)
    with pytest.raises(TypeError, match="argument 0 wants an array of bfloat16, got uint16"):
        checked["scale<__nv_bfloat16>"]((2,), (32,), (bits, bits, dtype.type(1), 64))


def test_read_only_array_is_refused_as_output(checked):
    frozen = FLOATS.copy()
    frozen.flags.writeable = False
    y = emulator.empty(64)
    checked["scale<float>"]((2,), (32,), (frozen, y, np.float32(1), 64))
    with pytest.raises(TypeError, match="argument 1 is read-only"):
        checked["scale<float>"]((2,), (32,), (FLOATS, frozen, np.float32(1), 64))


@pytest.mark.parametrize(
    ("grid", "block", "shared"),
    [((0,), (32,), 0), ((1, 65536), (32,), 0), ((1,), (1025,), 0), ((1,), (32,), 232449)],
)
def test_launch_that_a_device_would_refuse(checked, grid, block, shared):
    args = (FLOATS, FLOATS.copy(), np.float32(1), 64)
    with pytest.raises(emulator.EmulatorError, match=r"scale<float>: BAD-LAUNCH"):
        checked["scale<float>"](grid, block, args, shared_mem=shared)


def test_empty_and_aligned_begin_as_gpu_arrays_do():
    made = emulator.empty((3, 5), np.float16)
    assert made.shape == (3, 5) and made.ctypes.data % 256 == 0
    assert (made.view(np.uint16) == 0xFFFF).all()
    x = np.arange(7.0)[1:]
    assert emulator.aligned(x).ctypes.data % 256 == 0
    np.testing.assert_array_equal(emulator.aligned(x), x)


def test_several_threads_may_launch(checked):
    outputs = [emulator.empty(4096) for _ in range(4)]

    def work(number):
        args = (x, outputs[number], np.float32(number), 4096)
        checked["scale<float>"]((128,), (32,), args)

    x = normal(4096)
    workers = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for number, y in enumerate(outputs):
        np.testing.assert_array_equal(y, x * np.float32(number))


# The memory profile -----------------------------------------------------------------------------


def rows_of(module, launch, space):
    """kind -> counts, of the accesses to one space."""
    found = emulator.profile(module, launch)
    assert all(place.startswith("kernels_right.cu:") for place, _, _ in found)
    return {kind: counts for (_, where, kind), counts in found.items() if where == space}


def test_profile_counts_sectors(checked):
    x, y = normal(4 * 64), emulator.empty(4 * 64)
    rows = rows_of(checked, lambda: checked["copy_fours"]((1,), (64,), (x, y)), "global")
    # two warps; each reads 32 * 16 bytes: 16 sectors of 32
    assert rows == {"read": (2, 32, 32, 1024), "write": (2, 32, 32, 1024)}
    x, y = normal(32, 32), emulator.empty(32)
    alike = emulator.Module(RIGHT, NAMES, check=True)
    rows = rows_of(alike, lambda: checked["copy_columns"]((1,), (32,), (x, y, 32)), "global")
    assert rows == {"read": (1, 32, 4, 128), "write": (1, 4, 4, 128)}


def test_profile_counts_bank_conflicts(checked):
    def launch():
        checked["bank_conflicts"]((1,), (32,), (emulator.empty(32),))

    assert rows_of(checked, launch, "shared") == {"read": (1, 32, 1, 128), "write": (1, 32, 1, 128)}


def test_profile_wants_a_checked_module():
    with pytest.raises(ValueError, match="check=True"):
        emulator.profile(emulator.Module(RIGHT, NAMES), lambda: None)


def test_pragmas_and_qualifiers_do_not_warn():
    text = f'#include "{RIGHT}"\n'
    text += "".join(f"EMU_EXPORT({i}, {name})\n" for i, name in enumerate(NAMES))
    flags = [*compiler.FLAGS, *compiler.KERNEL_FLAGS, "-I", str(compiler.HERE), "-fsyntax-only"]
    command = [compiler.gxx(), *flags, "-x", "c++", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
