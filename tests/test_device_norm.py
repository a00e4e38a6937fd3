"""Norms through the kernels, where neither the op table nor the manifest's samples look: how arrays
are accessed, rows and groups that shared memory does not hold, 16-bit numbers that stay so.

Idea: the same call with and without the kernels; what differs is rounding.
Read next: ../minigen/backend/device/norm.py, test_kernels.py.
"""

import numpy as np
import pytest
from needs import needs

import minigen as mg
from minigen import ops
from minigen.autograd import grad
from minigen.backend import emulator, kernels
from minigen.backend.kernels import emulated_kernels
from minigen.tensor import Tensor

pytestmark = needs(emulator)

NORMS = {
    "layer": lambda x, w, b: ops.layer_norm(x, x.shape[1:], ops.reshape(w, x.shape[1:]), None),
    "rms": lambda x, w, b: ops.rms_norm(x, x.shape[1:], ops.reshape(w, x.shape[1:])),
    "group": lambda x, w, b: ops.group_norm(x, 1, w, b),
    "batch": lambda x, w, b: ops.batch_norm(x, None, None, w, b, training=True),
}


def problem(name, shape, dtype="float32"):
    """x, weight and bias for a norm, and an upstream gradient."""
    rng = np.random.default_rng(0)
    size = np.prod(shape[1:]) if name in ("layer", "rms") else shape[1]
    return [rng.standard_normal(s).astype(dtype) for s in (shape, size, size, shape)]


def results(name, x, w, b, v):
    """y and all gradients, as arrays."""
    xs = [Tensor(a).requires_grad_() for a in (x, w, b)]
    y = NORMS[name](*xs)
    used = xs[: 2 if name in ("layer", "rms") else 3]
    return [t.detach().numpy() for t in (y, *grad(y, used, Tensor(v.astype(y.dtype))))]


@pytest.fixture
def launched(monkeypatch):
    """What has been launched: (kernel, the first array's dtype, sizes and scalars)."""
    calls, launch = [], kernels.launch

    def noting(name, *arrays, **scalars):
        calls.append((name, arrays[0].dtype.name, scalars))
        return launch(name, *arrays, **scalars)

    monkeypatch.setattr("minigen.backend.device.norm.launch", noting)
    return calls


def compare(name, *given, tolerance=1e-5):
    """The results with kernels, once they agree with those of NumPy."""
    with emulated_kernels(check=True):
        found = results(name, *given)
    for a, e in zip(found, results(name, *given), strict=True):
        assert a.dtype == e.dtype and a.shape == e.shape
        np.testing.assert_allclose(a.astype("f8"), e.astype("f8"), tolerance, tolerance)
    return found


@pytest.mark.parametrize("name", NORMS)
@pytest.mark.parametrize("shift", [0, 1])
def test_an_address_that_is_no_multiple_of_16_is_not_accessed_widely(name, shift, launched):
    x, *rest = problem(name, (3, 4, 8))
    memory = np.zeros(x.size + 4, "float32")  # NumPy aligns to 16 bytes
    moved = memory[shift : shift + x.size].reshape(x.shape)
    moved[...] = x
    compare(name, moved, *rest)
    wide = [scalars["wide"] for _, _, scalars in launched if "wide" in scalars]
    assert wide and set(wide) == {shift == 0}


@pytest.mark.parametrize(("name", "shape"), [("layer", (2, 16400)), ("group", (1, 2, 8200))])
def test_what_shared_memory_does_not_hold_is_read_again(name, shape, launched):
    compare(name, *problem(name, shape))
    held = [scalars["held"] for _, _, scalars in launched if "held" in scalars]
    assert held and not any(held)


@pytest.mark.parametrize("name", NORMS)
def test_16_bits_are_not_widened_in_memory(name, launched):
    compare(name, *problem(name, (3, 4, 8), "float16"), tolerance=4e-3)
    types = {dtype for kernel, dtype, _ in launched if kernel.endswith(("_forward", "_backward"))}
    assert types == {"float16"}


@pytest.mark.parametrize("name", NORMS)
def test_float32_weights_make_float32_of_float16(name):
    x, w, b, v = problem(name, (3, 4, 8))
    y, dx, *_ = compare(name, x.astype("float16"), w, b, v, tolerance=4e-3)
    assert y.dtype == "float32" and dx.dtype == "float16"


def test_chunks_of_a_batch_far_from_0_are_put_together():
    x = np.random.default_rng(1).standard_normal((3, 2, 5000)).astype("float32")
    x += np.float32([[1e4], [-1e4]])
    mean, var = mg.zeros(2), mg.ones(2)
    with emulated_kernels():
        y = ops.batch_norm(Tensor(x), mean, var, training=True, momentum=1.0).numpy()
    wide = x.astype("float64")
    np.testing.assert_allclose(mean.numpy(), wide.mean((0, 2)), rtol=2e-7)
    np.testing.assert_allclose(var.numpy(), wide.var((0, 2), ddof=1), rtol=2e-6)
    unit = (wide - wide.mean((0, 2), keepdims=True)) / wide.std((0, 2), keepdims=True)
    np.testing.assert_allclose(y, unit, atol=2e-5)
