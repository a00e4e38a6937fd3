"""Losses and distances beyond their rows: all options at once, hard numbers, identities.

Idea: Hypothesis draws shapes and options; the value is compared with the row's definition, the
gradient with the derivative of that definition along a random direction, by a complex step
(Im f(x + ih·u) / h, exact for analytic f). The rest are promises that no row can make.
Read next: cases_loss.py and cases_distance.py (the definitions).
"""

import functools
import warnings

import numpy as np
import pytest
from cases_distance import cdist, cosine_similarity
from cases_loss import (
    REDUCTIONS,
    bernoulli,
    divergence,
    gaussian,
    loss,
    negative_log_likelihood,
    of_classes,
    of_probabilities,
)
from hypothesis import given, settings
from hypothesis import strategies as st

import minigen
from minigen import ops
from minigen.autograd import grad
from minigen.backend import cross_entropy as kernel
from minigen.tensor import Tensor

SEEDS = st.integers(0, 2**32)
SIZES = st.integers(1, 4)
TOLERANCE = {"float64": 1e-10, "float32": 2e-5}


def drawn(*shape, seed, dtype="float64", scale=1.0):
    return np.asarray(np.random.default_rng(seed).normal(0, scale, shape), dtype)


def assert_value_and_gradients(ours, definition, inputs, seed, dtype="float64"):
    """Of all inputs that are floats; the definition is computed in float64."""
    wide = [x.astype("float64") if x.dtype.kind == "f" else x for x in inputs]
    xs = [Tensor(x.astype(dtype) if x.dtype.kind == "f" else x) for x in inputs]
    xs = [x.requires_grad_() if x.dtype.kind == "f" else x for x in xs]
    y, expected = ours(*xs), np.asarray(definition(*wide))
    assert y.dtype == dtype and y.shape == expected.shape
    tolerance = TOLERANCE[dtype]
    close = functools.partial(np.testing.assert_allclose, rtol=tolerance, atol=tolerance)
    close(y.detach().numpy(), expected)
    v = drawn(*expected.shape, seed=[seed, 1])
    floats = [i for i, x in enumerate(xs) if x.requires_grad]
    gs = grad(y, [xs[i] for i in floats], Tensor(v.astype(dtype)))
    for i, g in zip(floats, gs, strict=True):
        u = drawn(*wide[i].shape, seed=[seed, 2])
        moved = [x + 1e-30j * u if k == i else x for k, x in enumerate(wide)]
        along = (np.asarray(definition(*moved)).imag * v).sum() / 1e-30
        scale = np.abs(g.numpy() * u).sum() + 1
        close(np.vdot(g.numpy().astype("float64"), u) / scale, along / scale)


# ---- cross-entropy, all options


@st.composite
def options(draw, classes, soft=False):
    chosen = dict(
        reduction=draw(st.sampled_from([*REDUCTIONS])),
        label_smoothing=draw(st.sampled_from([0.0, 0.1, 1.0])),
    )
    if draw(st.booleans()):
        chosen["weight"] = draw(st.lists(st.floats(0.1, 3), min_size=classes, max_size=classes))
    if not soft:
        chosen["ignore_index"] = draw(st.sampled_from([-100, -1, 0]))
    return chosen


def constants(chosen, x):
    return {k: Tensor(np.array(v, x.dtype)) if k == "weight" else v for k, v in chosen.items()}


@given(SIZES, SIZES, st.lists(SIZES, max_size=2), st.data(), SEEDS)
@settings(max_examples=60)
def test_cross_entropy_of_classes(n, classes, rest, data, seed):
    chosen = data.draw(options(classes))
    dtype = data.draw(st.sampled_from([*TOLERANCE]))
    x = drawn(n, classes, *rest, seed=seed, scale=3)
    target = np.random.default_rng(seed).integers(0, classes, (n, *rest))
    ignored = np.random.default_rng(seed + 1).random(target.shape) < 0.3
    target[ignored] = chosen["ignore_index"]
    target.flat[0] = classes - 1  # or else, nothing may be left to count
    chosen["ignore_index"] -= classes == 1 and chosen["ignore_index"] == 0
    target = np.where((target < 0) & (target != chosen["ignore_index"]), 0, target)
    target = target.astype(data.draw(st.sampled_from(["int64", "int32"])))
    assert_value_and_gradients(
        lambda x, t: ops.cross_entropy(x, t, **constants(chosen, x)),
        lambda x, t: of_classes(x, t, **chosen),
        [x, target], seed, dtype,
    )  # fmt: skip
    chosen.pop("label_smoothing")
    assert_value_and_gradients(
        lambda x, t: ops.nll_loss(x, t, **constants(chosen, x)),
        lambda x, t: negative_log_likelihood(x, t, **chosen),
        [x, target], seed, dtype,
    )  # fmt: skip


