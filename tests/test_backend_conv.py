"""Convolution on arrays, against its definition.

The oracle is the definition: one loop names every product x[c, position] · w[o, c, tap] that makes
y[o, window], and each of the three maps is the sum of those products over what it does not keep.
The strategies inside (tiles, halves, residues, scatter, depthwise, the GPU's plain path) are forced
by small limits, so that small examples reach all of them; and so are those of the kernels.
"""

import contextlib
import types
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from needs import needs

from minigen.backend import conv, emulator, work
from minigen.backend.device import conv as device
from minigen.backend.kernels import emulated_kernels

# -- the definition ------------------------------------------------------------------------------


def products(x_shape, w_shape, stride, padding, dilation, groups):
    """The definition: every (index of w, index of x, index of y) whose product counts."""
    size, (outputs, channels, *kernel) = x_shape[2:], w_shape
    out = conv.output_size(size, tuple(kernel), stride, padding, dilation)
    for u in np.ndindex(*out):
        for i in np.ndindex(*kernel):
            at = tuple(
                a * s + b * d - low
                for a, s, b, d, (low, _) in zip(u, stride, i, dilation, padding, strict=True)
            )
            if all(0 <= q < n for q, n in zip(at, size, strict=True)):
                for o, c in np.ndindex(outputs, channels):
                    group = o // (outputs // groups)
                    yield (o, c, *i), (slice(None), group * channels + c, *at), (slice(None), o, *u)


def conv_by_loops(x, w, *options):
    n, outputs, size, kernel = len(x), len(w), x.shape[2:], w.shape[2:]
    y = np.zeros((n, outputs, *conv.output_size(size, kernel, *options[:3])))
    for tap, read, made in products(x.shape, w.shape, *options):
        y[made] += w[tap] * x[read]
    return y


def conv_transpose_by_loops(g, w, *options, size):
    x = np.zeros((len(g), w.shape[1] * options[-1], *size))
    for tap, read, made in products(x.shape, w.shape, *options):
        x[read] += w[tap] * g[made]
    return x


