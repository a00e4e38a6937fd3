"""Resampling and warping with random options, against the loops in cases_resample.py, and what
rows cannot say.

Read next: cases_resample.py (the definitions), test_pool.py (how the strategies are forced).
"""

import contextlib
import math
from unittest import mock

import numpy as np
import pytest
from cases_resample import affine_grid, interpolated, sampled
from hypothesis import given, settings
from hypothesis import strategies as st
from test_backend_conv import layouts
from test_pool import ARRAYS, LAYOUTS, assert_linear, close

import minigen
from minigen import ops
from minigen.backend import blend, resample, work
from minigen.tensor import Tensor

LIMITS = {
    "default": [],
    "small tiles and blocks": [(work, "TILE", 40), (work, "SHARED", 20), (resample, "BLOCK", 2)],
    "another array module": [(m, "array_module", lambda *x: ARRAYS) for m in (resample, blend)],
}


@contextlib.contextmanager
def limits(name):
    resample.blocks.cache_clear()
    with contextlib.ExitStack() as stack:
        for patch in LIMITS[name]:
            stack.enter_context(mock.patch.object(*patch))
        yield
    resample.blocks.cache_clear()


MODES = {
    1: ["nearest", "nearest-exact", "linear", "area"],
    2: ["nearest", "nearest-exact", "bilinear", "bicubic", "area"],
    3: ["nearest", "trilinear", "area"],
}
SMOOTH = ("linear", "bilinear", "trilinear", "bicubic")


@st.composite
def interpolations(draw):
    """(x, options)"""
    n = draw(st.sampled_from([1, 2, 2, 3]))
    shape = [draw(st.integers(1, 2 if i < 2 else 6)) for i in range(n + 2)]
    mode = draw(st.sampled_from(MODES[n]))
    options = dict(mode=mode)
    if draw(st.booleans()):
        options["size"] = tuple(draw(st.sampled_from([1, 2, 3, 4, 5, 6, 8, 12])) for _ in range(n))
    else:
        factors = [1, 2, 3, 1.25, 4.5] if mode.startswith("nearest") else [1, 2, 1.25, 3.7, 2 / 3]
        options["scale_factor"] = tuple(draw(st.sampled_from(factors)) for _ in range(n))
        pairs = zip(shape[2:], options["scale_factor"], strict=True)
        if any(math.floor(n * factor) < 1 for n, factor in pairs):
            options["scale_factor"] = 2.5
        options["recompute_scale_factor"] = draw(st.sampled_from([None, True]))
    if mode in SMOOTH:
        options["align_corners"] = draw(st.sampled_from([None, False, True]))
    x = np.random.default_rng(draw(st.integers(0, 99))).standard_normal(shape)
    return layouts(x.astype(draw(st.sampled_from(["float32", "float64"]))), draw(LAYOUTS)), options


@settings(max_examples=60)
@given(interpolations(), st.sampled_from([*LIMITS]), LAYOUTS)
def test_interpolation_is_its_definition(example, limit, layout):
    x, options = example
    with limits(limit):
        assert_linear(ops.interpolate, interpolated, x, layout, options)


@pytest.mark.parametrize(("mode", "size"), [("nearest", (2, 3)), ("trilinear", (1, 2, 3))])
def test_a_size_that_stays_keeps_the_picture_whatever_the_factor(mode, size):
    x = minigen.Generator(0).normal((1, 2, *size))
    y = ops.interpolate(x, scale_factor=1.25, mode=mode)
    np.testing.assert_array_equal(y.numpy(), x.numpy())


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic", "area"])
@pytest.mark.parametrize("size", [(150, 40), (7, 131)])
def test_sizes_of_many_blocks(mode, size):
    x = np.random.default_rng(0).standard_normal((1, 2, 100, 90))
    assert_linear(ops.interpolate, interpolated, x, "C", dict(size=size, mode=mode))


