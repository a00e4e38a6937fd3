"""Normalisation beyond the table: random shapes and orders of memory, numbers that are hard for
float32, what stays in memory, identities between the norms.

Idea: oracles are the loops of cases_norm.py, in float64, and the references of primitives. Blocks
are made so small that every example goes through several.
Read next: backend/norm.py, backend/norm_rows.py, cases_norm.py.
"""

import functools
import math
import tracemalloc

import cases_norm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigen as mg
from minigen import ops
from minigen.autograd import grad
from minigen.backend import norm, norm_blocks, norm_rows
from minigen.tensor import Tensor

SEEDS = st.integers(0, 2**32)
EPS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10}


def first(x):
    """Channels first in memory."""
    return np.ascontiguousarray(x)


def last(x):
    """Channels last in memory."""
    return np.ascontiguousarray(x.transpose(0, *range(2, x.ndim), 1)).transpose(
        0, x.ndim - 1, *range(1, x.ndim - 1)
    )


def strided(x):
    """In neither order."""
    return np.repeat(x.T, 2, 0)[::2].T


def normal(seed, *shapes, dtype="float64"):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def close(actual, expected, dtype="float64", scale=64):
    expected = np.asarray(expected)
    tolerance = scale * EPS[dtype] * np.abs(expected).max(initial=1.0)
    np.testing.assert_allclose(actual, expected, rtol=scale * EPS[dtype], atol=tolerance)


def derivatives(f, xs, v):
    """y and the gradients of Σ <v, y>: on arrays, and recorded through the reference."""
    xs = [Tensor(x).requires_grad_() for x in xs]
    y = f(*xs)
    v = Tensor(v.astype(y.dtype))
    plain = grad(y, xs, v, retain_graph=True)
    recorded = grad(y, xs, v, create_graph=True)
    return [t.detach().numpy() for t in (y, *plain)], [t.detach().numpy() for t in recorded]


@pytest.fixture(params=["formula", "blocks"])
def both_ways(request, monkeypatch):
    """For few elements, and as if there were many."""
    monkeypatch.setattr(norm, "FEW", 0 if request.param == "blocks" else 1 << 30)


@pytest.fixture
def small_blocks(monkeypatch):
    """Several blocks, and rows, in a few dozen elements."""
    monkeypatch.setattr(norm, "FEW", 0)
    monkeypatch.setattr(norm_blocks, "BLOCK", 24)
    monkeypatch.setattr(norm_blocks, "MANY", 0)
    monkeypatch.setattr(norm_blocks, "ROW", 8)
    monkeypatch.setattr(norm_rows, "BLOCK", 12)


# ---- every shape, option and order of memory


@st.composite
def channel_problems(draw):
    """x (N, C, *size), and groups; or "batch", or "given" statistics."""
    each, groups = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    size = draw(st.lists(st.integers(1, 4), max_size=3))
    kind = draw(st.sampled_from([groups, "batch", "given"]))
    samples = draw(st.integers(2 if kind == "batch" else 0, 4))
    return (samples, each * groups, *size), kind


@pytest.mark.usefixtures("small_blocks")
@settings(max_examples=60)
@given(
    channel_problems(),
    st.sampled_from([first, last, strided]),
    st.sampled_from([first, last]),
    st.sampled_from([*EPS]),
    st.sampled_from([0.0, 0.5, 30.0]),
    SEEDS,
)
def test_norms_of_channels(problem, order, order_of_g, dtype, offset, seed):
    shape, kind = problem
    x, w, b, v = normal(seed, shape, shape[1], shape[1], shape, dtype=dtype)
    x, v = order((x + offset).astype(dtype)), order_of_g(v)
    if kind == "batch":
        ours, oracle = functools.partial(batch_norm, eps=0.5), cases_norm.batch_norm
    elif kind == "given":
        statistics = np.full(shape[1], offset - 0.5, dtype), np.full(shape[1], 2.0, dtype)
        ours, oracle = functools.partial(given_norm, eps=0.5), cases_norm.batch_norm
        oracle = functools.partial(oracle, training=False)
    else:
        ours = functools.partial(group_norm, kind, eps=0.5)
        oracle = functools.partial(cases_norm.group_norm, num_groups=kind)
    xs = [x, w, b, *(statistics if kind == "given" else ())]
    compare(ours, functools.partial(oracle, eps=0.5), xs, v, dtype)


def batch_norm(x, w=None, b=None, eps=1e-5):
    return ops.batch_norm(x, None, None, w, b, training=True, eps=eps)


def given_norm(x, w, b, mean, var, eps=1e-5):
    return ops.batch_norm(x, mean, var, w, b, eps=eps)


