"""What rows of cases.py cannot say of elementwise functions: digits in tails, and choosing.

Idea: `cases.py` compares in absolute terms. Here are relative ones, where a function is small, and
`where` against NumPy's, which it must equal bit by bit whichever way it takes.
Read next: test_activations.py.
"""

import math

import numpy as np
import pytest
from cases_functions import FUNCTIONS
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from minigen import ops
from minigen.autograd import grad
from minigen.backend import elementwise, kernels
from minigen.tensor import Tensor

inf, nan = math.inf, math.nan
SPECIAL = np.array([0.0, -0.0, 1.0, -2.0, 0.3, 1e-8, 1e8, -1e8, inf, -inf, nan])
few = settings(max_examples=40, deadline=None)


def gradients(f, *arrays):
    xs = [Tensor(x).requires_grad_() for x in arrays]
    return [g.numpy() for g in grad(f(*xs).sum(), xs)]


# ---- digits that the obvious formula loses


@pytest.mark.parametrize(
    ("function", "x", "y", "slope"),
    [  # to 17 digits, computed with 40
        (ops.expm1, 1e-6, 1.0000005000001667e-6, 1.0000010000005),
        (ops.expm1, -1e-6, -9.9999950000016667e-7, 0.9999990000005),
        (ops.log1p, 1e-6, 9.9999950000033333e-7, 0.999999000001),
        (ops.log1p, -1e-6, -1.0000005000003333e-6, 1.000001000001),
        (ops.sinh, 1e-4, 0.00010000000016666667, 1.000000005),
        (ops.erfc, 5.0, 1.5374597944280349e-12, -1.5670866531017335e-11),
        (ops.erfc, 3.0, 2.2090496998585441e-5, -0.00013925305194674785),
        (ops.sigmoid, -20.0, 2.0611536181902036e-9, 2.0611536139418493e-9),
        (ops.sigmoid, -80.0, 1.8048513878454152e-35, 1.8048513878454152e-35),
        (ops.logsigmoid, 20.0, -2.0611536203143807e-9, 2.0611536181902036e-9),
        (ops.softplus, -15.0, 3.0590227371372049e-7, 3.0590222692562473e-7),
        (ops.gelu, -4.0, -0.00012668496733247969, -0.00050364966122642149),
        (ops.elu, -1e-6, -9.9999950000016667e-7, 0.9999990000005),
        (ops.mish, -20.0, -4.1223072406287614e-8, -3.9161918743489691e-8),
    ],
    ids=lambda v: getattr(v, "__name__", None),
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1, 4 * elementwise.FEW])
def test_small_values_are_as_exact_as_large_ones(function, x, y, slope, dtype, size):
    """Also of many numbers, which are computed in another way."""
    eps = float(np.finfo(dtype).eps)
    many = size > 1 or kernels.active(np.ones(1))  # or a kernel, which computes one as any other
    fitted = function is ops.gelu and dtype == "float32" and many
    rtol = 4e-3 if fitted else 16 * eps  # a fit that is off by 1.2e-7: Φ(-4) is 3e-5
    rounding = eps * abs(x * slope / y)  # what rounding x makes of y
    rounded = np.full(size, x, dtype)
    np.testing.assert_allclose(function(Tensor(rounded)).numpy(), y, rtol=rtol + rounding)
    np.testing.assert_allclose(gradients(function, rounded)[0], slope, rtol=rtol + 32 * eps)