@pytest.mark.parametrize("mode", ["nearest-exact", "bilinear", "bicubic", "area"])
@pytest.mark.parametrize("size", [(3, 9), (10, 4)])
def test_a_constant_stays_one(mode, size):
    x = minigen.full((1, 1, 5, 6), 3.0)
    np.testing.assert_allclose(ops.interpolate(x, size, mode=mode).numpy(), 3, rtol=1e-6)


def test_the_corners_stay_where_they_are():
    x = minigen.Generator(0).normal((1, 1, 3, 4))
    for mode in ("bilinear", "bicubic"):
        y = ops.interpolate(x, (7, 5), mode=mode, align_corners=True)
        ends = (..., slice(None, None, 6), slice(None, None, 4))
        np.testing.assert_allclose(
            y.numpy()[ends], x.numpy()[..., ::2, ::3], rtol=1e-5, atol=1e-6
        )


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # inf - inf
@pytest.mark.parametrize("bad", [np.inf, np.nan, 3e38])
def test_one_bad_pixel_spoils_no_other(bad):
    """A dense matrix product would multiply it by zero, which is nan. 3e38: the sum overflows."""
    x = np.random.default_rng(0).standard_normal((2, 1, 6, 6)).astype("float32")
    x[0, 0, 2, 3] = x[0, 0, 3, 3] = bad
    for options in (dict(mode="bilinear"), dict(mode="bicubic"), dict(mode="area")):
        y = ops.interpolate(Tensor(x), (9, 4), **options).numpy()
        spoiled = np.abs(np.where(np.isnan(x), np.inf, x)) > 1e30
        touched = interpolated(spoiled * 1.0, (9, 4), **options) != 0
        expected = interpolated(np.where(spoiled, 0.0, x), (9, 4), **options)
        np.testing.assert_allclose(y[~touched], expected[~touched], rtol=1e-4, atol=1e-5)
        assert np.isfinite(y[touched]).all() == np.isfinite(bad)


def test_a_factor_is_used_as_given_unless_recomputed():
    """5 pixels times 1.5 are 7: steps of 1 / 1.5, or of 5 / 7."""
    x = minigen.arange(5.0).reshape(1, 1, 5)
    given_ = ops.interpolate(x, scale_factor=1.5, mode="linear").numpy()[0, 0, 3]
    again = ops.interpolate(
        x, scale_factor=1.5, mode="linear", recompute_scale_factor=True
    ).numpy()[0, 0, 3]
    np.testing.assert_allclose([given_, again], [3.5 / 1.5 - 0.5, 3.5 * 5 / 7 - 0.5], rtol=1e-6)


# ---- places


@st.composite
def samplings(draw):
    """(x, grid, options): places that are not on a pixel, in and outside of x."""
    n = draw(st.sampled_from([2, 2, 3]))
    size = tuple(draw(st.integers(1, 5)) for _ in range(n))
    out = tuple(draw(st.integers(1, 3)) for _ in range(n))
    options = dict(
        mode=draw(st.sampled_from(["bilinear", "bilinear", "nearest"])),
        padding_mode=draw(st.sampled_from(["zeros", "border", "reflection"])),
        align_corners=draw(st.booleans()),
    )
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    # from two pixels outside to two outside, halfway or a third: away from kinks, also of nearest
    grid = np.empty((2, *out, n))
    for j, m in enumerate(reversed(size)):
        place = rng.integers(-2, m + 2, (2, *out)) + rng.choice([0.3, 0.7], (2, *out))
        if options["align_corners"]:
            grid[..., j] = 2 * place / max(m - 1, 1) - 1
        else:
            grid[..., j] = (2 * place + 1) / m - 1
    return rng.standard_normal((2, draw(st.integers(1, 2)), *size)), grid, options