def group_norm(groups, x, w=None, b=None, eps=1e-5):
    return ops.group_norm(x, groups, w, b, eps)


def compare(ours, oracle, xs, v, dtype, scale=64):
    """Values against NumPy, gradients against those of the reference, both of them in float64."""
    scale *= 16 if dtype == "float64" else 1  # then they are not better than what they check
    wide = [x.astype("float64") for x in xs]
    (y, *plain), _ = derivatives(ours, xs, v)
    _, recorded = derivatives(ours, wide, v.astype("float64"))
    assert y.dtype == dtype
    close(y, oracle(*wide), dtype, scale)
    for a, e in zip(plain, recorded, strict=True):
        assert a.dtype == dtype
        close(a, e, dtype, scale)


@st.composite
def row_problems(draw):
    """x and how many of its last dimensions are normalised."""
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    count = draw(st.integers(1, len(shape)))
    if count < len(shape) and draw(st.booleans()):
        shape[0] = 0
    return tuple(shape), count


@pytest.mark.usefixtures("small_blocks")
@settings(max_examples=60)
@given(
    row_problems(),
    st.sampled_from([first, strided]),
    st.sampled_from([*EPS]),
    st.sampled_from([0.0, 0.5, 30.0]),
    st.booleans(),
    SEEDS,
)
def test_norms_of_rows(problem, order, dtype, offset, centre, seed):
    (shape, count), eps = problem, 0.5
    width = shape[-count:]
    x, w, b, v = normal(seed, shape, width, width, shape, dtype=dtype)
    x = order((x + offset).astype(dtype))
    if centre:
        compare(
            lambda x, w, b: ops.layer_norm(x, width, w, b, eps),
            lambda x, w, b: cases_norm.layer_norm(x, w, b, width, eps),
            [x, w, b],
            v,
            dtype,
        )
    else:
        compare(
            lambda x, w: ops.rms_norm(x, width, w, eps),
            lambda x, w: cases_norm.rms_norm(x, w, width, eps),
            [x, w],
            v,
            dtype,
        )


@settings(max_examples=40)
@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
    st.integers(0, 3),
    st.sampled_from([0.7, 1, 1.5, 2, 3, math.inf]),
    SEEDS,
)
def test_vectors_of_any_norm(shape, dim, p, seed):
    dim %= len(shape)
    x, v = normal(seed, shape, shape)
    y = functools.partial(ops.normalize, p=p, dim=dim)
    lengths = np.linalg.norm(y(Tensor(x)).numpy(), p, dim)
    close(lengths, np.ones(lengths.shape))
    (values, plain), (recorded,) = derivatives(y, [x], v)
    close(values, cases_norm.normalize(x, p, dim))
    close(plain, recorded)
    close((plain * x).sum(dim), np.zeros(values.sum(dim).shape))  # its length has no effect


# ---- memory


@pytest.mark.numpy_only
@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("order", [first, last])
@pytest.mark.parametrize("size", [(3,), (3, 5), (2, 3, 2)])
@pytest.mark.parametrize(
    "op",
    [
        batch_norm,
        functools.partial(group_norm, 2),
        ops.instance_norm,
        lambda x: ops.batch_norm(x, mg.zeros(4), mg.ones(4)),
    ],
    ids=["batch", "group", "instance", "given"],
)
def test_results_and_gradients_lie_as_the_input_lies(op, order, size):
    x, v = normal(0, (2, 4, *size), (2, 4, *size), dtype="float32")
    x = order(x)
    for g in (first(v), last(v)):
        (y, dx), _ = derivatives(op, [x], g)
        assert y.strides == dx.strides == x.strides


@pytest.mark.numpy_only
@pytest.mark.usefixtures("both_ways")
def test_a_norm_between_convolutions_changes_no_order():
    x = mg.tensor(normal(0, (2, 3, 6, 6))[0].astype("float32"))
    conv = mg.nn.Conv2d(3, 4, 3, rng=mg.Generator(0))
    between = conv(x)
    y = ops.group_norm(between, 2)
    assert y.data.strides == between.data.strides
    assert y.data.transpose(0, 2, 3, 1).flags.c_contiguous