@given(SIZES, SIZES, st.lists(SIZES, max_size=2), st.data(), SEEDS)
@settings(max_examples=40)
def test_cross_entropy_of_probabilities(n, classes, rest, data, seed):
    chosen = data.draw(options(classes, soft=True))
    shape = (n, classes, *rest)
    target = np.abs(drawn(*shape, seed=[seed, 3]))
    assert_value_and_gradients(
        lambda x, t: ops.cross_entropy(x, t, **constants(chosen, x)),
        lambda x, t: of_probabilities(x, t, **chosen),
        [drawn(*shape, seed=seed, scale=3), target],
        seed,
        data.draw(st.sampled_from([*TOLERANCE])),
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(40, 5), (40, 5, 3)], ids=str)
def test_cross_entropy_in_blocks_and_threads(shape, reduction, monkeypatch):
    """Blocks of one to three rows, in two threads, with and without a gradient."""
    target = np.random.default_rng(0).integers(-1, 5, (40, *shape[2:]))
    target[0] = 4
    weight = Tensor(np.arange(1.0, 6))
    how = dict(weight=weight, ignore_index=-1, reduction=reduction, label_smoothing=0.2)

    def results():
        x = Tensor(drawn(*shape, seed=1)).requires_grad_()
        y = ops.cross_entropy(x, Tensor(target), **how)
        soft = ops.cross_entropy(x, ops.softmax(x * 2, 1).detach(), weight, reduction=reduction)
        gs = grad([y, soft], x, [ops.ones_like(y), ops.ones_like(soft)])
        return [y, soft, *gs, ops.cross_entropy(x.detach(), Tensor(target), **how)]

    expected = [y.detach().numpy() for y in results()]
    for block in (1, 16):
        monkeypatch.setattr(kernel, "_BLOCK", block)
        monkeypatch.setattr(kernel, "_TWO_THREADS", 1)
        for y, e in zip(results(), expected, strict=True):
            np.testing.assert_allclose(y.detach().numpy(), e, rtol=1e-13, atol=1e-15)


def test_rows_of_a_block_may_lie_far_apart():
    """One number is subtracted from all of them only where none loses its digits by that."""
    spread = np.array([0.0, 3.0, -8.0, -30.0, -100.0, -1e4, 1e4])[:, None]
    x = (drawn(7, 6, seed=0) + spread).astype("float32")
    target = np.arange(7) % 6
    for rows in ([0, 1], [0, 2], [0, 3], [0, 4], range(7)):
        some, t = x[rows], target[rows]
        X = Tensor(some).requires_grad_()
        y = ops.cross_entropy(X, Tensor(t), reduction="none")
        exact = some.astype("float64") - some.max(1, keepdims=True)  # logits, and float32's own
        p = np.exp(exact) / np.exp(exact).sum(1, keepdims=True)
        np.testing.assert_allclose(
            y.detach().numpy(), -np.log(p[range(len(p)), t]), rtol=4e-6, atol=1e-6
        )
        p[range(len(p)), t] -= 1
        (g,) = grad(y, X, ops.ones_like(y))
        np.testing.assert_allclose(g.numpy(), p, rtol=1e-5, atol=1e-6)


def test_one_row_of_nan_or_inf_spoils_no_other():
    x = np.zeros((4, 3), "float32")
    x[1, 0], x[2] = np.nan, -np.inf
    y = ops.cross_entropy(Tensor(x), Tensor(np.zeros(4, int)), reduction="none").numpy()
    np.testing.assert_allclose(y, [np.log(3), np.nan, np.nan, np.log(3)], rtol=1e-6)


def test_weights_of_many_targets_may_exceed_float16():
    """70,000 weights of 1 add up to more than its largest number."""
    x, target = Tensor(np.zeros((70_000, 2), "float16")), Tensor(np.zeros(70_000, int))
    y = ops.cross_entropy(x, target, weight=Tensor(np.ones(2, "float16")))
    assert y.item() == pytest.approx(np.log(2), rel=1e-3)


# ---- what is kept for backward


