"""Activations through their kernels: what the op table and the samples do not say.

Read next: ../minigen/backend/device/bias_activation.py, test_activations.py.
"""

import math

import numpy as np
import pytest
from minigen.kernels.bias_activation import BAND
from needs import needs

import minigen
from minigen import Tensor, ops
from minigen.autograd import grad
from minigen.backend import emulator
from minigen.backend.kernels import launch

pytestmark = needs(emulator)

inf, nan = math.inf, math.nan
FUNCTIONS = {
    "relu": ops.relu,
    "leaky_relu": ops.leaky_relu,
    "gelu": ops.gelu,
    "gelu_tanh": lambda x: ops.gelu(x, "tanh"),
    "silu": ops.silu,
}
each = pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)


@pytest.fixture(autouse=True)
def emulated():
    with minigen.emulated_kernels():
        yield


def value_and_gradient(function, x):
    X = Tensor(x).requires_grad_()
    y = function(X)
    return y.detach().numpy(), grad(y.sum(), [X])[0].numpy()


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@each
def test_memory_that_is_not_aligned_gives_the_same(function, dtype):
    whole = np.random.default_rng(0).normal(size=101).astype(dtype)
    with minigen.emulated_kernels(check=True):
        moved, plain = (value_and_gradient(function, x) for x in (whole[1:], whole[1:].copy()))
    for got, want in zip(moved, plain, strict=True):
        np.testing.assert_array_equal(got, want)


@each
def test_the_ends_are_where_they_should_be(function):
    y, slope = value_and_gradient(function, np.array([nan, 1e30, -1e4, -90.0, 0.0], "float32"))
    below = 0.01 if function is ops.leaky_relu else 0.0
    assert np.isnan(y[0])
    np.testing.assert_allclose(y[1:], [1e30, -1e4 * below, -90 * below, 0], rtol=1e-6, atol=1e-30)
    np.testing.assert_allclose(slope[2:4], below, rtol=1e-6, atol=1e-30)


def test_relu_chooses_and_does_not_multiply():
    x = Tensor(np.array([-1.0, 2.0, 0.0], "float32")).requires_grad_()
    (dx,) = grad(ops.relu(x), [x], Tensor(np.array([inf, 3.0, nan], "float32")))
    np.testing.assert_array_equal(dx.numpy(), [0, 3, 0])
    flat = ops.leaky_relu(Tensor(np.array([-inf, 1.0], "float32")), 0.0)
    np.testing.assert_array_equal(flat.numpy(), [0, 1])


def test_the_two_steps_of_a_bias_gradient_are_one_sum():
    rng = np.random.default_rng(0)
    rows, columns = 2 * BAND + 3, 12
    g, x, bias = (
        rng.normal(size=(rows, columns)),
        rng.normal(size=(rows, columns)),
        np.ones(columns),
    )
    dx, partial = launch(
        "bias_activation_backward", g, x, bias,
        activation="mg_relu", slope=0.0, bands=3, band_rows=BAND,
    )  # fmt: skip
    np.testing.assert_array_equal(dx, g * (x + 1 > 0))
    np.testing.assert_allclose(launch("column_sum", partial), dx.sum(0), rtol=1e-12)