def test_the_inverse_functions_undo():
    x = np.linspace(-0.99, 0.99, 40)  # 0 is not among them
    for there, back in [
        (ops.asin, ops.sin), (ops.acos, ops.cos), (ops.atan, ops.tan), (ops.expm1, ops.log1p),
        (ops.log1p, ops.expm1), (ops.reciprocal, ops.reciprocal),
    ]:  # fmt: skip
        both = back(there(Tensor(x)))
        np.testing.assert_allclose(both.numpy(), x, rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(gradients(lambda x, a=there, b=back: b(a(x)), x)[0], 1, 1e-11)


def test_atan2_finds_the_angle_in_every_quadrant_and_at_every_scale():
    angle = np.linspace(-3.1, 3.1, 63)
    for scale in (1e-8, 1.0, 1e8):
        y, x = scale * np.sin(angle), scale * np.cos(angle)
        for dtype in ("float32", "float64"):
            y, x = y.astype(dtype), x.astype(dtype)
            eps = float(np.finfo(dtype).eps)
            np.testing.assert_allclose(
                ops.atan2(Tensor(y), Tensor(x)).numpy(), np.arctan2(y, x), rtol=4 * eps
            )
            dy, dx = gradients(ops.atan2, y, x)
            # moving along the ray changes nothing; moving across it, 1 / distance
            np.testing.assert_allclose(dy * y + dx * x, 0, atol=4 * eps)
            np.testing.assert_allclose((dy * x - dx * y), 1, rtol=16 * eps)


def test_logaddexp_is_numpys_also_at_infinity():
    a, b = np.meshgrid(SPECIAL, SPECIAL)
    y = ops.logaddexp(Tensor(a), Tensor(b)).numpy()
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(y, np.logaddexp(a, b), rtol=1e-15)
    da, db = gradients(ops.logaddexp, a, b)
    known = ~(np.isnan(a) | np.isnan(b))
    np.testing.assert_allclose((da + db)[known], 1)  # a softmax of two, infinite or not
    assert (da[known] >= 0).all() and (db[known] >= 0).all()


def test_lerp_ends_where_it_should():
    rng = np.random.default_rng(0)
    x, end = (rng.normal(size=1000).astype("float32") * 10.0**k for k in (3, -3))
    for weight in (1, 1.0, Tensor(np.float32([1.0])), np.float32(1)):
        np.testing.assert_array_equal(ops.lerp(Tensor(x), Tensor(end), weight).numpy(), end)
    np.testing.assert_array_equal(ops.lerp(Tensor(x), Tensor(end), 0.0).numpy(), x)


@given(nps.arrays("float64", 8, elements=st.floats(-1e6, 1e6)), st.integers(-3, 4))
@few
def test_round_is_numpys(x, decimals):
    np.testing.assert_array_equal(ops.round(Tensor(x), decimals).numpy(), np.round(x, decimals))


def test_whole_numbers_stay_what_they_are():
    for dtype in ("int32", "int64", "uint8"):
        x = Tensor(np.arange(4, dtype=dtype))
        for y in (ops.floor(x), ops.ceil(x), ops.round(x)):
            assert y.dtype == dtype and y.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("case", [c for c in FUNCTIONS if c.gives == "float"], ids=lambda c: c.name)
@pytest.mark.parametrize("dtype", ["uint8", "int8", "bool"])
def test_small_integers_have_the_digits_of_float32(case, dtype):
    """NumPy would compute in float16, where exp(12) is infinite."""
    x = np.array([12, 1, 7, 1, 100], dtype)
    xs = [x, x[::-1].copy()][: case.inputs]
    with np.errstate(all="ignore"):
        expected = case.numpy(*[x.astype("float64") for x in xs]).astype("float32")
        y = case.fn(*[Tensor(x) for x in xs])
    assert y.dtype == "float32"
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-6)


def test_differences_of_integers_do_not_wrap_around():
    a, b = (Tensor(np.array(v, "uint8")) for v in ([5, 3, 0], [3, 7, 255]))
    assert ops.lerp(a, b, 0.5).tolist() == [4, 5, 127.5]
    assert ops.lerp(b, a, Tensor(np.array(1, "uint8"))).tolist() == [5, 3, 0]
    np.testing.assert_allclose(ops.logaddexp(a, b).numpy(), np.logaddexp(*map(np.float64, (a, b))))
    assert ops.softsign(Tensor(np.array([127, -128], "int8"))).numpy() == pytest.approx(
        [127 / 128, -128 / 129]
    )
    logs = ops.xlogy(Tensor(np.array([12, 3], "uint8")), Tensor(np.array([12, 100], "uint8")))
    np.testing.assert_allclose(logs.numpy(), [12 * math.log(12), 3 * math.log(100)], rtol=1e-6)