@pytest.mark.parametrize(
    "fn",
    [
        lambda x: ops.cross_entropy(x, Tensor(np.array([0, 2]))),
        lambda x: ops.binary_cross_entropy_with_logits(x, ops.zeros_like(x)),
    ],
    ids=["cross_entropy", "binary_cross_entropy_with_logits"],
)
def test_the_gradient_that_forward_left_is_never_written(fn):
    """It is lent to whoever asks with g = 1; a leaf's .grad is a copy, that may be overwritten."""
    x = minigen.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]], requires_grad=True)
    y = fn(x)
    (expected,) = grad(y, x, minigen.tensor(2.0), retain_graph=True)
    for _ in range(2):
        x.grad = None
        y.backward(retain_graph=True)
        np.testing.assert_allclose(x.grad.numpy() * 2, expected.numpy(), rtol=1e-6)
        minigen.assign(x.grad, 7.0)
    through = [(ops.alias(x) + ops.alias(x)) for _ in range(2)]  # sums in place along the way
    total = fn(through[0]) + fn(through[1])
    (g,) = grad(total, x, retain_graph=True)
    (again,) = grad(total, x)
    np.testing.assert_array_equal(g.numpy(), again.numpy())


# ---- the other losses, all options


@given(st.lists(st.integers(0, 3), max_size=3), st.sampled_from([*REDUCTIONS]), st.data(), SEEDS)
@settings(max_examples=60)
def test_elementwise_losses(shape, reduction, data, seed):
    if reduction == "mean" and 0 in shape:
        reduction = "sum"
    dtype = data.draw(st.sampled_from([*TOLERANCE]))
    x, t = drawn(*shape, seed=seed), drawn(*shape, seed=[seed, 1])
    p, q = (np.asarray(1 / (1 + np.exp(-v))) for v in (x, t))
    check = functools.partial(assert_value_and_gradients, seed=seed, dtype=dtype)
    how = dict(reduction=reduction)
    full = data.draw(st.booleans())
    check(
        lambda x, t: ops.gaussian_nll_loss(x, t, ops.exp(t), full, **how),
        lambda x, t: loss(gaussian)(x, t, np.exp(t), full=full, **how),
        [x, t],
    )
    check(
        lambda x, t: ops.kl_div(x, t, log_target=full, **how),
        lambda x, t: divergence(x, t, log_target=full, **how),
        [x, q],
    )
    check(
        lambda x, t: ops.binary_cross_entropy(x, t, **how),
        lambda x, t: loss(bernoulli)(x, t, **how),
        [p, q],
    )
    weight = np.square(drawn(*shape[-1:], seed=[seed, 5]), dtype=dtype)
    double = data.draw(st.sampled_from([1.0, 2.0]))
    positive = None if double == 1 else Tensor(np.array(double, dtype))
    check(
        lambda x, t: ops.binary_cross_entropy_with_logits(
            x, t, Tensor(np.asarray(weight)), reduction, positive
        ),
        lambda x, t: loss(bernoulli)(1 / (1 + np.exp(-x)), t, weight, double, **how),
        [x, q],
    )


def test_confident_logits_keep_their_digits():
    """e⁻²⁰ is a loss of 2e-9: beside 20, float32 would not hold it."""
    x = minigen.tensor([20.0, -20.0, -80.0], requires_grad=True)
    y = ops.binary_cross_entropy_with_logits(x, minigen.tensor([1.0, 0.0, 0.0]), reduction="none")
    tiny = np.exp([-20.0, -20.0, -80.0])
    np.testing.assert_allclose(y.detach().numpy(), tiny, rtol=1e-5)
    (g,) = grad(y, x, ops.ones_like(y))
    np.testing.assert_allclose(g.numpy(), tiny * [0, 1, 1], rtol=1e-5, atol=3e-9)


@pytest.mark.parametrize("name", ["huber_loss", "binary_cross_entropy_with_logits"])
def test_float16_is_summed_in_float32(name):
    """70,000 elements: neither their sum nor their count is a float16."""
    x = minigen.ones(70_000, dtype="float16").requires_grad_()
    target = minigen.zeros(70_000, dtype="float16")
    y = getattr(ops, name)(x, target)
    expected = np.log1p(np.e) if "logits" in name else 0.5
    assert y.dtype == "float16" and y.item() == pytest.approx(expected, rel=1e-3)
    y.backward()
    slope = 1 / (1 + np.exp(-1)) if "logits" in name else 1
    np.testing.assert_allclose(x.grad.numpy(), slope / 70_000, rtol=5e-3)