def conv_weight_grad_by_loops(x, g, *options, kernel):
    w = np.zeros((g.shape[1], x.shape[1] // options[-1], *kernel))
    for tap, read, made in products(x.shape, w.shape, *options):
        w[tap] += (x[read] * g[made]).sum()
    return w


# -- examples ------------------------------------------------------------------------------------

ARRAYS = types.ModuleType(
    "arrays"
)  # an array module that is not NumPy: what a GPU's code path sees
ARRAYS.__getattr__ = lambda name: getattr(np, name)

LIMITS = {
    "default": {},
    "small tiles": {"TILE": 40, "SHARED": 20},
    "tiny tiles": {"TILE": 1, "SHARED": 1, "SHORT": 1, "FEW": 0},
    "always scatter": {"TILE": 100, "SHARED": 1, "FEW": 1000, "SHORT": 1000},
    "never scatter": {"FEW": 0},
    "another array module": {"array_module": lambda *x: ARRAYS, "GPU_TILE": 100},
}


KERNELS = {
    "default": {},
    "matrix products, small tiles": {"DIRECT": 0, "ENOUGH": 10**6, "SHORTEST": 8, "POINTS": 1},
    "matrix products, large tiles": {"DIRECT": 0, "ENOUGH": 1},
    "direct, in slices": {"DIRECT": 10**6, "SHORTEST": 8},
}


@contextlib.contextmanager
def limits(name):
    with contextlib.ExitStack() as stack:
        for key, value in LIMITS[name].items():
            stack.enter_context(mock.patch.object(conv if hasattr(conv, key) else work, key, value))
        yield


@contextlib.contextmanager
def kernels(name):
    with mock.patch.dict(vars(device), KERNELS[name]), emulated_kernels():
        yield


def layouts(x, layout):
    """The same numbers in another memory order."""
    if layout == "channels last":
        return work.channels_first(np.ascontiguousarray(work.channels_last(x)))
    if layout == "strided":  # every second element of a larger array, backwards, dimensions turned
        wide = np.zeros([2 * n for n in x.T.shape], x.dtype)
        view = wide[(slice(None, None, -2),) * x.ndim].T
        view[...] = x
        return view
    return x


@st.composite
def convolutions(draw):
    """Shapes and options: (x, weight, bias, options, g, size, kernel), numbers in float64."""
    n = draw(st.sampled_from([1, 2, 2, 3]))
    most = {1: 5, 2: 4, 3: 2}[n]

    def each(low, high):
        return tuple(draw(st.integers(low, high)) for _ in range(n))

    kernel, stride, dilation = each(1, most), each(1, most), each(1, 3)
    padding = tuple(zip(each(0, 5), each(0, 5), strict=True))  # wider than the kernel, too
    fit = [(k - 1) * d + 1 - sum(p) for k, d, p in zip(kernel, dilation, padding, strict=True)]
    size = tuple(max(1, f) + extra for f, extra in zip(fit, each(0, 2 * most), strict=True))
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    channels, outputs = draw(st.integers(1, 3)), groups * draw(st.integers(1, 3))
    options = stride, padding, dilation, groups
    samples = draw(st.integers(0, 3))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    dtype = draw(st.sampled_from(["float32", "float64"]))
    order = draw(st.sampled_from(["C", "channels last", "strided"]))
    out = conv.output_size(size, kernel, *options[:3])
    shapes = (
        (samples, groups * channels, *size),
        (outputs, channels, *kernel),
        (samples, outputs, *out),
    )
    x, w, g = (layouts(rng.standard_normal(s).astype(dtype), order) for s in shapes)
    return x, w, g, options


def assert_close(ours, expected, dtype):
    assert ours.dtype == dtype
    assert ours.shape == expected.shape
    tolerance = 1e-4 if dtype == np.float32 else 1e-11
    np.testing.assert_allclose(ours, expected, rtol=tolerance, atol=tolerance)


# -- convolution ---------------------------------------------------------------------------------


def check_three_maps(x, w, g, options, with_bias, choices):
    size, kernel, dtype = x.shape[2:], w.shape[2:], x.dtype
    b = c = None
    shift = spread = 0
    if with_bias:
        b, c = np.arange(len(w), dtype=dtype), np.arange(x.shape[1], dtype=dtype)
        shift, spread = (v.reshape(-1, *[1] * len(size)) for v in (b, c))
    before = [a.copy() for a in (x, w, g)]
    with choices:
        y = conv.conv(x, w, b, *options)
        back = conv.conv_transpose(g, w, c, *options, size)
        grad = conv.conv_weight_grad(x, g, *options, kernel)
    assert_close(y, conv_by_loops(x, w, *options) + shift, dtype)
    assert_close(back, conv_transpose_by_loops(g, w, *options, size=size) + spread, dtype)
    assert_close(grad, conv_weight_grad_by_loops(x, g, *options, kernel=kernel), dtype)
    assert all(np.array_equal(a, b) for a, b in zip((x, w, g), before, strict=True))


@pytest.mark.numpy_only
@settings(max_examples=300)
@given(convolutions(), st.sampled_from(list(LIMITS)), st.booleans())
def test_three_maps_are_their_definitions(example, limit, with_bias):
    check_three_maps(*example, with_bias, limits(limit))


@needs(emulator)
@settings(max_examples=100)
@given(convolutions(), st.sampled_from(list(KERNELS)), st.booleans())
def test_three_maps_by_kernels_are_their_definitions(example, choices, with_bias):
    check_three_maps(*example, with_bias, kernels(choices))


@settings(max_examples=40)
@given(
    st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(0, 99)
)
def test_adjoints(n, kernel, stride, groups, seed):
    """<conv(x, w), g> = <x, conv_transpose(g, w)> = <w, conv_weight_grad(x, g)>"""
    rng = np.random.default_rng(seed)
    size = tuple(rng.integers(6, {1: 200, 2: 24, 3: 10}[n], n).tolist())
    padding = tuple((int(a), int(b)) for a, b in rng.integers(0, 5, (n, 2)))
    options = (stride,) * n, padding, tuple(rng.integers(1, 3, n).tolist()), groups
    x = rng.standard_normal((5, 4 * groups, *size))
    w = rng.standard_normal((6 * groups, 4, *(kernel,) * n))
    y = conv.conv(x, w, None, *options)
    g = rng.standard_normal(y.shape)
    forward = np.vdot(y, g)
    np.testing.assert_allclose(np.vdot(x, conv.conv_transpose(g, w, None, *options, size)), forward)
    grad = conv.conv_weight_grad(x, g, *options, w.shape[2:])
    np.testing.assert_allclose(np.vdot(w, grad), forward)


SHAPES = {  # x, weight, stride, padding, groups: what networks use, large enough for two threads
    "first layer": ((40, 1, 28, 28), (16, 1, 3, 3), 2, 1, 1),
    "3x3": ((20, 16, 14, 14), (32, 16, 3, 3), 1, 1, 1),
    "1x1": ((20, 48, 14, 14), (32, 48, 1, 1), 1, 0, 1),
    "4x4 stride 2": ((20, 16, 14, 14), (32, 16, 4, 4), 2, 1, 1),
    "last layer": ((20, 32, 20, 20), (1, 32, 3, 3), 1, 1, 1),
    "to pixels": ((40, 1, 28, 28), (32, 1, 4, 4), 2, 1, 1),
    "to a code": ((40, 32, 4, 4), (48, 32, 4, 4), 1, 0, 1),
    "one window, padded": ((40, 32, 3, 5), (48, 32, 4, 4), 2, 1, 1),
    "depthwise": ((20, 24, 14, 14), (24, 1, 3, 3), 1, 1, 24),
    "groups": ((20, 24, 14, 14), (12, 6, 3, 3), 2, 1, 4),
    "one large sample": ((1, 16, 90, 70), (16, 16, 3, 3), 1, 1, 1),
    "1-d": ((20, 16, 300), (16, 16, 5), 1, 2, 1),
    "3-d": ((4, 8, 12, 12, 12), (8, 8, 3, 3, 3), 1, 1, 1),
}


@pytest.mark.parametrize("name", SHAPES)
def test_strategies_agree_and_repeat_bit_for_bit(name):
    shape, w_shape, stride, padding, groups = SHAPES[name]
    n = len(shape) - 2
    options = (stride,) * n, ((padding, padding),) * n, (1,) * n, groups
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal(shape, np.float32), rng.standard_normal(w_shape, np.float32)
    g = conv.conv(x, w, None, *options)

    def maps():
        return (
            conv.conv(x, w, w[:, 0].reshape(len(w), -1)[:, 0], *options),
            conv.conv_transpose(g, w, None, *options, shape[2:]),
            conv.conv_weight_grad(x, g, *options, w_shape[2:]),
        )

    first = maps()
    assert all(np.array_equal(a, b) for a, b in zip(first, maps(), strict=True))
    for limit in ("never scatter", "always scatter", "another array module"):
        with limits(limit):
            for ours, other in zip(first, maps(), strict=True):
                scale = np.abs(ours).max()
                np.testing.assert_allclose(ours / scale, other / scale, atol=2e-6)


@pytest.mark.parametrize("dilation", [1, 2])
def test_transpose_reaches_every_size_that_has_these_windows(dilation):
    rng = np.random.default_rng(0)
    g, w = rng.standard_normal((2, 3, 4)), rng.standard_normal((3, 5, 3))
    options = (4,), ((1, 2),), (dilation,), 1
    sizes = [n for n in range(1, 40) if conv.output_size((n,), (3,), *options[:3]) == (4,)]
    assert len(sizes) == 4
    for size in sizes:
        ours = conv.conv_transpose(g, w, None, *options, (size,))
        assert_close(ours, conv_transpose_by_loops(g, w, *options, size=(size,)), np.float64)


@pytest.mark.numpy_only
def test_results_are_channels_last_and_their_own():
    x, w = np.ones((3, 6, 9, 9), np.float32), np.ones((6, 6, 1, 1), np.float32)
    options = (1, 1), ((0, 0), (0, 0)), (1, 1), 1
    y = conv.conv(x, w, None, *options)
    again = conv.conv(2 * y, w, None, *options)
    assert y.transpose(0, 2, 3, 1).flags.c_contiguous
    assert again.transpose(0, 2, 3, 1).flags.c_contiguous
    assert (y == 6).all() and (again == 72).all()
    grad = conv.conv_weight_grad(x, y, *options, (1, 1))
    assert grad.flags.c_contiguous
    assert not any(np.shares_memory(y, other) for other in (x, again))


def test_half_precision_is_computed_in_single():
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal(s).astype(np.float16) for s in ((4, 8, 9, 9), (8, 8, 3, 3)))
    options = (1, 1), ((1, 1), (1, 1)), (1, 1), 1
    calls = [
        lambda x, w: conv.conv(x, w, None, *options),
        lambda x, w: conv.conv_transpose(x, w, None, *options, (9, 9)),
        lambda x, w: conv.conv_weight_grad(x, x, *options, (3, 3)),
    ]
    for call in calls:
        single = call(x.astype(np.float32), w.astype(np.float32))
        assert np.array_equal(call(x, w), single.astype(np.float16))


@pytest.mark.parametrize("limit", LIMITS)
def test_infinities_stay_in_their_windows(limit):
    """Padding and scratch never meet a neighbour's values: no 0 · inf where nothing was read."""
    options = (2,), ((1, 1),), (1,), 1
    x, w = np.ones((2, 8, 12)), np.ones((8, 8, 3))
    x[1, :, 6] = np.inf
    with limits(limit):
        y = conv.conv(x, w, None, *options)
        back = conv.conv_transpose(y, w, None, *options, (12,))
    assert np.isinf(y).any((0, 1)).nonzero()[0].tolist() == [3]
    assert np.isinf(back).any((0, 1)).nonzero()[0].tolist() == [5, 6, 7]
    assert not np.isnan(back).any()


def test_output_size_and_errors_name_the_numbers():
    assert conv.output_size((28, 7), (3, 3), (2, 1), ((1, 1), (0, 2)), (1, 3)) == (14, 3)
    assert conv.output_size((2,), (5,), (1,), ((0, 0),), (1,)) == (-2,)
    x, w, g = np.ones((1, 1, 2)), np.ones((1, 1, 5)), np.ones((1, 1, 9))
    with pytest.raises(ValueError, match=r"kernel \(5,\) .* size \(2,\) .* padding \(\(0, 1\),\)"):
        conv.conv(x, w, None, (1,), ((0, 1),), (1,), 1)
    with pytest.raises(ValueError, match=r"size \(12,\) has \(8,\) windows .* \(9,\) to transpose"):
        conv.conv_transpose(g, w, None, (1,), ((0, 0),), (1,), 1, (12,))
