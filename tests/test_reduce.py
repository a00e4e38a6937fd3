"""Reductions, scans, sorting and softmax: what the rows of the table cannot say.

Idea: the fast paths of backend/rows.py begin at thousands of elements. Here they begin at none, in
blocks of a few elements, and the table's own tests run on them again; so do adversarial rows. What
is multilinear (products) has exact derivatives to compare with: f(x_k = 1) - f(x_k = 0).
Read next: cases_reduce.py, cases_scan.py, cases_sort.py.
"""

import math

import numpy as np
import pytest
import test_ops
from cases_reduce import REDUCE
from cases_softmax import SOFTMAX
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import minigen
from minigen import ops
from minigen.autograd import grad
from minigen.backend import rows
from minigen.tensor import Tensor

inf, nan = math.inf, math.nan
SEEDS = st.integers(0, 2**32)


@pytest.fixture
def fast(monkeypatch):
    """The fast paths at any size, in blocks of 8 elements, with sums of at most 3 terms."""
    for name, value in dict(SMALL=0, BLOCK=8, LONG=3).items():
        monkeypatch.setattr(rows, name, value)


# ---- the fast paths on the table's rows

FAST = [
    (case, run)
    for case in [*SOFTMAX, *[c for c in REDUCE if c.name in ("sum", "mean", "var", "norm")]]
    for run in case.runs
]


@test_ops.rows(FAST)
def test_fast_paths_keep_the_promises_of_the_table(fast, case, run):
    for dtype in ("float64", "float32", "float16"):
        test_ops.test_forward_is_what_numpy_says(case, run, dtype)
    test_ops.test_gradient_is_that_of_differences(case, run)
    test_ops.test_second_gradient_is_that_of_differences(case, run)
    test_ops.test_gradients_in_float32_are_those_in_float64(case, run)
    test_ops.test_layout_in_memory_makes_no_difference(case, run)
    test_ops.test_nothing_is_mutated(case, run)


@test_ops.rows([(case, kink) for case in SOFTMAX for kink in case.kinks], "kink")
def test_fast_softmax_at_edges(fast, case, kink):
    test_ops.test_values_at_ties_and_edges_are_the_documented_ones(case, kink, "float32")


# ---- sums


@st.composite
def layouts(draw):
    """An array of any order of memory, sometimes with gaps or backwards, and axes of it."""
    shape = draw(arrays.array_shapes(min_dims=1, max_dims=4, max_side=5))
    x = np.random.default_rng(draw(SEEDS)).standard_normal(shape)
    order = draw(st.permutations(range(x.ndim)))
    x = x.transpose(order).copy().transpose(np.argsort(order))
    if draw(st.integers(0, 3)) == 0:
        x = x[..., :: draw(st.sampled_from([-1, 2, -2]))]
    return x, draw(arrays.valid_tuple_axes(x.ndim, min_size=1)), draw(st.booleans())