SAVING = {
    "layer_norm": lambda x, w, b: ops.layer_norm(x, (256,), w, b),
    "rms_norm": lambda x, w, b: ops.rms_norm(x, (256,), w),
    "group_norm": lambda x, w, b: ops.group_norm(x, 8, w, b),
    "batch_norm": batch_norm,
}


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("name", SAVING)
def test_nothing_of_the_size_of_x_is_saved(name):
    x, w, b = (Tensor(a) for a in normal(0, (2000, 256), 256, 256, dtype="float32"))
    if name in ("group_norm", "batch_norm"):
        x = Tensor(x.data.reshape(20, 256, 100))
    xs = [t.requires_grad_() for t in (x, w, b)]
    SAVING[name](*xs)  # scratch is made, once
    tracemalloc.start()
    try:
        y = SAVING[name](*xs)
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert y.requires_grad and y.data.nbytes <= kept < 1.2 * y.data.nbytes


# ---- what is hard in float32


HARD = {
    "layer_norm": (lambda x, w, b, eps=1e-5: ops.layer_norm(x, (64,), w, b, eps),
                   cases_norm.layer_norm, dict(normalized_shape=(64,)), (50, 64)),
    "batch_norm": (batch_norm, cases_norm.batch_norm, {}, (8, 64, 5)),
    "batch_norm_last": (batch_norm, cases_norm.batch_norm, {}, (8, 64, 5)),
    "batch_norm_flat": (batch_norm, cases_norm.batch_norm, {}, (50, 64)),
    "group_norm": (functools.partial(group_norm, 4), cases_norm.group_norm,
                   dict(num_groups=4), (6, 64, 5)),
    "group_norm_last": (functools.partial(group_norm, 4), cases_norm.group_norm,
                        dict(num_groups=4), (6, 64, 5)),
    "instance_norm": (functools.partial(group_norm, 64), cases_norm.instance_norm, {}, (4, 64, 9)),
}  # fmt: skip


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("offset", [1.0, 3.0, 1e2, 1e3, 1e4])
@pytest.mark.parametrize("name", HARD)
def test_a_mean_far_from_0_costs_no_digits(name, offset):
    """x is rounded to float32 first: what then comes out is right to float32's last digits."""
    ours, oracle, options, shape = HARD[name]
    x, w, b, v = normal(1, shape, 64, 64, shape, dtype="float32")
    x = (x + np.float32(offset)).astype("float32")
    x = last(x) if name.endswith("last") else x
    compare(ours, functools.partial(oracle, **options), [x, w, b], v, "float32", scale=16)


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("scale", [1e8, 1e-8])
def test_numbers_of_any_size(name, scale):
    ours, oracle, options, shape = HARD[name]
    x, w, b, v = normal(2, shape, 64, 64, shape, dtype="float32")
    x = (x * np.float32(scale)).astype("float32")
    compare(ours, functools.partial(oracle, **options), [x, w, b], v, "float32", scale=32)


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("level", [0.0, 3.7, 1e4])
def test_constant_groups_give_bias(name, level):
    ours, _, _, shape = HARD[name]
    w, b, v = normal(3, 64, 64, shape, dtype="float32")
    x = np.full(shape, level, "float32")
    (y, *plain), _ = derivatives(ours, [x, w, b], v)
    shift = b if name == "layer_norm" else b.reshape(64, *[1] * (len(shape) - 2))
    close(y, np.broadcast_to(shift, shape), "float32")
    assert all(np.isfinite(g).all() for g in plain)
    close(plain[1], np.zeros(64), "float32")


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("name", HARD)
def test_a_constant_and_a_little_noise(name):
    """The noise is a few of float32's last digits: the variance is far below eps, and right."""
    ours, oracle, options, shape = HARD[name]
    noise, w, b, v = normal(4, shape, 64, 64, shape)
    x = (1 + 1e-7 * noise).astype("float32")
    assert np.unique(x).size > 2
    w, b, v = (a.astype("float32") for a in (w, b, v))
    compare(ours, functools.partial(oracle, **options), [x, w, b], v, "float32", scale=32)


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("scale", [1e8, 1e-8])
def test_vectors_of_any_length(scale):
    x, v = normal(5, (6, 9), (6, 9), dtype="float32")
    x = (x * np.float32(scale)).astype("float32")
    compare(ops.normalize, cases_norm.normalize, [x], v, "float32")
    compare(lambda x: ops.rms_norm(x, (9,), eps=1e-20),
            lambda x: cases_norm.rms_norm(x, 1, (9,), 1e-20), [x], v, "float32")  # fmt: skip


@pytest.mark.usefixtures("both_ways")
def test_one_channel_that_is_not_finite_leaves_the_others_alone():
    x, w = normal(6, (3, 4, 5), 4, dtype="float32")
    clean = batch_norm(Tensor(x), Tensor(w)).numpy()
    x[1, 2, 3] = np.nan
    for order in (first, last):
        y = batch_norm(Tensor(order(x)), Tensor(w)).numpy()
        assert np.isnan(y[:, 2]).all()
        close(np.delete(y, 2, 1), np.delete(clean, 2, 1), "float32")


