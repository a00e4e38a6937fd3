"""Products and sums of rows by our own kernels: which kernel, from which memory, when on a GPU.

Idea: values are the op table's business (MINIGEN_EMULATE=1) and the manifest's. Here stands what a
right value does not show: that a transposed view is not copied, that a packed access is only made
where memory is aligned, that sums have one order, and that a GPU's cuBLAS is used, but not where
CuPy refuses it.
Read next: ../minigen/backend/device/linalg.py, ../kernels/gemm.cu, test_kernels.py.
"""

import fake_cupy
import numpy as np
import pytest
from needs import needs

import minigen as mg
from minigen import ops
from minigen.backend import cupy, emulator, linalg
from minigen.backend.device import linalg as device
from minigen.backend.device.scatter import summed_rows

pytestmark = needs(emulator)


@pytest.fixture
def launched(monkeypatch):
    """[(kernel, its arrays)] of the products that were launched."""
    calls, launch = [], device.launch

    def noted(name, *arrays, **scalars):
        calls.append((name, arrays))
        return launch(name, *arrays, **scalars)

    monkeypatch.setattr(device, "launch", noted)
    return calls


def random(*shape, dtype="float32"):
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(dtype)


def test_transposed_views_are_read_where_they_lie(launched):
    for a, b in (
        (random(7, 5), random(9, 7)),
        (random(3, 7, 5), random(9, 7)),
        (random(3, 7, 5), random(3, 9, 7)),
    ):
        y = device.matmul(a.swapaxes(-1, -2), b.swapaxes(-1, -2))
        np.testing.assert_allclose(y, a.swapaxes(-1, -2) @ b.swapaxes(-1, -2), atol=1e-5)
        _, arrays = launched.pop()
        assert np.shares_memory(arrays[0], a) and np.shares_memory(arrays[1], b)


def test_the_gradients_of_a_linear_layer_copy_nothing(launched):
    x, w = (mg.tensor(random(*shape), requires_grad=True) for shape in ((4, 5), (3, 5)))
    g = mg.tensor(random(4, 3))
    with mg.emulated_kernels():
        ops.linear(x, w).backward(g)
    (_, forward), *backward = launched
    assert np.shares_memory(forward[1], w.detach().numpy())
    assert len(backward) == 2
    for _, arrays in backward:  # g·W and gᵀ·x
        assert all(
            any(np.shares_memory(a, t.detach().numpy()) for t in (x, w, g)) for a in arrays[:2]
        )


def test_a_matrix_for_a_whole_stack_is_not_repeated(launched):
    a, b = random(6, 4, 5), random(5, 4)
    for x, y in ((a, b), (b, a[:, :, :4].copy()), (a[:, :4, :4].copy(), b[None, :4])):
        np.testing.assert_allclose(device.matmul(x, y), x @ y, atol=1e-5)
        _, arrays = launched.pop()
        assert sum(array.size for array in arrays[:2]) == x.size + y.size


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_memory_that_starts_anywhere(dtype):
    """Sizes allow packs, but a slice of a vector is not aligned."""
    a, b = random(8 * 16 + 1, dtype=dtype)[1:], random(16 * 12 + 1, dtype=dtype)[1:]
    a, b = a.reshape(8, 16), b.reshape(16, 12)
    g, rows = random(12 * 8 + 1, dtype=dtype)[1:].reshape(12, 8), np.arange(12) // 3
    tolerance = 1e-2 if dtype == "float16" else 1e-5
    with mg.emulated_kernels(check=True):
        np.testing.assert_allclose(device.matmul(a, b), a @ b, tolerance, tolerance)
        sums = summed_rows(g, rows, 4)
    np.testing.assert_allclose(sums, g.reshape(4, 3, 8).sum(1), tolerance, tolerance)


@pytest.mark.parametrize(
    ("shape", "dtype", "kernel"),
    [
        ((2, 1, 1), "float32", "gemm"),
        ((12 * 128, 1, 11 * 128), "float32", "gemm_large"),
        ((12 * 128, 1, 11 * 128), "float64", "gemm"),
        ((12 * 64, 1, 11 * 64), "float16", "gemm"),
    ],
)
def test_the_size_of_tiles_leaves_no_multiprocessor_idle(launched, shape, dtype, kernel):
    n, k, m = shape
    a, b = random(n, k, dtype=dtype), random(k, m, dtype=dtype)
    np.testing.assert_allclose(device.matmul(a, b), a @ b, 1e-2 if dtype == "float16" else 1e-5)
    assert [name for name, _ in launched] == [kernel]


def test_sums_of_rows_have_one_order():
    """A row that is read often goes through chunks; whoever runs first, the bits are the same."""
    rng = np.random.default_rng(0)
    rows = np.where(rng.random(1000) < 0.5, 3, rng.integers(0, 40, 1000))
    values = rng.standard_normal((1000, 6)).astype("float32") * 1e4
    exact = np.zeros((40, 6))
    np.add.at(exact, rows, values.astype("float64"))
    found = []
    for order in ("ascending", "descending", "shuffled"):
        with mg.emulated_kernels(order=order):
            found.append(summed_rows(values, rows, 40))
    np.testing.assert_allclose(found[0], exact, rtol=1e-4, atol=1)
    assert all((y == found[0]).all() for y in found)


def test_a_gpu_multiplies_by_cublas_unless_a_stream_is_capturing(monkeypatch):
    fake_cupy.install(monkeypatch)
    cupy.module.cache_clear()
    ours = []
    monkeypatch.setattr(linalg.device, "matmul", lambda a, b: ours.append(1) or a)
    a = mg.tensor(random(3, 3)).to("gpu")
    assert ops.matmul(a, a).shape == (3, 3) and not ours
    monkeypatch.setattr(cupy, "is_capturing", lambda: True)
    ops.matmul(a, a)
    assert ours == [1]
    cupy.module.cache_clear()
