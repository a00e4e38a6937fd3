"""What rows of cases.py cannot say of activations: many elements, memory order, hard inputs.

Idea: the table has few numbers a row; many are computed elsewhere, block by block. Here the blocks
are made small, and arrays of every layout must give what the formula gives in float64.
Read next: ../minigen/backend/elementwise.py, cases_activations.py (the formulas).
"""

import math
import warnings

import cases_activations as formulas
import numpy as np
import pytest
from cases_functions import FUNCTIONS
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

import minigen as mg
from minigen import ops
from minigen.autograd import grad
from minigen.backend import elementwise
from minigen.tensor import Tensor

inf, nan = math.inf, math.nan
ROWS = [case for case in formulas.ACTIVATIONS if case.elementwise]
CALLS = [(case, run.options) for case in ROWS for run in (case.runs[0], *case.runs[5:])]
CALLS += [(case, {}) for case in FUNCTIONS if case.name == "sigmoid"]
TAME = [(c, o) for c, o in CALLS if o.get("alpha", 1) > 0]  # with others, elu and celu explode
some = settings(max_examples=30, deadline=None)


def with_each(calls):
    names = [f"{c.name}{'-'.join(map(str, o.values()))}" for c, o in calls]
    return pytest.mark.parametrize(("case", "options"), calls, ids=names)


def value_and_slope(case, options, x, g=None):
    x = Tensor(x).requires_grad_()
    y = case.fn(x, **options)
    (slope,) = grad(y, x, Tensor(np.ones(x.shape, x.dtype) if g is None else g))
    return y.detach().numpy(), slope.numpy()


def like_float64(case, options, x):
    """The formula, and the slope that the op gives to few numbers in float64."""
    x = np.array(x, "float64", order="C")
    slope = np.empty_like(x)
    for at in np.ndindex(x.shape):
        slope[at] = value_and_slope(case, options, x[at].reshape(1))[1][0]
    return case.numpy(x, **options), slope


# ---- many elements, in every layout


def arranged(x, dims, steps):
    """x with its dimensions in another order in memory: with gaps, backwards, repeated (step 0)."""
    x = x.transpose(dims)
    gaps = tuple(slice(None, None, step or 1) for step in steps)
    first = tuple(slice(None, None if step else 1) for step in steps)
    view = np.full([n * max(abs(s), 1) for n, s in zip(x.shape, steps, strict=True)], 7, x.dtype)
    view = view[gaps]
    view[...] = x
    return np.broadcast_to(view[first], x.shape).transpose(np.argsort(dims))


@with_each(CALLS)
@given(
    sizes=st.tuples(*[st.integers(0, 4)] * 3),
    dims=st.permutations(range(3)),
    steps=st.tuples(*[st.sampled_from([1, 1, 2, -1, 0])] * 3),
    dtype=st.sampled_from(["float32", "float64"]),
    blocks=st.booleans(),
)
@some
def test_every_layout_gives_what_the_formula_gives(
    case, options, sizes, dims, steps, dtype, blocks
):
    x = case.draw[0](np.random.default_rng(0), sizes, 0).astype(dtype)
    x = arranged(x, dims, steps)
    before = elementwise.BLOCK, elementwise.FEW
    try:
        if blocks:
            elementwise.BLOCK, elementwise.FEW = 7, 0
        y, slope = value_and_slope(case, options, x)
    finally:
        elementwise.BLOCK, elementwise.FEW = before
    expected_y, expected_slope = like_float64(case, options, x)
    atol = 16 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(y, expected_y, rtol=1e-6, atol=atol)
    np.testing.assert_allclose(slope, expected_slope, rtol=1e-6, atol=atol)
    assert y.dtype == slope.dtype == dtype