@given(layouts())
@settings(max_examples=60)
def test_sums_in_every_order_of_memory(call):
    x, axes, keepdim = call
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "SMALL", 0)
        patch.setattr(rows, "LONG", 2)
        y = ops.sum(Tensor(x), axes, keepdim).numpy()
    np.testing.assert_allclose(y, x.sum(axes, keepdims=keepdim), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dim", [0, -1, None])
@pytest.mark.parametrize("name", ["sum", "mean", "var", "norm", "cumsum"])
def test_float32_keeps_its_digits_on_long_axes(name, dim):
    x = np.random.default_rng(0).uniform(0, 1, (2, 300_001)).astype("float32")
    x = np.ascontiguousarray(x.T) if dim == 0 else x[0] if dim is None else x
    options = dict(dim=dim if name != "cumsum" else dim or 0)
    ours = getattr(ops, name)(Tensor(x), **options)
    assert ours.dtype == "float32"
    exact = getattr(ops, name)(Tensor(x.astype("float64")), **options).numpy()
    np.testing.assert_allclose(ours.numpy(), exact, rtol=2e-6)


def test_float16_sums_are_made_in_float32():
    x = Tensor(np.full((3000, 2), 0.1, "float16"))
    for y in (ops.sum(x, 0), ops.cumsum(x, 0)[-1]):
        assert y.dtype == "float16"
        np.testing.assert_allclose(y.numpy(), 3000 * float(np.float16(0.1)), rtol=1e-3)
    wide = Tensor(np.array([-300.0, 300.0, -300.0, 300.0], "float16"))
    assert ops.std(wide, correction=0).item() == ops.norm(wide).item() / 2 == 300


def test_bfloat16_sums_are_made_in_float32():
    """In its own 8 bits a sum of ones would stay at 256."""
    x = Tensor(np.ones(9000, pytest.importorskip("ml_dtypes").bfloat16))
    for y, expected in (
        (ops.sum(x), 9000),
        (ops.mean(x), 1),
        (ops.cumsum(x, 0)[-1], 9000),
        (ops.logsumexp(x), 1 + np.log(9000)),
        (ops.log_softmax(x, 0)[0], -np.log(9000)),
    ):
        assert y.dtype == x.dtype
        assert y.item() == pytest.approx(expected, rel=4e-3)


def test_float16_shares_among_more_ties_than_it_counts():
    x = Tensor(np.ones(70_000, "float16")).requires_grad_()
    for f in (ops.amax, ops.amin, lambda x: ops.norm(x, inf)):
        (dx,) = grad(f(x), x, Tensor(np.array(7e3, "float16")))
        assert dx.dtype == "float16"
        np.testing.assert_allclose(dx.numpy(), 0.1, rtol=1e-3)


# ---- softmax


HARD = {
    "far apart": [[1e4, 0, -1e4], [-1e4, -1e4, -1e4], [3e4, 3e4, 0]],
    "one far above": [[90.0, 0, 1], [0, 1, 2], [-80, -81, -79], [1, 1, 1]],
    "masked": [[0, -inf, 1], [-inf, -inf, -5], [0.5, 0.5, -inf]],
    "tiny differences": [[1e-7, 0, 0], [1000, 1000, 1000.25], [-1000, -1000.5, -1000]],
}


def softmax64(x):
    """softmax and its logarithm, by rows, in float64."""
    shifted = np.float64(x) - np.float64(x).max(-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return np.exp(log_p), log_p


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_softmax_of_hard_rows(monkeypatch, name, dtype):
    """On the plain path and on the fast one; a block holds all rows."""
    x, eps = np.array(HARD[name], dtype), float(np.finfo(dtype).eps)
    p, log_p = softmax64(x)
    log_sum = np.logaddexp.reduce(np.float64(x), -1)
    v = np.random.default_rng(0).standard_normal(x.shape).astype(dtype)
    along = (v.astype("float64") * p).sum(-1, keepdims=True)
    for small in (rows.SMALL, 0):
        monkeypatch.setattr(rows, "SMALL", small)
        X = Tensor(x).requires_grad_()
        y, log_y, log_total = ops.softmax(X, -1), ops.log_softmax(X, 1), ops.logsumexp(X, 1)
        close = dict(rtol=4 * eps, atol=4 * eps)
        np.testing.assert_allclose(y.detach().numpy(), p, **close)
        np.testing.assert_allclose(log_y.detach().numpy(), log_p, **close)
        np.testing.assert_allclose(log_total.detach().numpy(), log_sum, **close)
        dx = grad(y, X, Tensor(v))[0].numpy()
        np.testing.assert_allclose(dx, p * (v - along), rtol=16 * eps, atol=16 * eps)
        dx = grad(log_y, X, Tensor(v))[0].numpy()
        expected = v - p * v.astype("float64").sum(-1, keepdims=True)
        np.testing.assert_allclose(dx, expected, rtol=16 * eps, atol=16 * eps)


def test_logsumexp_of_rows_far_apart_that_share_a_block():
    x = np.random.default_rng(0).standard_normal((80, 64)).astype("float32")
    x[::2] += 60
    expected = np.log(np.exp(x.astype("float64")).sum(1))
    np.testing.assert_allclose(ops.logsumexp(Tensor(x), 1).numpy(), expected, rtol=2e-7, atol=1e-6)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_fully_masked_row_is_nan_and_its_neighbours_are_not(fast):
    x = Tensor(np.array([[-inf, -inf], [0, 0], [1, inf], [3, nan]], "float32")).requires_grad_()
    p = ops.softmax(x, 1).detach().numpy()
    np.testing.assert_array_equal(p, [[nan, nan], [0.5, 0.5], [nan, nan], [nan, nan]])
    assert ops.log_softmax(x, 1)[1].tolist() == pytest.approx([-math.log(2)] * 2)
    total = ops.logsumexp(x, 1).detach().numpy()
    np.testing.assert_allclose(total, [-inf, math.log(2), inf, nan], rtol=1e-6)


@given(st.integers(1, 40), st.integers(1, 9), st.floats(0.1, 300), SEEDS)
@settings(max_examples=60)
def test_softmax_of_random_blocks(n, d, scale, seed):
    """Probabilities and their logarithms, whatever rows share a block."""
    x = (np.random.default_rng(seed).standard_normal((n, d)) * scale).astype("float32")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "SMALL", 0)
        patch.setattr(rows, "BLOCK", 16)
        y, log_y = ops.softmax(Tensor(x), -1).numpy(), ops.log_softmax(Tensor(x), -1).numpy()
    p, log_p = softmax64(x)
    # exp(x - c) loses |x - c| units in the last place, at most log 1e27 of them
    np.testing.assert_allclose(y, p, rtol=5e-6, atol=1e-27)
    np.testing.assert_allclose(log_y, log_p, rtol=1e-6, atol=1e-6)


# ---- norms


@pytest.mark.parametrize("p", [1, 1.5, 2, 3, inf])
@pytest.mark.parametrize("scale", [1e-30, 1e-8, 1e8, 1e25, 1e30])
def test_norms_do_not_overflow(p, scale):
    x = np.array([[1.0, -2.0, 3.0], [0.5, 0.0, 0.0]], "float32")
    scaled = x * np.float32(scale)
    norm = np.linalg.norm(x.astype("float64"), p, 1)
    np.testing.assert_allclose(ops.norm(Tensor(scaled), p, 1).numpy() / scale, norm, rtol=1e-5)
    slope = gradient(lambda x: ops.norm(x, p, 1), scaled)  # that of x: the scale goes away
    expected = gradient(lambda x: ops.norm(x, p, 1), x.astype("float64"))
    np.testing.assert_allclose(slope, expected, rtol=1e-5)


@pytest.mark.parametrize("p", [1.5, 2, 3, inf, -1])
def test_small_norms_in_float16_have_a_gradient(p):
    x = np.array([3e-6, -4e-6], "float16")
    expected = gradient(lambda x: ops.norm(x, p), x.astype("float64"))
    np.testing.assert_allclose(gradient(lambda x: ops.norm(x, p), x), expected, rtol=0.05)


def gradient(f, x):
    x = Tensor(x).requires_grad_()
    return grad(ops.sum(f(x)), x)[0].numpy()


# ---- products: multilinear, so their derivatives are differences of two values

DIGITS = arrays.arrays(np.float64, arrays.array_shapes(max_dims=2, max_side=5),
                       elements=st.sampled_from([0.0, 0.0, 1.0, -1.0, 2.0, 3.0]))


def slope(f, x, k):
    """d f / d x_k of an f that is linear in each x_k."""
    one, zero = x.copy(), x.copy()
    one.flat[k], zero.flat[k] = 1, 0
    return f(one) - f(zero)


@given(DIGITS, st.sampled_from(["prod", "cumprod", "before"]), st.data())
@settings(max_examples=60)
def test_products_have_exact_derivatives_at_zeros(x, name, data):
    dim = data.draw(st.integers(-x.ndim, x.ndim - 1))
    ours, numpy = {
        "prod": (lambda x: ops.prod(x, dim), lambda x: x.prod(dim)),
        "cumprod": (lambda x: ops.cumprod(x, dim), lambda x: x.cumprod(dim)),
        "before": (
            lambda x: ops.cumprod(x, dim, exclusive=True),
            lambda x: np.insert(x, 0, 1, dim).cumprod(dim).take(range(x.shape[dim]), dim),
        ),
    }[name]
    v = np.random.default_rng(0).integers(-3, 4, numpy(x).shape).astype("float64")
    u = np.random.default_rng(1).integers(-3, 4, x.shape).astype("float64")

    def value(x):
        return (v * numpy(x)).sum()

    def first(x):
        return np.array([slope(value, x, k) for k in range(x.size)]).reshape(x.shape)

    X = Tensor(x).requires_grad_()
    y = ours(X)
    np.testing.assert_array_equal(y.detach().numpy(), numpy(x))
    (g,) = grad(y, X, Tensor(v), create_graph=True)
    np.testing.assert_array_equal(g.detach().numpy(), first(x))
    expected = [slope(lambda x: (u * first(x)).sum(), x, k) for k in range(x.size)]
    again = grad(g, X, Tensor(u), allow_unused=True)[0] if g.requires_grad else None
    again = np.zeros(x.shape) if again is None else again.numpy()
    np.testing.assert_array_equal(again, np.reshape(expected, x.shape))


@pytest.mark.parametrize(("shape", "dim"), [((3, 300), 0), ((2, 5, 150), 1), ((1100, 256), 0)])
@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
def test_scans_of_long_slices(shape, dim, name):
    """One step of all of them at once, in both directions."""
    x = np.random.default_rng(0).uniform(0.9, 1.1, shape).astype("float32")
    scan, exact = getattr(np, name), x.astype("float64")
    X = Tensor(np.asfortranarray(x)).requires_grad_()
    y = getattr(ops, name)(X, dim)
    assert y.dtype == "float32"
    np.testing.assert_allclose(y.detach().numpy(), scan(exact, dim), rtol=2e-6)
    (dx,) = grad(ops.cumsum(X, dim), X, Tensor(x))
    np.testing.assert_allclose(
        dx.numpy(), np.flip(np.cumsum(np.flip(exact, dim), dim), dim), rtol=2e-6
    )


@pytest.mark.parametrize("shape", [(5000,), (1001, 3), (700, 20)])
def test_gradient_of_long_products(shape):
    """Few and long: cut in pieces. Against the recurrence, one step after the other."""
    rng = np.random.default_rng(0)
    x, v = rng.uniform(-1.1, 1.1, shape), rng.standard_normal(shape)
    x[shape[0] // 2] = 0
    expected, h = np.empty(shape), np.zeros(shape[1:])
    before = np.concatenate([np.ones((1, *shape[1:])), np.cumprod(x, 0)[:-1]])
    for i in reversed(range(len(x))):
        h = v[i] + (x[i + 1] * h if i + 1 < len(x) else 0)
        expected[i] = before[i] * h
    found = gradient(lambda x: ops.cumprod(x, 0) * Tensor(v), x)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-300)


def test_transmittance_is_differentiable_where_it_is_zero():
    """Volume rendering: w_i = alpha_i·Π_{j<i} (1 - alpha_j), with an opaque sample."""
    alpha = Tensor(np.array([0.5, 1.0, 0.25])).requires_grad_()
    w = alpha * ops.cumprod(1 - alpha, 0, exclusive=True)
    assert w.tolist() == [0.5, 0.5, 0.0]
    jacobian = minigen.jacobian(lambda a: a * ops.cumprod(1 - a, 0, exclusive=True), alpha.detach())
    assert jacobian.tolist() == [[1, 0, 0], [-1, 0.5, 0], [0, -0.125, 0]]


# ---- order


NUMBERS = arrays.arrays(np.float64, arrays.array_shapes(max_dims=3, max_side=5),
                        elements=st.sampled_from([0.0, 1.0, 2.0, -1.0, inf, -inf, nan]))


@given(NUMBERS, st.booleans(), st.data())
@settings(max_examples=60)
def test_sorting_with_ties_and_nan(x, descending, data):
    dim = data.draw(st.integers(-x.ndim, x.ndim - 1))
    k = data.draw(st.integers(0, x.shape[dim]))
    key = np.where(np.isnan(x), 9, np.clip(x, -8, 8))  # nan above everything
    index = np.argsort(-key if descending else key, dim, kind="stable")
    expected = np.take_along_axis(x, index, dim)
    stable = ops.sort(Tensor(x), dim, descending, stable=True)
    np.testing.assert_array_equal(stable.values.numpy(), expected)
    np.testing.assert_array_equal(stable.indices.numpy(), index)
    some = ops.argsort(Tensor(x), dim, descending).numpy()
    np.testing.assert_array_equal(np.take_along_axis(x, some, dim), expected)
    best = ops.topk(Tensor(x), k, dim, largest=descending)
    np.testing.assert_array_equal(best.values.numpy(), expected.take(range(k), dim))
    np.testing.assert_array_equal(np.take_along_axis(x, best.indices.numpy(), dim), best.values)
    loose = ops.topk(Tensor(x), k, dim, largest=descending, sorted=False)
    np.testing.assert_array_equal(ops.sort(loose.values, dim, descending).values, best.values)


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize(("shape", "dim"), [((200,), 0), ((3, 70), 1), ((90, 2), -2)])
def test_few_of_many_are_found_without_sorting_all(shape, dim, largest):
    x = np.random.default_rng(0).integers(0, 30, shape) * 1.0  # with ties
    x.flat[5], x.flat[7] = nan, -inf
    ordered = ops.sort(Tensor(x), dim, largest).values.numpy()
    for k in (0, 1, 5, shape[dim] // 2 + 1):
        for in_order in (True, False):
            values, index = ops.topk(Tensor(x), k, dim, largest, in_order)
            np.testing.assert_array_equal(np.take_along_axis(x, index.numpy(), dim), values)
            values = values if in_order else ops.sort(values, dim, largest).values
            np.testing.assert_array_equal(values, ordered.take(range(k), dim))


@given(arrays.array_shapes(max_dims=3, max_side=5), st.data(), SEEDS)
@settings(max_examples=40)
def test_gradients_of_order_go_where_the_values_came_from(shape, data, seed):
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    rng = np.random.default_rng(seed)
    x = rng.permutation(math.prod(shape)).reshape(shape) * 1.0
    X = Tensor(x).requires_grad_()
    k = data.draw(st.integers(1, x.shape[dim]))
    for values, index in (ops.sort(X, dim), ops.topk(X, k, dim)):
        v = rng.standard_normal(values.shape)
        expected = np.zeros(shape)
        np.put_along_axis(expected, index.numpy(), v, dim)
        np.testing.assert_array_equal(grad(values, X, Tensor(v))[0].numpy(), expected)


HOW = ["linear", "lower", "higher", "midpoint", "nearest"]


@given(arrays.array_shapes(max_dims=3, max_side=5), st.data(), st.sampled_from(HOW), SEEDS)
@settings(max_examples=60)
def test_quantiles_are_numpys(shape, data, how, seed):
    dim = data.draw(st.none() | st.integers(-len(shape), len(shape) - 1))
    q = data.draw(st.floats(0, 1) | arrays.arrays(float, 3, elements=st.sampled_from([0, 0.2, 1])))
    keepdim = data.draw(st.booleans())
    x = np.random.default_rng(seed).standard_normal(shape)
    y, pull = minigen.vjp(
        lambda x: ops.quantile(
            x, q if isinstance(q, float) else Tensor(q), dim, keepdim, interpolation=how
        ),
        Tensor(x),
    )
    expected = np.quantile(x, q, axis=dim, keepdims=keepdim, method=how)
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-12, atol=1e-12)
    (dx,) = pull(Tensor(np.ones(y.shape)))  # y is a mean of elements: the weights sum to 1 ...
    np.testing.assert_allclose(dx.numpy().sum(), y.numpy().size)
    np.testing.assert_allclose(np.vdot(dx.numpy(), x), y.numpy().sum(), atol=1e-12)  # and give y


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # inf - inf
def test_quantiles_between_infinities():
    def at(q, *x):
        return ops.quantile(Tensor(np.array(x)), q).item()

    assert at(0.25, -inf, inf, 1) == at(0.1, -inf, inf, 1) == at(0.4, -inf, inf, 1) == -inf
    assert at(0.75, -inf, inf, 1) == at(0.6, -inf, inf, 1) == at(0.75, 1, inf, inf) == inf
    assert at(0.5, -inf, inf, 1) == 1 and at(0.0, -inf, inf) == -inf and at(1, -inf, inf) == inf
    assert math.isnan(at(0.5, -inf, inf))
    assert at(0.7, 0.1, 0.1, 0.1) == 0.1


def test_a_quantile_in_float32_has_the_rank_that_it_means():
    x = Tensor(np.arange(11.0))
    q = Tensor(np.array([0.7, 0.1], "float32"))
    for how in HOW:
        assert ops.quantile(x, q, interpolation=how).tolist() == [7, 1]


@given(st.integers(0, 6), st.booleans(), SEEDS)
@settings(max_examples=40)
def test_searching_many_rows_is_searching_each(n, right, seed):
    rng = np.random.default_rng(seed)
    sequence = np.sort(rng.integers(0, 5, (2, 3, n)), -1)
    values = rng.integers(-1, 6, (2, 3, 4))
    found = ops.searchsorted(Tensor(sequence), Tensor(values), right=right).numpy()
    for at in np.ndindex(2, 3):
        side = "right" if right else "left"
        np.testing.assert_array_equal(found[at], np.searchsorted(sequence[at], values[at], side))
    assert ops.searchsorted(Tensor(sequence[0, 0]), 2.5).item() == (sequence[0, 0] < 2.5).sum()


def test_bincount_has_the_dtype_of_its_weights():
    x = Tensor(np.array([2, 0, 2]))
    for dtype in ("float32", "float64", "float16"):
        y = ops.bincount(x, Tensor(np.array([0.5, 1, 2], dtype)), 4)
        assert y.dtype == dtype and y.tolist() == [1, 0, 2.5, 0]
    assert ops.bincount(x, Tensor(np.array([1, 2, 3]))).dtype == "float32"
    assert ops.bincount(x).dtype == ops.bincount(x[:0]).dtype == "int64"