@settings(max_examples=60)
@given(samplings(), st.sampled_from([*LIMITS]))
def test_grid_sample_is_its_definition(example, limit):
    x, grid, options = example
    rng = np.random.default_rng(1)
    v = rng.standard_normal((*x.shape[:2], *grid.shape[1:-1]))
    with limits(limit):
        y, pull = minigen.vjp(
            lambda x, grid: ops.grid_sample(x, grid, **options), Tensor(x), Tensor(grid)
        )
        gx, ggrid = (g.numpy() for g in pull(Tensor(v)))
    close(y.numpy(), sampled(x, grid, **options))
    other, step = rng.standard_normal(x.shape), rng.standard_normal(grid.shape) * 1e-5
    assert np.vdot(gx, other) == pytest.approx(np.vdot(v, sampled(other, grid, **options)))
    # nearly linear between two pixels
    moved = sampled(x, grid + step, **options) - sampled(x, grid - step, **options)
    assert np.vdot(ggrid, step) == pytest.approx(np.vdot(v, moved) / 2, rel=1e-5, abs=1e-12)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("size", [(4, 5), (3, 3, 2)])
def test_the_identity_grid_reads_every_pixel(size, align_corners):
    n = len(size)
    x = minigen.Generator(0).normal((2, 3, *size)).double()
    theta = minigen.tensor(np.eye(n, n + 1)[None].repeat(2, 0))
    grid = ops.affine_grid(theta, x.shape, align_corners)
    close(grid.numpy(), affine_grid(theta.numpy(), x.shape, align_corners))
    for options in (dict(), dict(padding_mode="border"), dict(mode="nearest")):
        y = ops.grid_sample(x, grid, align_corners=align_corners, **options)
        np.testing.assert_allclose(y.numpy(), x.numpy(), rtol=1e-12, atol=1e-12)


def test_a_grid_of_pixels_is_interpolation():
    x = minigen.Generator(0).normal((1, 2, 4, 5)).double()
    theta = minigen.tensor(np.eye(2, 3)[None])
    for align in (False, True):
        grid = ops.affine_grid(theta, (1, 2, 7, 3), align)
        y = ops.grid_sample(x, grid, padding_mode="border", align_corners=align)
        close(y.numpy(), ops.interpolate(x, (7, 3), mode="bilinear", align_corners=align).numpy())


def test_the_dtype_of_the_picture_is_that_of_the_result():
    grid = minigen.zeros(1, 2, 2, 2)
    for dtype in ("float16", "float32", "float64"):
        x = Tensor(np.ones((1, 2, 3, 3), dtype)).requires_grad_()
        y = ops.grid_sample(x, grid)
        assert y.dtype == minigen.grad(y.sum(), x)[0].dtype == dtype
    # places in a wide picture need more digits than float16 has
    wide = minigen.arange(2000.0).to("float16").reshape(1, 1, 1, 2000)
    place = minigen.tensor([[[[0.7, 0.0]]]], dtype="float16")
    u = (float(place[0, 0, 0, 0]) + 1) * 1999 / 2
    assert ops.grid_sample(wide, place, align_corners=True).item() == pytest.approx(u, abs=0.51)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_places_far_away_read_nothing_and_have_no_slope():
    x = minigen.ones(1, 1, 3, 3).requires_grad_()
    far = [[1e30, 0], [0, -np.inf], [3e38, np.inf], [-40, 0]]
    for padding_mode, expected in (("zeros", 0), ("border", 1), ("reflection", 1)):
        grid = minigen.tensor(np.array([[far]], "float32")).requires_grad_()
        y = ops.grid_sample(x, grid, padding_mode=padding_mode)
        assert y.tolist() == [[[[expected] * 4]]]
        gx, ggrid = minigen.grad(y.sum(), [x, grid])
        assert np.isfinite(gx.numpy()).all() and np.isfinite(ggrid.numpy()).all()
        assert padding_mode == "reflection" or (ggrid.numpy() == 0).all()


def test_nearest_exact_reads_the_pixel_at_its_centre():
    """Result 43 of 58 lies at 43.5·68/58 = 51 exactly; float64 has 50.99..."""
    y = ops.interpolate(minigen.arange(68.0).reshape(1, 1, 68), 58, mode="nearest-exact")
    assert y[0, 0, 43].item() == 51