@with_each(CALLS)
@pytest.mark.parametrize("size", [2, elementwise.FEW, 2 * elementwise.BLOCK])
def test_channels_last_memory_stays_so(case, options, size):
    """Between two convolutions nothing is copied into another order."""
    memory = np.random.default_rng(0).normal(size=(2, size // 2, 1, 2)).astype("float32")
    x = np.moveaxis(memory, -1, 1)
    g = np.moveaxis(memory[::-1].copy(), -1, 1)
    for array in value_and_slope(case, options, x, g):
        assert np.moveaxis(array, 1, -1).flags.c_contiguous


def test_few_and_many_meet():
    """One element more, and another way is taken: the numbers must not jump."""
    x, g = np.random.default_rng(0).normal(scale=3, size=(2, elementwise.BLOCK + 9)).astype("f")
    for case, options in CALLS:
        whole = value_and_slope(case, options, x, g)
        for n in (elementwise.FEW, elementwise.FEW + 1, elementwise.BLOCK):
            for a, b in zip(whole, value_and_slope(case, options, x[:n], g[:n]), strict=True):
                np.testing.assert_allclose(a[:n], b, rtol=1e-6, atol=1e-6, err_msg=case.name)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("size", [7, elementwise.FEW + 1])
def test_relu_chooses_gradients_whatever_they_are(size, dtype):
    x = np.resize(np.array([-1, 0, -0.0, nan, -nan, 2, inf], dtype), size)
    g = np.resize(np.array([inf, nan, -inf, 1.5, -2, -inf, nan, -0.0], dtype), size)
    relu = next(case for case in ROWS if case.name == "relu")
    _, slope = value_and_slope(relu, {}, x, g)
    np.testing.assert_array_equal(slope, np.where(x <= 0, 0, g))
    assert slope.dtype == dtype


# ---- the fit behind the exact gelu and erf in float32

LINE = np.linspace(-12, 12, 200_001).astype("float32")
WIDE = LINE.astype("float64")
DENSITY = np.exp(-(WIDE**2) / 2) / math.sqrt(2 * math.pi)


def test_the_fit_of_erf():
    assert np.abs(ops.erf(Tensor(LINE)).numpy() - special.erf(WIDE)).max() < 2.5e-7
    assert ops.erf(Tensor(LINE)).dtype == "float32"


def test_the_fit_of_gelu_and_its_slope():
    x = Tensor(LINE).requires_grad_()
    y = ops.gelu(x)
    phi = special.ndtr(WIDE)
    assert np.abs(y.detach().numpy() - WIDE * phi)[np.abs(LINE) < 6].max() < 8e-7
    np.testing.assert_allclose(y.detach().numpy(), WIDE * phi, rtol=2e-7, atol=8e-7)
    (slope,) = grad(y.sum(), x)
    assert np.abs(slope.numpy() - (phi + WIDE * DENSITY)).max() < 5e-7


def test_float64_is_exact():
    x = Tensor(WIDE).requires_grad_()
    np.testing.assert_allclose(ops.erf(x).detach().numpy(), special.erf(WIDE), rtol=1e-15)
    y = ops.gelu(x)
    np.testing.assert_allclose(y.detach().numpy(), WIDE * special.ndtr(WIDE), rtol=1e-13)


# ---- hard inputs


@with_each(TAME)
@pytest.mark.parametrize("size", [1, elementwise.FEW])
def test_huge_inputs_are_finite_to_second_order_and_nothing_warns(case, options, size):
    values = [1e4, -1e4, 1e8, -1e8, 100, -100, 1e-8, -1e-8, 1e-30, 0]
    x = Tensor(np.repeat(np.float32(values), size)).requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = case.fn(x, **options)
        (first,) = grad(y.sum(), x)
        (recorded,) = grad(case.fn(x, **options).sum(), x, create_graph=True)
        second = grad(recorded.sum(), x)[0] if recorded.requires_grad else recorded
    for found in (y, first, recorded, second):
        assert np.isfinite(found.detach().numpy()).all()
    np.testing.assert_allclose(recorded.detach().numpy(), first.numpy(), rtol=1e-5, atol=1e-6)


@with_each(TAME)
def test_float16_is_computed_in_float32(case, options):
    """The nearest float16, or its neighbour: exp(12) is none, e^-12 has two digits."""
    x = np.linspace(-30, 30, 1201).astype("float16")
    x = x[np.abs(x) > 0.01]
    y = case.fn(Tensor(x), **options).numpy()
    with np.errstate(over="ignore"):
        expected = case.numpy(x.astype("float64"), **options)
    assert y.dtype == "float16"
    np.testing.assert_allclose(y, expected, rtol=2e-3, atol=2e-7)


@pytest.mark.parametrize("f", [ops.softplus, ops.logsigmoid, ops.mish, ops.silu, ops.gelu, ops.elu])
def test_hessian_vector_products_are_the_slopes_of_the_slope(f):
    x = np.random.default_rng(0).normal(size=12)
    v = np.random.default_rng(1).normal(size=12)
    h = 1e-6
    around = [mg.from_numpy(x + step).requires_grad_() for step in (h, -h)]
    slopes = [grad(f(t).sum(), t)[0].numpy() for t in around]
    _, (found,) = mg.hvp(lambda x: f(x).sum(), mg.from_numpy(x), mg.from_numpy(v))
    np.testing.assert_allclose(found.numpy(), v * (slopes[0] - slopes[1]) / (2 * h), atol=1e-8)


# ---- those that look at a dimension


@given(
    shape=st.lists(st.integers(0, 3), min_size=1, max_size=4),
    dim=st.integers(-4, 3),
    dtype=st.sampled_from(["float32", "float64", "float16"]),
)
@some
def test_glu_halves_any_dimension(shape, dim, dtype):
    dim %= len(shape)
    shape[dim] *= 2
    x = np.random.default_rng(0).normal(size=shape).astype(dtype)
    expected = formulas.glu(x.astype("float64"), dim)
    y = ops.glu(Tensor(x), dim)
    assert y.dtype == dtype
    rtol = 16 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(y.numpy(), expected, rtol=rtol, atol=rtol)
    if dtype == "float64" and x.size:
        t = Tensor(x).requires_grad_()
        (fast,) = grad(ops.glu(t, dim).square().sum(), t)
        (slow,) = grad(ops.glu.op.reference(t, dim).square().sum(), t)
        np.testing.assert_allclose(fast.numpy(), slow.numpy(), rtol=1e-13, atol=1e-15)


@given(
    shape=st.lists(st.integers(1, 3), min_size=0, max_size=4),
    each=st.sampled_from(["number", "one", "channels"]),
    last=st.booleans(),
)
@some
def test_prelu_has_a_weight_for_each_channel_or_one(shape, each, last):
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape)
    x = np.moveaxis(np.moveaxis(x, 1, -1).copy(), -1, 1) if last and len(shape) > 2 else x
    channels = shape[1] if len(shape) > 1 else 1
    weight = rng.normal(size={"number": (), "one": (1,), "channels": (channels,)}[each])
    t, w = Tensor(x).requires_grad_(), Tensor(weight).requires_grad_()
    y = ops.prelu(t, w)
    np.testing.assert_allclose(y.detach().numpy(), formulas.prelu(x, weight))
    v = rng.normal(size=shape)
    dx, dw = grad(y, [t, w], Tensor(v))
    np.testing.assert_allclose(
        (dx.numpy() * x).sum(), (v * formulas.prelu(x, weight)).sum(), rtol=1e-12, atol=1e-12
    )  # y is linear along the ray through x
    below = v * np.minimum(x, 0)
    axes = tuple(i for i in range(x.ndim) if i != 1) if weight.size == channels > 1 else None
    np.testing.assert_allclose(dw.numpy(), below.sum(axes).reshape(weight.shape), rtol=1e-12)