@pytest.mark.usefixtures("both_ways")
def test_running_statistics_of_numbers_far_from_0():
    x = (normal(7, (64, 3, 4))[0] + [[1e4], [-1e3], [0]]).astype("float32")
    mean, var = mg.zeros(3), mg.zeros(3)
    ops.batch_norm(Tensor(x), mean, var, training=True, momentum=1.0)
    wide = x.astype("float64")
    np.testing.assert_allclose(mean.numpy(), wide.mean((0, 2)), rtol=2e-7, atol=1e-7)
    np.testing.assert_allclose(var.numpy(), wide.var((0, 2), ddof=1), rtol=2e-6)


def test_running_statistics_of_large_images_are_means_of_the_samples():
    x = normal(8, (4, 3, 64, 64))[0].astype("float32")
    x *= np.float32([1, 2, 3, 4])[:, None, None, None]
    mean, var = mg.zeros(3), mg.zeros(3)
    ops.instance_norm(Tensor(x), mean, var, momentum=1.0)
    wide = x.astype("float64")
    np.testing.assert_allclose(mean.numpy(), wide.mean((2, 3)).mean(0), atol=1e-6)
    np.testing.assert_allclose(var.numpy(), wide.var((2, 3), ddof=1).mean(0), rtol=2e-6)


@pytest.mark.parametrize("order", [first, last])
def test_sums_keep_their_digits_however_large_the_picture(order):
    """One float32 sum over all positions loses a digit."""
    x = np.random.default_rng(0).random((1, 3, 512, 512), "float32")
    var = mg.zeros(3)
    ops.batch_norm(Tensor(order(x)), mg.zeros(3), var, training=True, momentum=1.0)
    expected = x.astype("float64").var((0, 2, 3), ddof=1)
    np.testing.assert_allclose(var.numpy(), expected, rtol=1e-6)


# ---- identities


@pytest.mark.usefixtures("both_ways")
def test_norms_that_are_one_another():
    x = Tensor(normal(8, (3, 4, 2, 2))[0])
    assert (ops.instance_norm(x).data == ops.group_norm(x, 4).data).all()
    close(ops.group_norm(x, 1).data, ops.layer_norm(x, (4, 2, 2)).data)
    one = x[:1]
    close(batch_norm(one).data, ops.instance_norm(one).data)
    centred = x - x.mean(-1, keepdim=True)
    close(ops.layer_norm(x, (2,)).data, ops.rms_norm(centred, (2,), eps=1e-5).data)
    axes = (0, 2, 3)
    mean, var = (Tensor(f(x.data, axes)) for f in (np.mean, np.var))
    close(batch_norm(x).data, ops.batch_norm(x, mean, var).data)
    close(ops.local_response_norm(x, 3, alpha=0.0, k=4.0, beta=0.5).data, x.data / 2)


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("name", HARD)
def test_shift_and_scale_of_x_have_no_effect(name):
    ours, _, _, shape = HARD[name]
    x, w, b = normal(9, shape, 64, 64)
    y, moved = (ours(*map(Tensor, (a, w, b)), eps=0) for a in (x, 3 * x - 7))
    close(moved.numpy(), y.numpy(), scale=256)


# ---- order 2


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("name", [*HARD, "rms_norm", "normalize"])
def test_hessian_products_are_differences_of_gradients(name):
    fns = {
        "layer_norm": lambda x: ops.layer_norm(x, (3,)),
        "rms_norm": lambda x: ops.rms_norm(x, (3,), eps=0.1),
        "normalize": ops.normalize,
        "instance_norm": ops.instance_norm,
    }
    f = fns.get(name, batch_norm if name.startswith("batch") else functools.partial(group_norm, 1))
    shape = (4, 3) if name in ("layer_norm", "rms_norm", "normalize") else (3, 3, 2)
    x, v, direction = normal(10, shape, shape, shape)
    x = last(x) if name.endswith("last") else x

    def loss(x):
        return (f(x) * Tensor(v)).sin().sum()

    def gradient(x):
        x = Tensor(x).requires_grad_()
        return grad(loss(x), x)[0].numpy()

    _, (product,) = mg.hvp(loss, Tensor(x), Tensor(direction))
    h = 1e-5
    difference = (gradient(x + h * direction) - gradient(x - h * direction)) / (2 * h)
    np.testing.assert_allclose(product.numpy(), difference, rtol=1e-6, atol=1e-6)