# ---- curvature, by closed forms


def hvp(f, x):
    v = drawn(*x.shape, seed=9)
    return v, minigen.hvp(f, Tensor(x), Tensor(v))[1][0].numpy()


def test_second_derivatives_are_the_known_ones():
    x = drawn(3, 4, seed=0)
    p = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    v, h = hvp(lambda x: ops.cross_entropy(x, Tensor(np.array([0, 3, -100])), None, -100, "sum"), x)
    expected = p * (v - (p * v).sum(1, keepdims=True))  # (diag(p) - p·pᵀ)·v, nothing where ignored
    np.testing.assert_allclose(h, expected * [[1], [1], [0]], atol=1e-12)
    s = 1 / (1 + np.exp(-x))
    t = Tensor(s[::-1].copy())
    v, h = hvp(lambda x: ops.binary_cross_entropy_with_logits(x, t, reduction="sum"), x)
    np.testing.assert_allclose(h, s * (1 - s) * v, atol=1e-12)
    v, h = hvp(lambda x: ops.huber_loss(x, ops.zeros_like(x), "sum", 0.7), x)
    np.testing.assert_allclose(h, (np.abs(x) < 0.7) * v)
    y = drawn(30, 4, seed=2)  # enough rows for the product of matrices
    v, h = hvp(lambda x: ops.cdist(x, Tensor(y)).sum(), x)
    d = x[:, None] - y
    size = np.sqrt((d * d).sum(-1, keepdims=True))
    along = (d * v[:, None]).sum(-1, keepdims=True)
    np.testing.assert_allclose(h, (v[:, None] / size - d * along / size**3).sum(1), atol=1e-12)


# ---- identities


def test_identities():
    x, t = (Tensor(drawn(5, 4, seed=s)) for s in (0, 1))
    classes = Tensor(np.array([0, 3, 1, 1, 2]))
    log_p, q = ops.log_softmax(x, 1), ops.softmax(t, 1)

    def same(a, b):
        np.testing.assert_allclose(a.numpy(), b.numpy() if isinstance(b, Tensor) else b, atol=1e-14)

    same(ops.cross_entropy(x, classes), ops.nll_loss(log_p, classes))
    same(ops.cross_entropy(x, classes), ops.cross_entropy(x, Tensor(np.eye(4)[classes.numpy()])))
    entropy = ops.cross_entropy(t, q)
    same(ops.kl_div(log_p, q, "batchmean"), ops.cross_entropy(x, q) - entropy)
    same(ops.kl_div(log_p, ops.log(q), "batchmean", True), ops.kl_div(log_p, q, "batchmean"))
    same(ops.kl_div(ops.log(q), q, "sum"), 0)
    two = ops.stack([ops.zeros_like(x), x], 1)  # two classes: a logit of 0, and x
    same(ops.binary_cross_entropy_with_logits(x, x > 0), ops.cross_entropy(two, (x > 0).long()))
    same(ops.binary_cross_entropy(ops.sigmoid(x), q), ops.binary_cross_entropy_with_logits(x, q))
    same(ops.smooth_l1_loss(x, t, beta=0.3), ops.huber_loss(x, t, delta=0.3) / 0.3)
    same(ops.huber_loss(x, t, delta=1e9), ops.mse_loss(x, t) / 2)
    same(ops.gaussian_nll_loss(x, t, 1.0), ops.mse_loss(x, t) / 2)
    same(ops.gaussian_nll_loss(x, t, 0.1), ops.gaussian_nll_loss(x, t, ops.full_like(x, 0.1)))
    cosine = ops.cosine_similarity(x, t)
    unit_x, unit_t = (v / v.square().sum(1, keepdim=True).sqrt() for v in (x, t))
    same(ops.pairwise_distance(unit_x, unit_t, eps=0.0).square(), 2 - 2 * cosine)
    for p in (0.5, 1, 2, 3, np.inf):
        pairs = ops.cdist(x, t, p)
        same(pairs, ops.cdist(t, x, p).mT)
        same(pairs[2, 3], ops.pairwise_distance(x[2], t[3], p, eps=0.0))


# ---- distances of all pairs

FAR = [0.0, 1e3]


