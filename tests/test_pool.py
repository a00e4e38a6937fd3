"""Pooling with random options, against the loops in cases_pool.py, and what rows cannot say.

The strategies inside (tiles, halves, the GPU's plain path) are forced by small limits, so that
small examples reach all of them.
Read next: cases_pool.py (the definitions).
"""

import contextlib
import types
from unittest import mock

import numpy as np
import pytest
from cases_pool import adaptive_avg_pool, avg_pool, max_pool
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_backend_conv import layouts

import minigen
from minigen import ops
from minigen.backend import pool, work
from minigen.tensor import Tensor

# an array module that is not NumPy: what a GPU's code path sees
ARRAYS = types.ModuleType("arrays")
ARRAYS.__getattr__ = lambda name: getattr(np, name)

LIMITS = {
    "default": [],
    "small tiles": [(work, "TILE", 40), (work, "SHARED", 20)],
    "another array module": [(pool, "array_module", lambda *x: ARRAYS)],
}


@contextlib.contextmanager
def limits(name):
    with contextlib.ExitStack() as stack:
        for patch in LIMITS[name]:
            stack.enter_context(mock.patch.object(*patch))
        yield


def close(ours, expected, dtype=np.float64):
    assert ours.shape == expected.shape and ours.dtype == dtype
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(ours, expected, rtol=tolerance, atol=tolerance)


LAYOUTS = st.sampled_from(["C", "channels last", "strided"])


@st.composite
def poolings(draw, dilations=(1,), values=()):
    """(x, options) of a pooling op: windows that fit, each with something to read."""
    n = draw(st.sampled_from([1, 2, 2, 3]))
    most = 4 if n < 3 else 2

    def each(low, high):
        return tuple(draw(st.integers(low, high)) for _ in range(n))

    kernel, ceil_mode = each(1, most), draw(st.booleans())
    stride = draw(st.sampled_from([None, kernel, each(1, most + 1)]))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    dilation = tuple(draw(st.sampled_from(dilations)) for _ in range(n))
    reach = [d * (k - 1) + 1 - 2 * p for k, d, p in zip(kernel, dilation, padding, strict=True)]
    size = tuple(max(1, r) + extra for r, extra in zip(reach, each(0, most), strict=True))
    options = dict(kernel_size=kernel, stride=stride, padding=padding, ceil_mode=ceil_mode)
    axes = pool.pool_axes(size, kernel, stride or kernel, padding, dilation, ceil_mode)
    assume(not any(map(pool.empty, axes, size)))
    if len(dilations) > 1:
        options["dilation"] = dilation
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    shape = draw(st.integers(1, 3)), draw(st.integers(1, 3)), *size
    x = rng.integers(-2, 3, shape).astype(draw(st.sampled_from(["float32", "float64"])))
    for value in draw(st.lists(st.sampled_from(values), max_size=2)) if values else ():
        x[rng.random(shape) < 0.3] = value
    return layouts(x, draw(LAYOUTS)), options


def named(kind, x):
    return getattr(ops, f"{kind}_pool{x.ndim - 2}d")


@settings(max_examples=60)
@given(poolings((1, 1, 2, 3), (np.nan, np.inf, -np.inf)), st.sampled_from([*LIMITS]), LAYOUTS)
def test_max_pool_is_its_definition(example, limit, layout):
    x, options = example
    expected, index = max_pool(x, return_indices=True, **options)
    v = np.random.default_rng(0).standard_normal(expected.shape).astype(x.dtype)
    with limits(limit):
        both = named("max", x)(Tensor(x), return_indices=True, **options)
        y, pull = minigen.vjp(lambda x: named("max", x)(x, **options), Tensor(x))
        (g,) = pull(Tensor(layouts(v, layout)))
    np.testing.assert_array_equal(y.numpy(), expected)
    np.testing.assert_array_equal(both[0].numpy(), expected)
    np.testing.assert_array_equal(both[1].numpy(), index)
    assert both[1].dtype == np.int64
    flat = np.zeros((*x.shape[:2], x[0, 0].size))
    for (n, c, *u), i in np.ndenumerate(index):
        flat[n, c, i] += v[(n, c, *u)]
    close(g.numpy(), flat.reshape(x.shape), x.dtype)


@settings(max_examples=60)
@given(
    poolings(), st.booleans(), st.sampled_from([None, None, 3]), st.sampled_from([*LIMITS]), LAYOUTS
)
def test_avg_pool_is_its_definition(example, count_include_pad, divisor, limit, layout):
    x, options = example
    options = dict(options, count_include_pad=count_include_pad)
    if x.ndim > 3:
        options["divisor_override"] = divisor
    with limits(limit):
        assert_linear(named("avg", x), avg_pool, x, layout, options)