def test_squares_of_booleans_are_counted():
    y = ops.square(Tensor(np.array([True, False])))
    assert y.dtype == "int64" and y.tolist() == [1, 0]


@pytest.mark.parametrize("g", [inf, -inf, nan])
@pytest.mark.parametrize(
    "step",
    [ops.sign, ops.floor, ops.ceil, ops.round, lambda x: x**0, lambda x: x ** ops.zeros_like(x),
     lambda x: ops.maximum(x, 9.0), lambda x: ops.minimum(x, -9.0)],
)  # fmt: skip
def test_what_is_flat_stops_every_gradient(step, g):
    x = Tensor(np.array([-1.5, 0, 2.5], "float32")).requires_grad_()
    for recording in (False, True):
        (dx,) = grad(step(x), x, Tensor(np.full(3, g, "float32")), create_graph=recording)
        assert dx.tolist() == [0, 0, 0]


# ---- where


@st.composite
def choices(draw):
    """(condition, a, b) that broadcast; large enough for the way of many, small as often."""
    dtype = draw(st.sampled_from(["float32", "float64", "float16", "int64", "int32", "uint8"]))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    full = draw(st.sampled_from([(3, 5), (2, 16 * elementwise.FEW), (4, 3, 4 * elementwise.FEW)]))

    def array(make):
        shape = tuple(draw(st.sampled_from([1, n])) for n in full)[draw(st.integers(0, 1)) :]
        x = make(shape)
        return x.T.copy().T if draw(st.booleans()) else x

    def numbers(shape):
        if dtype[0] == "f":
            return rng.choice(SPECIAL, shape).astype(dtype)
        return rng.integers(0, 200, shape).astype(dtype)

    a, b = (
        draw(st.sampled_from([0.0, 1, -0.0, 2.5] if dtype[0] == "f" else [0, 1]))
        if draw(st.booleans())
        else array(numbers)
        for _ in range(2)
    )
    if not hasattr(a, "shape") and not hasattr(b, "shape"):
        a = array(numbers)
    return array(lambda shape: rng.random(shape) < 0.5), a, b


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # 1e8 as a float16
@given(choices())
@few
def test_where_is_numpys_bit_by_bit(drawn):
    expected = np.where(*drawn)
    actual = elementwise.where(*drawn)
    assert actual.dtype == expected.dtype and actual.shape == expected.shape
    assert actual.tobytes() == expected.tobytes()


@pytest.mark.parametrize("size", [3, 16 * elementwise.FEW])
def test_where_takes_numbers_in_the_dtype_of_the_array(size):
    x, condition = Tensor(np.ones(size, "uint8")), Tensor(np.arange(size) > 0)
    for y in (ops.where(condition, 200, x), ops.where(True, 200, x)):
        assert y.dtype == "uint8" and y[-1].item() == 200
    for wrong in (300, -1):
        with pytest.raises((OverflowError, ValueError), match="out of bounds for uint8"):
            ops.where(condition, x, wrong)


def test_where_leaves_its_arguments_alone():
    rng = np.random.default_rng(0)
    for a, b in ((0.0, 1), (1, 0.0), (1, 1)):
        arrays = [rng.random(9000) < 0.5, *(rng.normal(size=9000) if v else v for v in (a, b))]
        before = [np.array(v) for v in arrays]
        elementwise.where(*arrays)
        for x, old in zip(arrays, before, strict=True):
            np.testing.assert_array_equal(x, old)
