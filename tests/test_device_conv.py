"""Convolution by kernels: what neither the op table nor the manifest says.

That the three maps are their definitions, with kernels as without, is in test_backend_conv.py.
Read next: ../minigen/backend/device/conv.py, ../kernels/conv.cu.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from minigen.kernels.conv import divisor
from needs import needs

from minigen.backend import conv, emulator
from minigen.backend.device.conv import fits
from minigen.backend.kernels import emulated_kernels

emulated = needs(emulator)


def options(n, stride=1, padding=1):
    return (stride,) * n, ((padding, padding),) * n, (1,) * n, 1


@given(st.integers(0, 2**31 - 1), st.integers(1, 2**31 - 1))
def test_a_division_is_a_multiplication(a, b):
    value, multiplier, shift = divisor(b)
    assert value == b and multiplier < 2**32 and shift < 32
    for dividend in (a, a // b * b, max(0, a // b * b - 1), 2**31 - 1):
        assert 2 * dividend * multiplier >> 32 >> shift == dividend // b


@emulated
@pytest.mark.parametrize("kernel", [1, 3])
def test_results_of_kernels_are_in_c_order(kernel):
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 16, 17, 16)), rng.standard_normal((16, 16, kernel, kernel))
    x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)  # channels last
    here = options(2, padding=kernel // 2)
    expected = (
        conv.conv(x, w, None, *here),
        conv.conv_transpose(x, w, w[0, :, 0, 0], *here, (17, 16)),
    )
    with emulated_kernels():
        made = (
            conv.conv(x, w, None, *here),
            conv.conv_transpose(x, w, w[0, :, 0, 0], *here, (17, 16)),
        )
    for ours, other in zip(made, expected, strict=True):
        assert ours.flags.c_contiguous
        np.testing.assert_allclose(ours, other, atol=1e-11)


@emulated
def test_mixed_dtypes_are_computed_in_the_wider_and_returned_as_x():
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 3, 9), np.float32), rng.standard_normal((4, 3, 3))
    pairs = (x, w), (w, x[:, :, :3]), (x.astype("float16"), w.astype("float32"))
    for x, w in pairs:
        expected = conv.conv(x, w, w[:, 0, 0], *options(1))
        with emulated_kernels():
            y = conv.conv(x, w, w[:, 0, 0], *options(1))
        assert y.dtype == expected.dtype == x.dtype
        np.testing.assert_allclose(y, expected, rtol=1e-3 if x.itemsize == 2 else 1e-6, atol=1e-6)


@emulated
def test_four_dimensions_and_gigantic_samples_are_left_to_array_functions():
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 2, 3, 2, 3, 2)), rng.standard_normal((2, 2, 2, 1, 2, 1))
    expected = conv.conv(x, w, None, *options(4))
    with emulated_kernels():
        assert np.array_equal(conv.conv(x, w, None, *options(4)), expected)
    assert fits((8, 3, 3, 3), (3, 9, 9), (8, 9, 9))
    assert not fits((8, 3, 1, 3, 1, 3), (3, 1, 9, 1, 9), (8, 1, 9, 1, 9))
    assert not fits((2**16, 3, 3, 3), (3, 2**8, 2**8), (2**16, 2**8, 2**8))


@emulated
@pytest.mark.parametrize("outputs", [2, 12])
def test_zeros_of_the_padding_times_an_infinite_gradient_are_nan(outputs):
    """Whichever kernel it is: directly for few outputs, else as a product of matrices."""
    x, g = np.ones((1, 6, 5)), np.ones((1, outputs, 5))
    g[0, 0, 0] = np.inf
    with emulated_kernels():
        w = conv.conv_weight_grad(x, g, *options(1), (3,))
    assert np.isnan(w[0, :, 0]).all() and (w[0, :, 1:] == np.inf).all()
    assert np.isfinite(w[1:]).all()