def assert_linear(fn, definition, x, layout, options):
    """Values are the definition's, and the gradient is its adjoint."""
    y, pull = minigen.vjp(lambda x: fn(x, **options), Tensor(x))
    close(y.numpy(), definition(x.astype("float64"), **options), x.dtype)
    rng = np.random.default_rng(1)
    v, other = rng.standard_normal(y.shape).astype(x.dtype), rng.standard_normal(x.shape)
    (g,) = pull(Tensor(layouts(v, layout)))
    assert g.shape == x.shape and g.dtype == x.dtype
    a, b = np.vdot(definition(other, **options), v), np.vdot(other, g.numpy())
    np.testing.assert_allclose(a, b, rtol=1e-4 if x.dtype == np.float32 else 1e-10, atol=1e-4)


@settings(max_examples=50)
@given(st.data(), LAYOUTS, LAYOUTS)
def test_adaptive_pooling_is_its_definition(data, layout, other):
    sizes = data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=3))
    outputs = tuple(data.draw(st.sampled_from([None, 1, 2, 3, 4, 7])) for _ in sizes)
    shape = data.draw(st.integers(1, 2)), data.draw(st.integers(1, 3)), *sizes
    x = layouts(np.random.default_rng(0).standard_normal(shape), layout)
    fn = getattr(ops, f"adaptive_avg_pool{len(sizes)}d")
    assert_linear(fn, adaptive_avg_pool, x, other, dict(output_size=outputs))


def test_one_number_or_one_for_each_dimension():
    x = minigen.Generator(0).normal((2, 2, 6, 6))
    for fn in (ops.max_pool2d, ops.avg_pool2d):
        same = fn(x, [2, 2], (2, 2), (1, 1), ceil_mode=True).tolist()
        assert fn(x, 2, padding=1, ceil_mode=True).tolist() == same
    assert ops.adaptive_avg_pool2d(x, 3).tolist() == ops.adaptive_avg_pool2d(x, [3, 3]).tolist()
    whole = ops.adaptive_avg_pool2d(x, (None, 6))
    assert whole.tolist() == x.tolist() and whole.data is not x.data


@pytest.mark.numpy_only
@pytest.mark.parametrize("layout", ["C", "channels last"])
def test_memory_stays_in_the_order_of_the_input(layout):
    """A convolution after a pooling finds its channels where the one before left them."""
    x = Tensor(layouts(np.ones((2, 3, 4, 4), "float32"), layout)).requires_grad_()
    results = [
        ops.max_pool2d(x, 2),
        ops.avg_pool2d(x, 2),
        ops.adaptive_avg_pool2d(x, 3),
        ops.interpolate(x, scale_factor=2),
        ops.interpolate(x, 7, mode="bilinear"),
    ]
    for y in results:
        (g,) = minigen.grad(y, x, ops.ones_like(y))
        for array in (y.detach().numpy(), g.numpy()):
            last = array if layout == "C" else work.channels_last(array)
            assert last.flags.c_contiguous


@pytest.mark.numpy_only
def test_max_pool_remembers_a_byte_for_each_window():
    x = np.random.default_rng(0).standard_normal((2, 3, 20, 20)).astype(np.float16)
    for kernel, dtype in (((16, 16), np.uint8), ((20, 20), np.uint16)):
        axes = pool.pool_axes((20, 20), kernel, (1, 1), (0, 0), (1, 1), False)
        y, which = pool.max_pool(x, axes)
        assert (y.dtype, which.dtype, which.size) == (np.float16, dtype, y.size)
        assert pool.max_pool(x, axes, find=False)[1] is None
    assert np.array_equal(which.reshape(2, 3), x.reshape(2, 3, -1).argmax(-1))
    back = pool.max_pool_backward(y, which, axes, (20, 20))
    assert back.dtype == np.float16 and np.array_equal(back.sum((2, 3)), y[..., 0, 0])


def test_float16_is_added_up_in_float32():
    """400 times 200 is no float16, and 2048 + 1 is 2048 there."""
    x = minigen.full((1, 1, 20, 20), 200.0, dtype="float16")
    for y in (ops.avg_pool2d(x, 20), ops.adaptive_avg_pool2d(x, (1, 2))):
        assert y.dtype == np.float16 and set(y.numpy().flat) == {200}
    x = minigen.tensor([[[0, 0, 1, 0, 0]]], dtype="float16").requires_grad_()
    g = minigen.tensor([[[2048, 1, 1]]], dtype="float16")
    (back,) = minigen.grad(ops.max_pool1d(x, 3, 1), x, g)
    assert back.dtype == np.float16 and back.tolist() == [[[0, 0, 2050, 0, 0]]]


def test_second_derivatives_of_max_pool():
    """Σ y³ has the diagonal Hessian 6·y where y was taken from."""
    x = minigen.Generator(0).normal((1, 2, 4, 4)).double()
    v = minigen.Generator(1).normal((1, 2, 4, 4)).double()
    y, at = ops.max_pool2d(x, 2, return_indices=True)
    expected = np.zeros((2, 16))
    for c, i in np.ndindex(2, 4):
        place = at.numpy()[0, c].reshape(-1)[i]
        expected[c, place] = 6 * y.numpy()[0, c].reshape(-1)[i] * v.numpy()[0, c].reshape(-1)[place]
    _, (found,) = minigen.hvp(lambda x: (ops.max_pool2d(x, 2) ** 3).sum(), x, v)
    close(found.numpy(), expected.reshape(1, 2, 4, 4))