@given(
    st.integers(0, 40), st.integers(0, 40), st.integers(1, 3), st.sampled_from(FAR),
    st.sampled_from([1.0, 1e8, 1e-8]), st.sampled_from([*TOLERANCE]), SEEDS,
)  # fmt: skip
@settings(max_examples=50)
def test_cdist_is_right_near_and_far(p, r, m, far, scale, dtype, seed):
    """Many rows, some of them twice, some nearly, all far from 0."""
    x1 = (drawn(2, p, m, seed=seed) + far) * scale
    x2 = (drawn(r, m, seed=[seed, 1]) + far) * scale
    common = min(p, r, 5)
    x2[:common] = x1[0, :common]
    x2[common : 2 * common] = x1[1, :common] * (1 + 1e-3) if 2 * common <= r else 0
    x1, x2 = (x.astype(dtype) for x in (x1, x2))
    xs = [Tensor(x).requires_grad_() for x in (x1, x2)]
    y = ops.cdist(*xs)
    wide = [x.astype("float64") for x in (x1, x2)]
    expected = cdist(*wide)
    tolerance = 2e-10 if dtype == "float64" else 1e-4
    np.testing.assert_allclose(y.detach().numpy(), expected, rtol=tolerance)
    d = wide[0][:, :, None] - wide[1]
    with np.errstate(all="ignore"):
        unit = np.nan_to_num(d / expected[..., None], nan=0.0)
    g1, g2 = grad(y, xs, ops.ones_like(y))
    close = functools.partial(np.testing.assert_allclose, atol=tolerance * max(2 * p, r, 1))
    close(g1.numpy(), unit.sum(2))
    close(g2.numpy(), -unit.sum((0, 1)))


def test_clusters_far_apart_are_computed_from_differences():
    """Half of the pairs are near: none of them loses its digits."""
    x = drawn(60, 3, seed=0) + np.repeat([1e4, -1e4], 30)[:, None]
    y = ops.cdist(Tensor(x.astype("float32")), Tensor(x.astype("float32"))).numpy()
    exact = x.astype("float32").astype("float64")
    np.testing.assert_allclose(y, cdist(exact, exact), rtol=1e-5)


def test_rows_of_nan_or_inf_spoil_no_other():
    x = drawn(30, 2, seed=0)
    x[3], x[4] = np.inf, np.nan
    with np.errstate(invalid="ignore"):
        for pair in ((x, x[5:]), (x[5:], x)):
            y = ops.cdist(*map(Tensor, pair)).numpy()
            np.testing.assert_allclose(y, cdist(*pair))
            assert np.isinf(y).sum() == np.isnan(y).sum() == 25


@given(
    st.sampled_from([((3, 4), (3, 4), 1), ((2, 1, 3), (4, 3), 2), ((3,), (2, 3), 0)]),
    st.sampled_from([1.0, 1e8, 1e-3]), st.sampled_from([*TOLERANCE]), SEEDS,
)  # fmt: skip
@settings(max_examples=20)
def test_cosine_similarity_at_any_scale(shapes, scale, dtype, seed):
    *shapes, dim = shapes
    xs = [drawn(*shape, seed=[seed, i]) * scale for i, shape in enumerate(shapes)]
    y = ops.cosine_similarity(*[Tensor(x.astype(dtype)) for x in xs], dim)
    expected = cosine_similarity(*[x.astype(dtype).astype("float64") for x in xs], dim)
    np.testing.assert_allclose(y.numpy(), expected, rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_second_derivatives_of_certain_probabilities_are_finite(dtype):
    """The gradient of the target, log(1 - x) - log x, has a slope at 0 and 1 too."""
    x, t = (Tensor(np.array([0.0, 1.0, 0.5], dtype)).requires_grad_() for _ in range(2))
    y = ops.binary_cross_entropy(x, t, reduction="sum")
    (g,) = grad(y, t, create_graph=True)
    assert grad(g.sum(), x)[0].tolist() == [-1, -1, -4]


def test_what_is_too_large_is_inf_without_a_warning():
    x, zero = Tensor(np.full(4, 6e4, "float16")), Tensor(np.zeros(4, "float16"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bce = ops.binary_cross_entropy_with_logits
        for f in (ops.mse_loss, ops.l1_loss, ops.huber_loss, bce):
            assert f(x, zero, reduction="sum").item() == np.inf
        far = minigen.tensor([[1e30, 0.0]])
        assert ops.cdist(far, -far).item() == ops.pairwise_distance(far, -far).item() == np.inf
